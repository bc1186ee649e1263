package file

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Handle is a file's identity while it exists: inode and birth time, so that a reused inode shows. The device is a hint:
// a file system that is mounted again may have another.
type Handle struct {
	Dev   uint64 `json:"dev"`
	Inode uint64 `json:"ino"`
	Birth int64  `json:"birth,omitempty"` // nanoseconds since 1970; 0 where the file system has none
}

// stat is what one look at a file tells.
type stat struct {
	handle  Handle
	size    uint64
	mtime   int64 // nanoseconds since 1970
	ctime   int64 // likewise; it changes with the rights as well
	links   uint32
	regular bool
}

// made returns the earliest time that the file tells of itself.
func (s stat) made() int64 {
	if s.handle.Birth == 0 {
		return s.mtime
	}
	return min(s.handle.Birth, s.mtime)
}

const wantStat = unix.STATX_BASIC_STATS | unix.STATX_BTIME

// statFile looks at an open file (statx(2)).
func statFile(f *os.File) (stat, error) {
	var x unix.Statx_t
	if err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, wantStat, &x); err != nil {
		return stat{}, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	return fromStatx(&x), nil
}

// statPath looks at a name without following a link.
func statPath(path string) (stat, error) {
	var x unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, wantStat, &x); err != nil {
		return stat{}, fmt.Errorf("stat %s: %w", path, err)
	}
	return fromStatx(&x), nil
}

func fromStatx(x *unix.Statx_t) stat {
	s := stat{
		handle:  Handle{Dev: unix.Mkdev(x.Dev_major, x.Dev_minor), Inode: x.Ino},
		size:    x.Size,
		mtime:   x.Mtime.Sec*1e9 + int64(x.Mtime.Nsec),
		ctime:   x.Ctime.Sec*1e9 + int64(x.Ctime.Nsec),
		links:   x.Nlink,
		regular: x.Mode&unix.S_IFMT == unix.S_IFREG,
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		s.handle.Birth = x.Btime.Sec*1e9 + int64(x.Btime.Nsec)
	}
	return s
}
