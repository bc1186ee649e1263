package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ReplaceFile writes a file as a whole: whoever reads it, after a power cut too, finds the old content or all of the
// new one. It is for one writer at a time.
func ReplaceFile(path string, content []byte, mode fs.FileMode) error {
	return ReplaceFileOn(OS{}, path, content, mode)
}

// ReplaceFileOn is ReplaceFile on a disk.
func ReplaceFileOn(d Disk, path string, content []byte, mode fs.FileMode) error {
	f, err := d.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, d.Remove(f.Name())))
	}
	if err := d.Rename(f.Name(), path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// ErrLocked says that another process holds a lock.
var ErrLocked = errors.New("another process works here")

// Lock takes the lock file at path for this process, until it is closed.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, errors.Join(err, f.Close()))
	}
	return f, nil
}
