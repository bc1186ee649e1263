package segment

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Disk is what changes files for a Log and for ReplaceFileOn. What is only read is read from the operating system.
// A test puts its own in the place of it, to try what a power cut leaves.
type Disk interface {
	// OpenFile is as os.OpenFile, for writing.
	OpenFile(path string, flag int, mode fs.FileMode) (File, error)
	Mkdir(path string, mode fs.FileMode) error
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes durable which names a folder has.
	SyncDir(path string) error
}

// File is a file that is open for writing, as an *os.File.
type File interface {
	io.WriteCloser
	io.WriterAt
	Name() string
	Fd() uintptr
	Truncate(size int64) error
	Sync() error
}

// OS is the disk of the operating system.
type OS struct{}

// OpenFile is os.OpenFile.
func (OS) OpenFile(path string, flag int, mode fs.FileMode) (File, error) {
	f, err := os.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err // and no File that is a nil *os.File
	}
	return f, nil
}

// Mkdir is os.Mkdir.
func (OS) Mkdir(path string, mode fs.FileMode) error { return os.Mkdir(path, mode) }

// Rename is os.Rename.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove.
func (OS) Remove(path string) error { return os.Remove(path) }

// SyncDir makes durable which names a folder has.
func (OS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// MakeDir makes a folder, and those above it, unless they are there. What it makes is there after a power cut.
func MakeDir(d Disk, path string, mode fs.FileMode) error {
	if fi, err := os.Stat(path); err == nil {
		if fi.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	err := d.Mkdir(path, mode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := MakeDir(d, filepath.Dir(path), mode); err != nil {
			return err
		}
		err = d.Mkdir(path, mode)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) { // another may have made it meanwhile
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}
