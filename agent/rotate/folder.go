package rotate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// folder is an open directory. All that is done to a file is done by its name in here, so that a directory that is
// moved or replaced meanwhile leads nowhere else, and no link is ever followed.
type folder struct {
	path string
	f    *os.File
	st   stat
}

// maxLinks bounds the links on the way to a directory, as the kernel does.
const maxLinks = 40

// openFolder walks to an absolute path, part by part. A link on the way is followed only if root owns it and nobody
// else may write the directory that it lies in.
func openFolder(path string) (*folder, error) {
	w := walk{at: -1}
	defer func() { w.to(-1) }()
	err := w.root()
	for w.parts = strings.Split(path, "/"); err == nil && len(w.parts) > 0; {
		err = w.step()
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return readable(w.at, path)
}

// walk is on its way to a directory.
type walk struct {
	at    int      // where it is
	parts []string // still to go
	links int      // followed so far
}

func (w *walk) to(fd int) {
	if w.at >= 0 {
		closeFD(w.at)
	}
	w.at = fd
}

// closeFD closes what was only looked at: an error says nothing.
func closeFD(fd int) { _ = unix.Close(fd) }

func (w *walk) root() error {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	w.to(fd)
	return err
}

func (w *walk) step() error {
	part := w.parts[0]
	w.parts = w.parts[1:]
	if part == "" {
		return nil
	}
	fd, err := unix.Openat(w.at, part, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	st, err := statAt(fd, "")
	if err != nil || st.link() {
		closeFD(fd)
	}
	if err == nil && st.link() {
		return w.follow(part, st)
	}
	if err == nil {
		w.to(fd)
	}
	return err
}

func (w *walk) follow(name string, st stat) error {
	to, err := trusted(w.at, name, st)
	if err != nil {
		return err
	}
	if w.links++; w.links > maxLinks {
		return unix.ELOOP
	}
	w.parts = append(strings.Split(to, "/"), w.parts...)
	if strings.HasPrefix(to, "/") {
		return w.root()
	}
	return nil
}

// readable opens for reading what was only walked to.
func readable(at int, path string) (*folder, error) {
	fd, err := unix.Openat(at, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	d := &folder{path: path, f: os.NewFile(uintptr(fd), path)}
	if d.st, err = statFile(d.f); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// trusted returns where a link leads, if it is one to follow.
func trusted(dir int, name string, st stat) (string, error) {
	d, err := statAt(dir, "")
	if err != nil {
		return "", err
	}
	if st.uid != 0 || d.uid != 0 || d.mode&0o022 != 0 && d.mode&unix.S_ISVTX == 0 {
		return "", fmt.Errorf("%w: %s is a link that others than root may set", errRefused, name)
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dir, name, buf)
	return string(buf[:max(n, 0)]), err
}

func (d *folder) close()             { d.f.Close() }
func (d *folder) fd() int            { return int(d.f.Fd()) }
func (d *folder) in(n string) string { return filepath.Join(d.path, n) }

// look tells of a name; fs.ErrNotExist if there is none.
func (d *folder) look(name string) (stat, error) {
	s, err := statAt(d.fd(), name)
	if err != nil {
		return stat{}, fmt.Errorf("look at %s: %w", d.in(name), err)
	}
	return s, nil
}

// is reports whether the name is that of the file h.
func (d *folder) is(name string, h handle) bool {
	s, err := statAt(d.fd(), name)
	return err == nil && s.handle == h
}

// has reports whether there is anything of that name. What cannot be looked at is there.
func (d *folder) has(name string) bool {
	_, err := statAt(d.fd(), name)
	return !errors.Is(err, fs.ErrNotExist)
}

// open opens a regular file that has no other name.
func (d *folder) open(name string) (*os.File, stat, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Openat(d.fd(), name, flags, 0)
	if err != nil {
		return nil, stat{}, fmt.Errorf("open %s: %w", d.in(name), err)
	}
	f := os.NewFile(uintptr(fd), d.in(name))
	st, err := statFile(f)
	if err == nil {
		err = plain(d.in(name), st)
	}
	if err != nil {
		f.Close()
		return nil, stat{}, err
	}
	return f, st, nil
}

// create makes a file that only we can read yet.
func (d *folder) create(name string) (*os.File, error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(d.fd(), name, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", d.in(name), err)
	}
	return os.NewFile(uintptr(fd), d.in(name)), nil
}

// move renames, and never replaces what is there: then it returns fs.ErrExist. The new name is on disk when it returns.
func (d *folder) move(from, to string) error {
	err := unix.Renameat2(d.fd(), from, d.fd(), to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // as NFS: a second name, then the first one away
		err = d.moveByLink(from, to)
	}
	if err != nil {
		return fmt.Errorf("rename %s to %s: %w", d.in(from), to, err)
	}
	return d.sync()
}

func (d *folder) moveByLink(from, to string) error {
	if err := unix.Linkat(d.fd(), from, d.fd(), to, 0); err != nil {
		return err
	}
	return unix.Unlinkat(d.fd(), from, 0)
}

// remove takes a name away, durably. That it is not there is no error.
func (d *folder) remove(name string) error {
	if err := unix.Unlinkat(d.fd(), name, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", d.in(name), err)
	}
	return d.sync()
}

func (d *folder) sync() error {
	if err := d.f.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // some file systems have none for directories
		return fmt.Errorf("sync %s: %w", d.path, err)
	}
	return nil
}

// names lists the directory.
func (d *folder) names() ([]string, error) {
	fd, err := unix.Openat(d.fd(), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) // a position of its own
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.path, err)
	}
	f := os.NewFile(uintptr(fd), d.path)
	defer f.Close()
	all, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.path, err)
	}
	return all, nil
}
