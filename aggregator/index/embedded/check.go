package embedded

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
	"belfry/shared/segment"
)

// Checked is what Check has found.
type Checked struct {
	Checkpoint uint64   `json:"checkpoint"` // position that it covers; 0: there is none
	Positions  int      `json:"ledger_positions"`
	Names      int      `json:"names"` // of events, of the last two days
	First      uint64   `json:"first"` // record of the log; 0: there is none
	Last       uint64   `json:"last"`
	Events     uint64   `json:"log_events"` // of all records of the log
	Classes    []string `json:"classes"`
	Days       int      `json:"days"`  // of all classes
	Parts      int      `json:"parts"` // files of rows, of all days
	Faults     []Fault  `json:"faults,omitempty"`
}

// Fault is something that keeps an index from being opened, or that it has lost.
type Fault struct {
	File string `json:"file"`
	Byte int64  `json:"byte"` // where it begins; -1: of the file as a whole
	What string `json:"what"`
}

func (f Fault) String() string {
	if f.Byte < 0 {
		return f.File + ": " + f.What
	}
	return fmt.Sprintf("%s: byte %d: %s", f.File, f.Byte, f.What)
}

// Check looks through the index in dir, which no process may have open, and changes nothing. It reads the checkpoint
// with its ledger, the names of events and every record of the log, each with its checksum, and looks whether the log
// goes on where the checkpoint ends. Of the storages it looks whether each day has what logstorage needs to open it,
// and each part the files that its own list names: logstorage keeps no checksums of the values themselves. An error
// says that nothing could be checked.
func Check(dir string) (Checked, error) {
	if _, err := os.Stat(dir); err != nil {
		return Checked{}, fmt.Errorf("check index: %w", err)
	}
	if path := filepath.Join(dir, "lock"); exists(path) {
		lock, err := segment.Lock(path)
		if err != nil {
			return Checked{}, fmt.Errorf("check index: %w", err)
		}
		defer lock.Close()
	}
	c := &checker{dir: dir}
	c.checkpoint()
	c.log()
	c.shelves()
	return c.Checked, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

type checker struct {
	Checked
	dir string
}

func (c *checker) fault(path string, at int64, format string, args ...any) {
	c.Faults = append(c.Faults, Fault{path, at, fmt.Sprintf(format, args...)})
}

func (c *checker) checkpoint() {
	path := filepath.Join(c.dir, "checkpoint")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		c.fault(path, -1, "%v", err)
		return
	}
	if err := checkHeader(b); err != nil {
		c.fault(path, 0, "%v", err)
		return
	}
	c.Checkpoint = binary.LittleEndian.Uint64(b[8:])
	n := names{dir: c.dir}
	if err := n.load(b[16:]); err != nil {
		c.fault(path, 16, "%v", err)
	}
	c.Names = int(n.count.Load())
	l := ledger.New()
	if err := l.Unmarshal(b[checkpointHeader:]); err != nil {
		c.fault(path, int64(checkpointHeader), "%v", err)
	}
	c.Positions = l.Len()
}

func (c *checker) log() {
	dir := filepath.Join(c.dir, "log")
	if !exists(dir) {
		if c.Checkpoint > 0 {
			c.fault(dir, -1, "is missing; the checkpoint covers the records up to %d", c.Checkpoint)
		}
		return
	}
	damage, err := segment.Examine(dir, func(lsn uint64, rec []byte) error {
		if c.First == 0 {
			c.First = lsn
		}
		c.Last = lsn
		r, err := decodeRecord(rec)
		if err != nil {
			c.fault(dir, -1, "record %d: %v", lsn, err)
			return nil
		}
		c.Events += uint64(len(r.events))
		if lsn > c.Checkpoint {
			c.record(dir, lsn, &r)
		}
		return nil
	})
	for _, d := range damage {
		what := "%d bytes are damaged"
		if d.Torn {
			what = "%d bytes at the end are of a write that was cut off, or damaged"
		}
		c.fault(d.File, d.Offset, what, d.Bytes)
	}
	switch {
	case err != nil:
		c.fault(dir, -1, "%v", err)
	case c.First > c.Checkpoint+1:
		c.fault(dir, -1, "begins with record %d, and the checkpoint covers the records up to %d: the ledger is lost",
			c.First, c.Checkpoint)
	}
}

// record looks at what a replay needs of a record.
func (c *checker) record(dir string, lsn uint64, r *record) {
	for i, e := range r.events {
		if _, err := timeOf(e); err != nil {
			c.fault(dir, -1, "record %d: event %d: %v", lsn, i, err)
		}
	}
	for _, i := range r.named {
		if _, err := event.ParseKey(r.events[i].Get("event.id")); err != nil {
			c.fault(dir, -1, "record %d: event %d: %v", lsn, i, err)
		}
	}
}

func (c *checker) shelves() {
	classes, err := shelfClasses(c.dir)
	if err != nil {
		c.fault(c.dir, -1, "%v", err)
		return
	}
	for _, class := range classes {
		dir := shelfDir(c.dir, class)
		if !exists(dir) {
			continue
		}
		c.Classes = append(c.Classes, class)
		if path := filepath.Join(dir, "delete_tasks.json"); exists(path) {
			c.json(path, new([]any))
		}
		for _, name := range c.list(filepath.Join(dir, daysDir)) {
			if !strings.HasPrefix(name, ".") {
				c.day(filepath.Join(dir, daysDir, name), name)
			}
		}
	}
}

// list returns the names in a folder.
func (c *checker) list(dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.fault(dir, -1, "%v", err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (c *checker) json(path string, into any) bool {
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		c.fault(path, syntax.Offset, "%v", err)
	case err != nil:
		c.fault(path, -1, "%v", err)
	}
	return err == nil
}

// day looks at the two tables of a day: rows, and the names of streams.
func (c *checker) day(dir, name string) {
	if _, err := time.Parse(dayName, name); err != nil {
		c.fault(dir, -1, "no day has this name; logstorage does not start with it")
		return
	}
	c.Days++
	for _, table := range []string{"datadb", "indexdb"} {
		dir := filepath.Join(dir, table)
		var parts []string
		if !exists(dir) || !c.json(filepath.Join(dir, "parts.json"), &parts) {
			if !exists(dir) {
				c.fault(dir, -1, "is missing")
			}
			continue
		}
		for _, part := range parts {
			c.part(filepath.Join(dir, part), table == "datadb")
		}
	}
}

// part looks whether the files of a part are as long as all of them together are said to be.
func (c *checker) part(dir string, rows bool) {
	if filepath.Base(dir) == "." || !exists(dir) {
		c.fault(dir, -1, "is missing, and parts.json names it")
		return
	}
	var said struct{ CompressedSizeBytes, RowsCount uint64 }
	if !c.json(filepath.Join(dir, "metadata.json"), &said) || !rows {
		return
	}
	c.Parts++
	size := uint64(0)
	for _, name := range c.list(dir) {
		if fi, err := os.Stat(filepath.Join(dir, name)); err == nil && name != "metadata.json" {
			size += uint64(fi.Size())
		}
	}
	if size != said.CompressedSizeBytes {
		c.fault(dir, -1, "its files have %d bytes, and metadata.json says %d", size, said.CompressedSizeBytes)
	}
}
