package file

import (
	"bytes"
	"io"
	"path/filepath"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/ident"
)

// maxTrim is how large a file may be that is searched for the place where an older content goes on.
const maxTrim = 16 << 20

// foot is the hash of the few bytes before a place where reading goes on, footSize if so many are there: enough to find it in
// a file whose head was cut off.
type foot struct {
	Off  uint64     `json:"off"`
	Hash ident.Hash `json:"hash"`
}

const footSize = 256

// trimmed looks whether a new live file is what is left of its last content after its head was cut off, as by
// "tail -n 1000 f >g; mv g f": if the bytes before the cursor are in it once, reading begins behind them.
// A content whose file is deleted and still open is read to its end first: then wait is true.
func (in *Input) trimmed(n *content, c *candidate) (wait bool) {
	if c.kind != archive.Plain {
		return false
	}
	var last *content
	for _, o := range in.byBase[filepath.Base(c.path)] {
		if in.store.contents[o.key()] == o && o.Path == c.path && (last == nil || o.Number > last.Number) && in.isDeleted(o) {
			last = o
		}
	}
	if last == nil {
		return false
	}
	at := findFoot(c.file, c.stat.size, last)
	if at == 0 {
		return false
	}
	if f := in.open[last.File]; f != nil && f.content == last && f.size > f.read() || last.Cursor < last.next() {
		return true // until all before is confirmed: nobody could read it again
	}
	in.log.Info("the head of the file was cut off, it goes on behind what was read", "path", c.path, "from", at)
	n.Cursor, n.Began = at, at
	return false
}

// isDeleted reports whether a content's file has no name any more.
func (in *Input) isDeleted(o *content) bool {
	f := in.open[o.File]
	if f == nil || f.content != o {
		return in.isGone(o)
	}
	st, err := statFile(f.file)
	return err == nil && st.links == 0
}

// findFoot returns the one offset behind a line end at which a file has the last bytes that were read of a content; 0 if
// there is none, or more than one.
func findFoot(r io.ReaderAt, size uint64, o *content) (at uint64) {
	want := o.Foot
	if want.Off != o.next() || want.Off < footSize || size < footSize || size > maxTrim {
		return 0
	}
	text := make([]byte, size)
	if n, err := r.ReadAt(text, 0); n < len(text) || err != nil && err != io.EOF {
		return 0
	}
	for i := 0; ; {
		j := bytes.IndexByte(text[i:], '\n')
		if j < 0 {
			return at
		}
		i += j + 1
		if i >= footSize && ident.Sum(text[i-footSize:i]) == want.Hash {
			if at > 0 {
				return 0 // nobody knows which
			}
			at = uint64(i)
		}
	}
}
