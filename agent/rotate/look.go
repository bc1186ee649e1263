package rotate

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// handle identifies a file while it exists: inode and birth time, so that a reused inode shows. The device is left out:
// it changes with a mount, and all that is compared lies in one directory.
type handle struct {
	Inode uint64 `json:"ino"`
	Birth int64  `json:"birth,omitempty"` // nanoseconds since 1970; 0 where the file system has none
}

func (h handle) String() string { return fmt.Sprintf("inode %d", h.Inode) }

// stat is what one look at a file tells.
type stat struct {
	handle
	dev      uint64
	size     int64
	mtime    time.Time
	mode     uint32 // with the type
	uid, gid uint32
	links    uint32
}

func (s stat) regular() bool { return s.mode&unix.S_IFMT == unix.S_IFREG }
func (s stat) link() bool    { return s.mode&unix.S_IFMT == unix.S_IFLNK }
func (s stat) perm() uint32  { return s.mode & 0o7777 }

// begun is when the file was made, the zero time where the file system does not say.
func (s stat) begun() time.Time {
	if s.Birth == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.Birth)
}

// unchanged reports whether two looks saw the same bytes, as far as that can be seen without reading them.
func (s stat) unchanged(o stat) bool {
	return s.handle == o.handle && s.size == o.size && s.mtime.Equal(o.mtime)
}

// statAt looks at a name in an open directory, and follows no link (statx(2)).
func statAt(dir int, name string) (stat, error) {
	var x unix.Statx_t
	const want = unix.STATX_BASIC_STATS | unix.STATX_BTIME
	if err := unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH, want, &x); err != nil {
		return stat{}, err
	}
	s := stat{
		handle: handle{Inode: x.Ino},
		dev:    unix.Mkdev(x.Dev_major, x.Dev_minor),
		size:   int64(x.Size),
		mtime:  time.Unix(x.Mtime.Sec, int64(x.Mtime.Nsec)),
		mode:   uint32(x.Mode),
		uid:    x.Uid,
		gid:    x.Gid,
		links:  x.Nlink,
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		s.Birth = x.Btime.Sec*1e9 + int64(x.Btime.Nsec)
	}
	return s, nil
}

func statFile(f *os.File) (stat, error) {
	s, err := statAt(int(f.Fd()), "")
	if err != nil {
		return stat{}, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	return s, nil
}
