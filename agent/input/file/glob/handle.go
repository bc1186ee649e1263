package glob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

var (
	// ErrNoHandle says that this file system, kernel or filter gives no handle that could be trusted.
	ErrNoHandle = errors.New("no file handle here")
	// ErrGone says that a file has neither a name nor anybody who holds it open.
	ErrGone = errors.New("file is gone")
	// ErrNotAllowed says that files may not be opened by handle: it takes CAP_DAC_READ_SEARCH, outside of any user namespace.
	ErrNotAllowed = errors.New("not allowed to open by handle")

	errNotHandle = errors.New("not a file handle")
)

const (
	// A handle: the file system's f_type (4 bytes, little endian), the kernel's handle_type (4), and its bytes.
	handleHead = 8
	maxHandle  = handleHead + 128 // MAX_HANDLE_SZ
)

// zfsMagic is f_type of OpenZFS, which is not in the kernel's own list.
const zfsMagic = 0x2fc12fc1

// trusted tells the file systems whose handles name one file for as long as it lives, over reboots if the disk lasts, and
// never another one: they hold the inode's generation. Left out: FUSE (a number of the daemon's own, often new at each
// mount), overlay (off by default; changes when a file is copied up), 9p, CIFS, vfat, exfat (no generation),
// and whatever nobody has tried.
func trusted(fs int64) bool {
	switch fs {
	case unix.EXT4_SUPER_MAGIC, // ext2 and ext3 too: inode, generation
		unix.XFS_SUPER_MAGIC,   // inode, generation
		unix.BTRFS_SUPER_MAGIC, // object, subvolume, generation; objects are never used again
		unix.F2FS_SUPER_MAGIC,  // inode, generation
		unix.TMPFS_MAGIC,       // inode, generation drawn at random; does not outlive the mount, as the file does not
		zfsMagic,               // object, generation
		unix.NFS_SUPER_MAGIC:   // the server's own handle, which holds the above
		return true
	}
	return false
}

// HandleOf returns the handle of an open file: bytes that find it again on its file system under whatever name, and
// while somebody holds it open under none. It is ErrNoHandle where there is none to be trusted.
func HandleOf(f *os.File) ([]byte, error) {
	fs, err := fileSystem(f)
	if err != nil {
		return nil, fmt.Errorf("take handle of %s: %w", f.Name(), err)
	}
	if !trusted(fs) {
		return nil, fmt.Errorf("take handle of %s: %w: file system type %#x", f.Name(), ErrNoHandle, fs)
	}
	h, _, err := unix.NameToHandleAt(int(f.Fd()), "", unix.AT_EMPTY_PATH)
	if err != nil {
		return nil, fmt.Errorf("take handle of %s: %w", f.Name(), classifyHandle(err))
	}
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, handleHead+h.Size()), uint32(fs))
	b = binary.LittleEndian.AppendUint32(b, uint32(h.Type()))
	return append(b, h.Bytes()...), nil
}

// OpenByHandle opens a regular file for reading by what HandleOf returned, as OpenRegular does. Mount is any open file or directory
// on the same file system (not an O_PATH one): that is for the caller to see to, since on another of the same kind
// ErrGone would be the answer for a file that is not. The file's Name is where it lies now, if the kernel says so.
func OpenByHandle(mount *os.File, h []byte) (*os.File, error) {
	fs, handle, err := parseHandle(h)
	if err != nil {
		return nil, fmt.Errorf("open by handle: %w", err)
	}
	if now, err := fileSystem(mount); err != nil || now != fs {
		return nil, fmt.Errorf("open by handle: %w: %s is not on a file system of type %#x", errors.Join(ErrNoHandle, err), mount.Name(), fs)
	}
	fd, err := quietly(readFlags, func(flags int) (int, error) {
		return unix.OpenByHandleAt(int(mount.Fd()), handle, flags)
	})
	if err != nil {
		return nil, fmt.Errorf("open by handle on %s: %w", mount.Name(), classifyHandle(err))
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		name = fmt.Sprintf("handle %x", h)
	}
	return regular(fd, name)
}

// classifyHandle names what a caller tells apart.
func classifyHandle(err error) error {
	switch {
	case errors.Is(err, unix.ESTALE):
		return fmt.Errorf("%w: %w", ErrGone, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: %w", ErrNoHandle, err)
	}
	return err
}

func parseHandle(b []byte) (fs int64, h unix.FileHandle, err error) {
	if len(b) <= handleHead || len(b) > maxHandle {
		return 0, h, fmt.Errorf("%w: %d bytes, not %d to %d", errNotHandle, len(b), handleHead+1, maxHandle)
	}
	fs = int64(binary.LittleEndian.Uint32(b))
	return fs, unix.NewFileHandle(int32(binary.LittleEndian.Uint32(b[4:])), b[handleHead:]), nil
}

// fileSystem returns f_type of statfs(2), 32 bits.
func fileSystem(f *os.File) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, err
	}
	return int64(uint32(st.Type)), nil
}
