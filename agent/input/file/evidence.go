package file

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// headSize and markSize are the bytes that tell two contents apart: the first of a content, and the last before an
// offset. 4 KiB is longer than the headers that programs write at the top of each log.
const (
	headSize = 4 << 10
	markSize = 4 << 10
)

// Handle is a file's identity while it exists: inode and birth time, so that a reused inode shows.
type Handle struct {
	Dev   uint64 `json:"dev"`
	Inode uint64 `json:"ino"`
	Birth int64  `json:"birth,omitempty"` // nanoseconds since 1970; 0 where the file system has none
}

// stat is what one look at an open file tells.
type stat struct {
	handle  Handle
	size    uint64
	mtime   int64 // nanoseconds since 1970
	links   uint32
	regular bool
}

// statFile looks at an open file (statx(2)).
func statFile(f *os.File) (stat, error) {
	var x unix.Statx_t
	const want = unix.STATX_BASIC_STATS | unix.STATX_BTIME
	if err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, want, &x); err != nil {
		return stat{}, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	return fromStatx(&x), nil
}

// statPath looks at a name without following a link.
func statPath(path string) (stat, error) {
	var x unix.Statx_t
	const want = unix.STATX_BASIC_STATS | unix.STATX_BTIME
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, want, &x); err != nil {
		return stat{}, fmt.Errorf("stat %s: %w", path, err)
	}
	return fromStatx(&x), nil
}

func fromStatx(x *unix.Statx_t) stat {
	s := stat{
		handle:  Handle{Dev: unix.Mkdev(x.Dev_major, x.Dev_minor), Inode: x.Ino},
		size:    x.Size,
		mtime:   x.Mtime.Sec*1e9 + int64(x.Mtime.Nsec),
		links:   x.Nlink,
		regular: x.Mode&unix.S_IFMT == unix.S_IFREG,
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		s.handle.Birth = x.Btime.Sec*1e9 + int64(x.Btime.Nsec)
	}
	return s
}

// digest is the short hash of a head or a mark.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}

// Evidence is what is known of a content's bytes.
type Evidence struct {
	HeadLen int    `json:"head_len"`           // bytes that Head covers, at most headSize
	Head    string `json:"head,omitempty"`     // hash of the first HeadLen bytes
	Top     uint64 `json:"top"`                // the largest offset read
	TopMark string `json:"top_mark,omitempty"` // hash of the at most markSize bytes before Top
}

// noteHead takes the first bytes, at most headSize, if they tell more than what is known.
func (e *Evidence) noteHead(b []byte) {
	if len(b) > e.HeadLen {
		e.HeadLen, e.Head = len(b), digest(b)
	}
}

// cutTo takes back what is known beyond size: the content goes on in a copy that is shorter.
func (e *Evidence) cutTo(r io.ReaderAt, size uint64) {
	e.Top = size
	e.TopMark = digestAt(r, e.markStart(), int(size-e.markStart()))
	if n := int(min(size, headSize)); n < e.HeadLen {
		e.HeadLen, e.Head = n, digestAt(r, 0, n)
	}
}

// holds reports whether r has the bytes that e describes. Nothing known equals nothing.
func (e Evidence) holds(r io.ReaderAt) bool {
	if e.HeadLen == 0 {
		return false
	}
	return digestAt(r, 0, e.HeadLen) == e.Head && digestAt(r, e.markStart(), int(e.Top-e.markStart())) == e.TopMark
}

func (e Evidence) markStart() uint64 { return e.Top - min(e.Top, markSize) }

// digestAt returns "" if the bytes are not all there.
func digestAt(r io.ReaderAt, at uint64, n int) string {
	buf := make([]byte, n)
	if _, err := r.ReadAt(buf, int64(at)); err != nil && err != io.EOF {
		return ""
	} else if err == io.EOF {
		// ReadAt may report the end together with all the bytes.
		if m, _ := io.ReadFull(io.NewSectionReader(r, int64(at), int64(n)), buf); m < n {
			return ""
		}
	}
	return digest(buf)
}
