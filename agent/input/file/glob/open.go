package glob

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNotRegular says that a name is a directory, FIFO, device or socket. The error around it says which.
var ErrNotRegular = errors.New("not a regular file")

const (
	readFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	// noLinks is what the kernel refuses on the way (openat2(2)).
	noLinks = unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS
)

// OpenRegular opens a regular file (absolute path) for reading, and returns its path without links. It leaves the
// time of access alone where it may. It never blocks: what is not regular is ErrNotRegular, a file under
// another process's lease is EAGAIN. A link on the way that is not trusted is ErrUntrustedLink.
func OpenRegular(path string) (f *os.File, real string, err error) {
	if real, ok := plain(path); ok {
		// Most paths have no link in them, and then this is all.
		fd, err := openNoLinks(unix.AT_FDCWD, real, readFlags)
		if err == nil {
			f, err = regular(fd, real)
			return f, real, err
		}
		if !unsure(err) {
			return nil, "", fmt.Errorf("open %s: %w", path, err)
		}
	}
	c, err := climbTo(path)
	if err != nil {
		return nil, "", fmt.Errorf("open %s: %w", path, err)
	}
	defer c.close()
	if err := judge(c.stat.Mode); err != nil {
		return nil, "", fmt.Errorf("open %s: %w", path, err)
	}
	f, err = openLeaf(c.dir, c.leaf, c.path())
	return f, c.path(), err
}

// plain looks whether a path seems to be a regular file, so that no device is opened just to see that it is one.
func plain(path string) (clean string, ok bool) {
	var st unix.Stat_t
	ok = filepath.IsAbs(path) && filepath.Clean(path) == path && unix.Lstat(path, &st) == nil && judge(st.Mode) == nil
	return path, ok
}

// unsure tells the errors of openat2 after which a look at each name may still find a way, or a better reason.
func unsure(err error) bool {
	return errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) ||
		errors.Is(err, unix.ENXIO)
}

// openLeaf opens a regular file by its name in an open directory.
func openLeaf(dir int, name, real string) (*os.File, error) {
	fd, err := openNoLinks(dir, name, readFlags)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		// No openat2 before Linux 5.6, or behind some filters. For a single name O_NOFOLLOW is as good.
		fd, err = quietly(readFlags, func(flags int) (int, error) { return openat(dir, name, flags) })
	}
	switch {
	case errors.Is(err, unix.ENXIO):
		err = fmt.Errorf("%w, but a socket or a device", ErrNotRegular)
	case errors.Is(err, unix.ELOOP):
		err = fmt.Errorf("%w: it was not there a moment ago", ErrUntrustedLink)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", real, err)
	}
	return regular(fd, real)
}

// regular makes an open file of a descriptor, or closes it.
func regular(fd int, real string) (*os.File, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	if err == nil {
		err = judge(st.Mode)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open %s: %w", real, err)
	}
	return os.NewFile(uintptr(fd), real), nil
}

// judge returns ErrNotRegular for any other kind of file.
func judge(mode uint32) error {
	what := "something unknown"
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		what = "a directory"
	case unix.S_IFIFO:
		what = "a FIFO"
	case unix.S_IFSOCK:
		what = "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		what = "a device"
	case unix.S_IFLNK:
		what = "a link"
	}
	return fmt.Errorf("%w, but %s", ErrNotRegular, what)
}

// openat2 stands here for a test to take away.
var openat2 = unix.Openat2

// openNoLinks opens a path in which no name is a link.
func openNoLinks(dir int, path string, flags int) (int, error) {
	return quietly(flags, func(flags int) (int, error) {
		for {
			fd, err := openat2(dir, path, &unix.OpenHow{Flags: uint64(flags), Resolve: noLinks})
			if !errors.Is(err, unix.EINTR) {
				return fd, err
			}
		}
	})
}

// quietly opens a file without a trace in its time of access, if that is allowed: only its owner and root may.
func quietly(flags int, open func(flags int) (int, error)) (int, error) {
	if flags&unix.O_PATH == 0 { // which leaves none, and takes no such flag
		fd, err := open(flags | unix.O_NOATIME)
		if !errors.Is(err, unix.EPERM) {
			return fd, err
		}
	}
	return open(flags)
}
