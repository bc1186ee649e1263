package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// plain reads a file as it is.
type plain struct {
	f  *os.File
	at int64
}

func (p *plain) next(buf []byte) (int, error) {
	n, err := p.f.ReadAt(buf, p.at)
	p.at += int64(n)
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

func (p *plain) close() error { return nil }

// gunzip reads the content of a gzip file, of one member or several (RFC 1952).
type gunzip struct{ z *gzip.Reader }

func openGzip(f *os.File) (*gunzip, error) {
	z, err := gzip.NewReader(bufio.NewReaderSize(io.NewSectionReader(f, 0, 1<<62), 64<<10))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.Name(), damaged(err))
	}
	return &gunzip{z}, nil
}

// skip passes over the first n bytes of content.
func (g *gunzip) skip(n uint64) error {
	if _, err := io.CopyN(io.Discard, g.z, int64(n)); err != nil {
		return fmt.Errorf("skip to byte %d of the content: %w", n, err)
	}
	return nil
}

func (g *gunzip) next(buf []byte) (int, error) {
	n, err := io.ReadFull(g.z, buf)
	switch {
	case n > 0:
		return n, nil // what ended a short piece, the next call says again
	case err == io.EOF:
		return 0, err
	}
	return 0, damaged(err)
}

// damaged tells a fault of the bytes from one of the file system.
func damaged(err error) error {
	if isFileError(err) {
		return err
	}
	return fmt.Errorf("%w: %w", errDamaged, err)
}

func (g *gunzip) close() error { return g.z.Close() }

// writtenAt returns when the content of an archive was last written: gzip's own note, or the file's time.
func (g *gunzip) writtenAt(st stat) time.Time {
	if t := g.z.ModTime; !t.IsZero() && t.Unix() > 0 {
		return t
	}
	return time.Unix(0, st.mtime)
}

// survey reads a whole archive to its trailer. It returns the bytes of content, and which of the wanted evidence is in
// it. Of one that is not whole it tells what can be read, with errDamaged; there a head is evidence enough.
func survey(f *os.File, wanted []Evidence) (length uint64, holds []bool, err error) {
	holds = make([]bool, len(wanted))
	g, err := openGzip(f)
	if err != nil {
		return 0, holds, err
	}
	defer g.close() //nolint:errcheck // it was read
	probes := make([]*probe, len(wanted))
	for i, e := range wanted {
		probes[i] = newProbe(e)
	}
	buf := make([]byte, 64<<10)
	for err == nil {
		var n int
		n, err = g.next(buf)
		for _, p := range probes {
			p.see(buf[:n], length)
		}
		length += uint64(n)
	}
	whole := errors.Is(err, io.EOF)
	for i, p := range probes {
		holds[i] = p.holds() || !whole && p.holdsHead()
	}
	if !whole {
		return length, holds, fmt.Errorf("read %s at byte %d of its content: %w", f.Name(), length, err)
	}
	return length, holds, nil
}

// probe picks the bytes that an Evidence names out of a stream.
type probe struct {
	want       Evidence
	head, mark []byte
}

func newProbe(e Evidence) *probe {
	return &probe{e, make([]byte, 0, e.HeadLen), make([]byte, 0, e.Top-e.markStart())}
}

func (p *probe) see(b []byte, at uint64) {
	p.head = collect(p.head, b, at, 0, uint64(p.want.HeadLen))
	p.mark = collect(p.mark, b, at, p.want.markStart(), p.want.Top)
}

// collect appends what of [first, end) is in b, which begins at at.
func collect(dst, b []byte, at, first, end uint64) []byte {
	if at >= end || at+uint64(len(b)) <= first {
		return dst
	}
	from := max(first, at) - at
	to := min(end, at+uint64(len(b))) - at
	return append(dst, b[from:to]...)
}

// holdsHead asks for a whole head: a shorter one may be a line that all files begin with.
func (p *probe) holdsHead() bool {
	return p.want.HeadLen == headSize && len(p.head) == headSize && digest(p.head) == p.want.Head
}

func (p *probe) holds() bool {
	return p.want.HeadLen > 0 && len(p.head) == p.want.HeadLen && digest(p.head) == p.want.Head &&
		uint64(len(p.mark)) == p.want.Top-p.want.markStart() && digest(p.mark) == p.want.TopMark
}

// compressed lists the endings of archives; those that are not gzip are named once, and left alone.
var compressed = []string{".gz", ".zst", ".bz2", ".xz", ".lz4", ".Z"}

// rotatedFrom returns the live name that a rotated one comes from: "auth.log" of "auth.log.1", "auth.log-20261123.gz"
// or "auth.log.old". ok is false if the name is a live one.
func rotatedFrom(path string) (live string, ok bool) {
	dir, name := filepath.Split(path)
	for _, c := range compressed {
		if t, found := strings.CutSuffix(name, c); found {
			name, ok = t, true
			break
		}
	}
	for _, s := range []string{"~", ".bak", ".orig", ".old", ".save"} {
		if t, found := strings.CutSuffix(name, s); found && t != "" {
			return dir + t, true
		}
	}
	// The last part is all digits, and perhaps hyphens: a number or a date.
	if i := strings.LastIndexAny(name, "."); i > 0 && isNumber(name[i+1:]) {
		return dir + name[:i], true
	}
	if i := strings.IndexByte(name, '-'); i > 0 && isDate(name[i+1:]) {
		return dir + name[:i], true
	}
	return dir + name, ok
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// isDate accepts 20261123, 2026-11-23 and either with an hour or a time behind it, as logrotate's dateext writes them.
func isDate(s string) bool {
	return len(s) >= 8 && isNumber(s[:4]) && strings.Trim(s, "0123456789-_T:.") == ""
}
