package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Folder says what is amiss with the folder in which a daemon keeps its state: who calls may not write or make it, or not
// all that is in it, as after the daemon was once run by root; its disk has less than so many bytes free.
func Folder(dir string, least uint64) (all []string) {
	if err := writable(dir); err != nil {
		all = append(all, fmt.Sprintf("%v (looked at as the user %s)", err, caller()))
	} else if w := foreignFiles(dir); w != "" {
		all = append(all, w)
	}
	var fs unix.Statfs_t
	if at := existing(dir); unix.Statfs(at, &fs) == nil && fs.Bavail*uint64(fs.Bsize) < least {
		all = append(all, fmt.Sprintf("the file system of %s has %d bytes free", at, fs.Bavail*uint64(fs.Bsize)))
	}
	return all
}

// writable says why a folder could not be written, or made.
func writable(dir string) error {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
		if err := writable(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("%s cannot be made: %w", dir, err)
		}
		return nil
	case err != nil:
		return err
	case !st.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	}
	if err := access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("%s cannot be written: %w", dir, err)
	}
	return nil
}

// access asks by the rights that a write would have: access(2) forgets the capabilities of who is not root.
func access(path string, mode uint32) error {
	return unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS)
}

// existing is the folder, or the nearest above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// caller names the user with whose rights this looks.
func caller() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Geteuid())
}

// maxLooked bounds how much of a state folder is looked through.
const maxLooked = 10_000

// errFound ends a walk.
var errFound = errors.New("found")

// foreignFiles names the first thing in a folder that who calls may not write.
func foreignFiles(dir string) (found string) {
	looked := 0
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error { // what cannot be looked at is found
		looked++
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err == nil && e.Type()&(fs.ModeSymlink|fs.ModeSocket) != 0:
			return nil
		case err == nil:
			err = access(path, unix.W_OK)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			found = fmt.Sprintf("%s cannot be written by the user %s%s: %v", path, caller(), owner(path), err)
			return errFound
		}
		if looked == maxLooked {
			return errFound
		}
		return nil
	})
	return found
}

// owner tells whose a file is.
func owner(path string) string {
	st, err := os.Lstat(path)
	if err != nil {
		return ""
	}
	uid := strconv.FormatUint(uint64(st.Sys().(*syscall.Stat_t).Uid), 10)
	if u, err := user.LookupId(uid); err == nil {
		uid = u.Username
	}
	return ", it belongs to " + uid
}
