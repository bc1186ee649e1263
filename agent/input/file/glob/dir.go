package glob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	listSize = 32 << 10 // bytes of names a call, about 800
	// An entry: inode (8 bytes), offset (8), its own length (2), type (1), the name and a zero (getdents64(2)).
	entryHead = 19
	maxName   = 255
)

// lists are the buffers that directories are read into.
var lists = sync.Pool{New: func() any { return new([listSize]byte) }}

// Dir is an open directory. Listing it and looking at its files allocates nothing.
type Dir struct {
	f    *os.File
	fd   int
	path string
	shut bool              // it may be entered, but not listed
	name [maxName + 1]byte // the one that is looked at, with its zero
}

// OpenDir opens a directory (absolute path). Links on the way are treated as OpenRegular does. In one that may not be
// listed (EACCES by Each) a name that is known can still be looked at and opened.
func OpenDir(path string) (*Dir, error) {
	d, err := openDir(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return d, nil
}

func openDir(path string) (*Dir, error) {
	const (
		list  = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NONBLOCK | unix.O_CLOEXEC
		enter = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	)
	if filepath.IsAbs(path) && filepath.Clean(path) == path {
		fd, err := openNoLinks(unix.AT_FDCWD, path, list)
		shut := errors.Is(err, unix.EACCES)
		if shut {
			fd, err = openNoLinks(unix.AT_FDCWD, path, enter)
		}
		if err == nil || !unsure(err) {
			return newDir(fd, path, shut), err
		}
	}
	c, err := climbTo(path)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if c.leaf != "" {
		return nil, unix.ENOTDIR
	}
	fd, err := openat(c.dir, ".", list)
	shut := errors.Is(err, unix.EACCES)
	if shut {
		fd, err = openat(c.dir, ".", enter)
	}
	return newDir(fd, c.path(), shut), err
}

// newDir returns nil for what could not be opened.
func newDir(fd int, real string, shut bool) *Dir {
	if fd < 0 {
		return nil
	}
	return &Dir{f: os.NewFile(uintptr(fd), real), fd: fd, path: real, shut: shut}
}

// Real returns the path of the directory, without links, as it was when it was opened.
func (d *Dir) Real() string { return d.path }

// File returns the open directory, as OpenByHandle wants one. It ends with d.
func (d *Dir) File() *os.File { return d.f }

// Close ends all use of the directory.
func (d *Dir) Close() { d.f.Close() }

// Each calls f for each entry but . and .., in no order, from the first on, until f returns false. The name belongs to f
// until it returns. The type is DT_REG, DT_DIR, DT_LNK..., or DT_UNKNOWN where the file system does not tell. What is
// created or renamed meanwhile may be missed, or told under both names: the next look tells.
func (d *Dir) Each(f func(name []byte, ino uint64, typ uint8) bool) error {
	if d.shut {
		return fmt.Errorf("list %s: %w", d.path, unix.EACCES)
	}
	list := lists.Get().(*[listSize]byte)
	defer lists.Put(list)
	if _, err := unix.Seek(d.fd, 0, unix.SEEK_SET); err != nil {
		return fmt.Errorf("list %s: %w", d.path, err)
	}
	for {
		n, err := unix.Getdents(d.fd, list[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", d.path, err)
		}
		if n == 0 || !eachEntry(list[:n], f) {
			return nil
		}
	}
}

// eachEntry goes through what the kernel wrote. It returns false if f did.
func eachEntry(b []byte, f func(name []byte, ino uint64, typ uint8) bool) bool {
	for len(b) > entryHead {
		size := int(binary.NativeEndian.Uint16(b[16:]))
		if size <= entryHead || size > len(b) {
			return true // no kernel does this
		}
		name := b[entryHead:size]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		if string(name) != "." && string(name) != ".." && !f(name, binary.NativeEndian.Uint64(b), b[18]) {
			return false
		}
		b = b[size:]
	}
	return true
}

// Stat looks at an entry without following a link (statx(2): basic facts and time of birth). It may be called within Each.
// The error is the kernel's bare number: that a name is gone is nothing to write a text for.
func (d *Dir) Stat(name []byte, st *unix.Statx_t) error {
	const (
		flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
		want  = unix.STATX_BASIC_STATS | unix.STATX_BTIME
	)
	if len(name) > maxName {
		return unix.ENAMETOOLONG
	}
	if len(name) == 0 || bytes.IndexByte(name, '/') >= 0 || bytes.IndexByte(name, 0) >= 0 {
		return unix.EINVAL
	}
	d.name[copy(d.name[:], name)] = 0
	// unix.Statx would copy the name to the heap.
	_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(d.fd), uintptr(unsafe.Pointer(&d.name[0])),
		flags, want, uintptr(unsafe.Pointer(st)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// OpenRegular opens an entry as the function OpenRegular does.
func (d *Dir) OpenRegular(name string) (f *os.File, real string, err error) {
	var st unix.Statx_t
	if err := d.Stat([]byte(name), &st); err != nil {
		return nil, "", fmt.Errorf("open %s: %w", join(d.path, name), err)
	}
	real = join(d.path, name)
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return OpenRegular(real)
	}
	if err := judge(uint32(st.Mode)); err != nil {
		return nil, "", fmt.Errorf("open %s: %w", real, err)
	}
	f, err = openLeaf(d.fd, name, real)
	return f, real, err
}
