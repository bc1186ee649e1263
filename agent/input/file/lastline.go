package file

import (
	"io"
	"slices"

	"belfry/agent/input/file/ident"
)

// lastLine returns where the last line of a content begins, if that alone is not as it was in a file of size bytes: it has no end
// yet, nothing of it was handed on, and some programs write over it again and again. A file that is shorter than it was has
// lost something else.
func (c *content) lastLine(r io.ReaderAt, size uint64) (at uint64, ok bool) {
	at = c.Foot.Off
	if at == 0 || at != c.next() || at >= c.Top || c.Top > c.Taken || size < c.Top {
		return 0, false
	}
	if n := len(c.Cuts); n > 0 && c.Cuts[n-1] > at {
		return 0, false // time has ended it, and it may have left
	}
	b := make([]byte, min(at, footSize))
	if n, _ := r.ReadAt(b, int64(at)-int64(len(b))); n < len(b) || ident.Sum(b) != c.Foot.Hash {
		return 0, false
	}
	return at, c.holdsTo(r, size, at)
}

// holdsTo reports whether a file of size bytes has all that is known of a content before an offset.
func (c *content) holdsTo(r io.ReaderAt, size, at uint64) bool {
	before := ident.Evidence{Head: slices.Clone(c.Head), Marks: slices.Clone(c.Marks), Top: c.Top}
	before.CutTo(at)
	like, err := before.Like(r, size)
	return err == nil && (like.Equal || len(before.Marks) == 0 && len(before.Head) == 0)
}

// takeBack forgets what was seen of a file from an offset on.
func (c *content) takeBack(r io.ReaderAt, at uint64) error {
	b, err := bytesBefore(r, at)
	if err != nil {
		return err
	}
	c.CutTo(at)
	c.Note(ident.Mark{Off: at, Hash: ident.Sum(b)})
	c.Taken, c.Length = at, min(c.Length, at)
	return nil
}

// readLineAgain goes on with a file of which only the unfinished last line has changed. It reports false if that is not so.
func (in *Input) readLineAgain(h Handle, f *follower) bool {
	st, err := statFile(f.file)
	if err != nil {
		return false
	}
	at, ok := f.content.lastLine(f.file, st.size)
	if !ok || at != f.lines.Begin() {
		return false
	}
	if f.content.takeBack(f.file, at) != nil || in.stateError(in.store.put(f.content)) != nil {
		return false
	}
	in.log.Debug("the last line was written over", "path", f.path, "from", at)
	in.rewind(h, f)
	return true
}
