package glob

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUntrustedLink says that a path leads through a symbolic link that somebody else than root may have put there. The
// error around it names the link and the reason.
var ErrUntrustedLink = errors.New("untrusted link")

// maxLinks bounds a chain of links, as the kernel does (path_resolution(7)).
const maxLinks = 40

// Resolve returns the real path of a file or directory: the one without a link that its trusted links lead to.
// A link that is not trusted is ErrUntrustedLink; one that leads in a circle is ELOOP.
func Resolve(path string) (real string, err error) {
	c, err := climbTo(path)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", path, err)
	}
	defer c.close()
	return c.path(), nil
}

// climb goes through a path name by name, and holds the directory open that it has come to: whatever is renamed or
// replaced meanwhile, what was looked at is what is entered.
type climb struct {
	dir   int         // the directory reached; only a place (O_PATH)
	real  []string    // the names of dir from the root; none of them is a link
	todo  []string    // the names still to go
	leaf  string      // what the path names in dir, if it is not a directory
	stat  unix.Stat_t // of the leaf; of dir if there is none
	links int         // followed so far
}

// climbTo goes to what a path names. The caller closes it.
func climbTo(path string) (*climb, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, errors.New("not an absolute path")
	}
	c := &climb{dir: -1, todo: strings.Split(path, "/")}
	err := c.toRoot()
	for err == nil && len(c.todo) > 0 {
		err = c.step()
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *climb) close() {
	if c.dir >= 0 {
		_ = unix.Close(c.dir)
		c.dir = -1
	}
}

// path returns the real path of what was reached.
func (c *climb) path() string {
	if c.leaf != "" {
		return join(c.dirPath(), c.leaf)
	}
	return c.dirPath()
}

func (c *climb) dirPath() string { return "/" + strings.Join(c.real, "/") }

func (c *climb) toRoot() error {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return c.enter(fd, nil)
}

// enter takes over an open directory as the one that was reached.
func (c *climb) enter(fd int, real []string) error {
	c.close()
	c.dir, c.real = fd, real
	return unix.Fstat(fd, &c.stat)
}

// step goes one name further.
func (c *climb) step() error {
	name := c.todo[0]
	c.todo = c.todo[1:]
	switch {
	case c.leaf != "": // a file has nothing below, not even "."
		return unix.ENOTDIR
	case name == "" || name == ".":
		return nil
	case name == "..":
		return c.up()
	}
	fd, err := openat(c.dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return c.enter(fd, append(c.real[:len(c.real):len(c.real)], name))
	}
	defer func() { _ = unix.Close(fd) }()
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return c.follow(fd, name, &st)
	}
	c.leaf, c.stat = name, st
	return nil
}

// up goes to the directory that this one was entered from. It goes there from the root: the directory's own ".." is
// wherever it has been moved to since.
func (c *climb) up() error {
	if n := len(c.real); n > 0 {
		c.todo = append(c.real[:n-1:n-1], c.todo...)
	}
	return c.toRoot()
}

// follow goes on where an open link points to.
func (c *climb) follow(fd int, name string, st *unix.Stat_t) error {
	if c.links++; c.links > maxLinks {
		return unix.ELOOP
	}
	if reason := distrust(c.dir, st); reason != "" {
		return fmt.Errorf("%w %s: %s", ErrUntrustedLink, join(c.dirPath(), name), reason)
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", target)
	if err != nil {
		return err
	}
	names := strings.Split(string(target[:n]), "/")
	c.todo = append(names, c.todo...)
	if names[0] == "" {
		return c.toRoot()
	}
	return nil
}

// distrust says why a link in an open directory is not to be followed; "" if it is.
func distrust(dir int, link *unix.Stat_t) string {
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err := errors.Join(unix.Fstat(dir, &st), unix.Fstatfs(dir, &fs)); err != nil {
		return err.Error()
	}
	switch {
	case link.Uid != 0:
		return fmt.Sprintf("it belongs to user %d, not to root", link.Uid)
	case st.Uid != 0:
		return fmt.Sprintf("its directory belongs to user %d, not to root", st.Uid)
	case st.Mode&0o002 != 0:
		return "anybody may write its directory"
	case st.Mode&0o020 != 0 && st.Gid != 0:
		return fmt.Sprintf("group %d may write its directory", st.Gid)
	case fs.Type == unix.PROC_SUPER_MAGIC: // /proc/PID/root and its like are no paths, but doors
		return "it is one of /proc"
	case fs.Type == unix.FUSE_SUPER_MAGIC && fs.Flags&unix.ST_NOSUID != 0: // as users have to mount them
		return "it lies on a FUSE file system, where whoever mounted it says who owns it"
	}
	return ""
}

func join(dir, name string) string {
	if dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}

// openat opens a name; a signal does not end it.
func openat(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
