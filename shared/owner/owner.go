// Package owner lets root work as who a folder belongs to, so that what it makes there is that one's from the beginning,
// and no link that lies there leads further than that one could go by itself.
package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// As calls fn as who the folder belongs to, if this process is root's, else as it is. It changes who the whole process is
// meanwhile: it is for a command line that does nothing beside.
func As(dir string, fn func() error) error {
	uid, gid, err := Of(dir)
	if os.Geteuid() != 0 || err == nil && uid == 0 {
		return fn()
	}
	if err != nil {
		return err
	}
	groups, err := syscall.Getgroups()
	if err != nil {
		return fmt.Errorf("work as the owner of %s: %w", dir, err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = errors.Join(syscall.Setgroups([]int{gid}), syscall.Setresgid(-1, gid, -1), syscall.Setresuid(-1, uid, -1))
	if err == nil {
		err = fn()
	}
	// Without that the process is neither, and must not go on.
	if back := errors.Join(syscall.Setresuid(-1, 0, -1), syscall.Setresgid(-1, 0, -1), syscall.Setgroups(groups)); back != nil {
		return errors.Join(err, fmt.Errorf("be root again: %w", back))
	}
	return err
}

// Of returns whose a folder is; the error of one that is not there wraps fs.ErrNotExist.
func Of(dir string) (uid, gid int, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, 0, fmt.Errorf("look whose the folder is: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("look whose the folder %s is: the system does not tell", dir)
	}
	return int(st.Uid), int(st.Gid), nil
}

// Give gives a file to who a folder belongs to, if this process is root's.
func Give(path, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := Of(dir)
	if err == nil {
		err = os.Lchown(path, uid, gid)
	}
	return err
}

// Make makes a state folder if there is none. Root makes it for the user of that name, where there is one.
func Make(dir, name string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o750); err != nil || os.Geteuid() != 0 {
		return err
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil // nobody else to give it to
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return errors.Join(err1, err2, os.Lchown(dir, uid, gid))
}
