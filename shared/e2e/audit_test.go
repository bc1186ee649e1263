package e2e_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// audited asks the audit after all that: every byte of every file is held, under the name of its file, and nothing is
// missing, on its way, or accounted for twice.
func (o once) audited() {
	want := o.written()
	var last error // tells more than that the time was up
	until(o.T, "the audit of all files", func(ctx context.Context) error {
		text, code, err := o.Aggregator.Audit(ctx, "web01")
		if ctx.Err() != nil {
			return last
		}
		if err == nil {
			err = o.allHeld(text, code, want)
		}
		last = err
		return err
	})
	o.Logf("measured: the audit accounts for each of %d bytes", want)
}

// allHeld asks whether what the audit says is that all bytes are held.
func (o once) allHeld(text []byte, code int, want uint64) error {
	held := uint64(0)
	for line := range bytes.Lines(text) {
		var f struct {
			Type, Path                               string
			Held, Dead, Dropped, Skipped             uint64
			Missing, Accepted, Pending, Expired, End uint64
		}
		if err := json.Unmarshal(line, &f); err != nil {
			return fmt.Errorf("%w: %s", err, line)
		}
		if f.Dead+f.Dropped+f.Skipped+f.Missing+f.Accepted+f.Pending+f.Expired > 0 {
			return fmt.Errorf("not all is held: %s", line)
		}
		if f.Type == "file" && strings.HasPrefix(f.Path, o.Feeder.Path()) {
			held += f.Held
		}
	}
	if held != want || code != 0 {
		return fmt.Errorf("exit code %d, %d bytes are held of %d: %s", code, held, want, text)
	}
	return nil
}

// written returns the bytes of the live file and of its archives.
func (o once) written() (n uint64) {
	files, err := filepath.Glob(o.Feeder.Path() + "*")
	o.must(err)
	for _, path := range files {
		f, err := os.Open(path)
		o.must(err)
		r := io.Reader(f)
		if strings.HasSuffix(path, ".gz") {
			r, err = gzip.NewReader(f)
			o.must(err)
		}
		size, err := io.Copy(io.Discard, r)
		o.must(err)
		o.must(f.Close())
		n += uint64(size)
	}
	return n
}
