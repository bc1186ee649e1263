package rotate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"
)

const (
	pieceSize = 256 << 10 // bytes between two pauses
	restRatio = 2         // pause so many times as long as a piece took: at most a third of a core
)

// compress writes one gzip member with the name and the time of what is in it (RFC 1952).
func (r *Rotator) compress(ctx context.Context, out io.Writer, in *os.File, name string, mtime time.Time) error {
	w, err := gzip.NewWriterLevel(out, gzip.DefaultCompression)
	if err != nil {
		return err
	}
	w.ModTime = mtime
	if ascii(name) { // the format knows Latin-1 only
		w.Name = name
	}
	buf := make([]byte, pieceSize)
	for at := int64(0); ; {
		began := time.Now()
		n, err := in.ReadAt(buf, at)
		if _, werr := w.Write(buf[:n]); werr != nil {
			return werr
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return w.Close()
		}
		if err != nil {
			return err
		}
		if r.pause(ctx, restRatio*time.Since(began)); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// setTime gives an open file the time at which it was last written.
func setTime(f *os.File, t time.Time) error {
	ts := []unix.Timespec{unix.NsecToTimespec(t.UnixNano()), unix.NsecToTimespec(t.UnixNano())}
	err := unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), ts, 0)
	if errors.Is(err, fs.ErrNotExist) { // no /proc
		err = unix.Futimes(int(f.Fd()), []unix.Timeval{unix.NsecToTimeval(t.UnixNano()), unix.NsecToTimeval(t.UnixNano())})
	}
	if err != nil {
		return fmt.Errorf("set the time of %s: %w", f.Name(), err)
	}
	return nil
}

// verify reads an archive back, and holds it against what was compressed.
func (r *Rotator) verify(ctx context.Context, d *folder, name string, made handle, in *os.File) error {
	f, st, err := d.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if st.handle != made {
		return fmt.Errorf("%w: %s", errForeign, d.in(name))
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("read %s back: %w", d.in(name), err)
	}
	want, got := make([]byte, pieceSize), make([]byte, pieceSize)
	for at := int64(0); ; {
		began := time.Now()
		n, err := in.ReadAt(want, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		m, gerr := io.ReadFull(z, got)
		if !bytes.Equal(want[:n], got[:m]) {
			return errors.Join(fmt.Errorf("%s is not what was compressed, from byte %d on", d.in(name), at), gerr)
		}
		if at += int64(n); n < len(want) {
			return atEnd(d.in(name), z)
		}
		if r.pause(ctx, restRatio*time.Since(began)); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// atEnd makes sure that an archive ends here, with the right checksum.
func atEnd(name string, z io.Reader) error {
	n, err := z.Read(make([]byte, 1))
	if n > 0 {
		return fmt.Errorf("%s is longer than what was compressed", name)
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s back: %w", name, err)
	}
	return nil
}
