package file

import (
	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/ident"

	"golang.org/x/sys/unix"
)

// minHole is what is worth a question to the file system.
const minHole = 64 << 10

// jumpHole passes over a place that was never written, without reading it: a writer that goes on at its old offset after the
// file was truncated leaves as much as the file was long (lseek(2), SEEK_DATA).
func (f *follower) jumpHole() error {
	p, ok := f.src.(*plain)
	if f.kind != archive.Plain || !ok || f.size < f.read()+minHole {
		return nil
	}
	data, err := unix.Seek(int(f.file.Fd()), p.at, unix.SEEK_DATA)
	if err == unix.ENXIO { // to the end, nothing was written
		return nil
	}
	if err != nil || data < p.at+minHole {
		return nil //nolint:nilerr // a file system that cannot tell: then it is read
	}
	n := uint64(data - p.at)
	if err := f.lines.Hole(n, f.now, f); err != nil {
		return err
	}
	p.at = data
	f.tail = ident.Extend(f.tail, make([]byte, min(n, ident.MarkSize)))
	c := f.content
	if f.read() > c.Top {
		c.Top = f.read()
		if err := f.in.store.note(&change{Number: c.Number, Top: c.Top}); err != nil {
			return err
		}
	}
	f.noteHanded()
	return f.in.store.flush()
}
