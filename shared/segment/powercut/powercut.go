// Package powercut tries what a power cut leaves of files. It is linked into tests alone.
//
// A Disk does what it is told to, and keeps a journal of it. Cut makes a copy of the files as they may be if the power
// went away at a moment of the journal: of what was not synced by then, any part may be there. Of the bytes that were
// written into a file, or cut off it, any may be missing, page by page, or be zeros; of the names that were made, moved
// and removed in a folder, any, unless the folder was synced; a file that is synced may still lack its name. What was
// synced is there. No file system does all of this; each does some of it.
package powercut

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"belfry/shared/segment"
)

// Disk is a segment.Disk with a journal, for the files below a folder that was empty when it began. It is safe for
// concurrent use.
type Disk struct {
	root string

	mu      sync.Mutex
	journal []entry
	names   map[string]*node // as they are now, relative to the root
}

// node is a file, or a folder.
type node struct{ folder bool }

// entry is a step of the journal.
type entry struct {
	kind kind
	node *node
	data []byte // of a write
	at   int64  // of a write, or the size of a truncation
	name string // relative to the root
	to   string // of a rename
}

type kind int

const (
	write kind = iota
	truncate
	syncFile
	link // a name for a file or a folder that is new
	rename
	unlink
	syncFolder
)

// New returns a disk for the files below root.
func New(root string) *Disk { return &Disk{root: root, names: make(map[string]*node)} }

// Now returns how many steps the journal has: a moment for Cut.
func (d *Disk) Now() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.journal)
}

func (d *Disk) note(e entry) { d.journal = append(d.journal, e) }

func (d *Disk) rel(path string) string {
	name, err := filepath.Rel(d.root, path)
	if err != nil || strings.HasPrefix(name, "..") {
		panic(fmt.Sprintf("%s is not below %s", path, d.root))
	}
	return name
}

// OpenFile opens a file for writing.
func (d *Disk) OpenFile(path string, flag int, mode fs.FileMode) (segment.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := os.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err
	}
	name := d.rel(path)
	n := d.names[name]
	switch {
	case n == nil:
		n = new(node)
		d.names[name] = n
		d.note(entry{kind: link, node: n, name: name})
	case flag&os.O_TRUNC != 0:
		d.note(entry{kind: truncate, node: n})
	}
	return &file{File: f, disk: d, node: n, end: flag&os.O_APPEND != 0}, nil
}

// Mkdir makes a folder.
func (d *Disk) Mkdir(path string, mode fs.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := os.Mkdir(path, mode); err != nil {
		return err
	}
	n := &node{folder: true}
	d.names[d.rel(path)] = n
	d.note(entry{kind: link, node: n, name: d.rel(path)})
	return nil
}

// Rename gives a file another name.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := os.Rename(from, to); err != nil {
		return err
	}
	n := d.names[d.rel(from)]
	delete(d.names, d.rel(from))
	d.names[d.rel(to)] = n
	d.note(entry{kind: rename, node: n, name: d.rel(from), to: d.rel(to)})
	return nil
}

// Remove removes a file.
func (d *Disk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := os.Remove(path); err != nil {
		return err
	}
	d.note(entry{kind: unlink, node: d.names[d.rel(path)], name: d.rel(path)})
	delete(d.names, d.rel(path))
	return nil
}

// SyncDir makes the names of a folder durable.
func (d *Disk) SyncDir(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if path == filepath.Dir(d.root) {
		return nil // the root is there
	}
	d.note(entry{kind: syncFolder, name: d.rel(path)})
	return nil
}

// file is a file that is open for writing.
type file struct {
	*os.File
	disk *Disk
	node *node
	end  bool  // each write goes to the end
	at   int64 // of the next write
}

func (f *file) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.end {
		fi, err := f.Stat()
		if err != nil {
			return 0, err
		}
		f.at = fi.Size()
	}
	n, err := f.File.Write(b)
	f.disk.note(entry{kind: write, node: f.node, at: f.at, data: slices.Clone(b[:n])})
	f.at += int64(n)
	return n, err
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n, err := f.File.WriteAt(b, at)
	f.disk.note(entry{kind: write, node: f.node, at: at, data: slices.Clone(b[:n])})
	return n, err
}

func (f *file) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	err := f.File.Truncate(size)
	if err == nil {
		f.disk.note(entry{kind: truncate, node: f.node, at: size})
	}
	return err
}

// Sync notes that the file is durable. Nothing is brought to a real disk.
func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.note(entry{kind: syncFile, node: f.node})
	return nil
}
