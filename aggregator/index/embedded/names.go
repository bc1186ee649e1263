package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"belfry/shared/event"
	"belfry/shared/segment"
)

// The storage has no unique ids. So the ids of named events (Item.Named), those of today and of yesterday, are kept in
// memory, next to the ledger and like it: a name is looked for and kept where its record is written, and is on the disk
// with that record or not at all.
//
// A record tells which of its events are named, and of which day. A checkpoint appends the names that are new to the
// file of their day, "names-DAY" (days since 1970; 16 bytes each, nothing else), and says how many of each file count:
// what is behind them is of a checkpoint that did not come about.

// namesOfDay bounds the names of one day, if the configuration does not: of some 30 bytes each, two days of them.
const namesOfDay = 4 << 20

const nameSize = len(event.Key{})

// names is of the loop that commits, but for count.
type names struct {
	dir   string
	disk  segment.Disk
	most  int        // of one day
	days  [2]nameDay // the newest first
	count atomic.Int64
}

// nameDay is the names of one day.
type nameDay struct {
	nameFile
	keys    map[event.Key]struct{}
	unsaved []event.Key // of keys
}

// nameFile is what a checkpoint says of a file of names.
type nameFile struct {
	day   int64
	saved uint64 // names in it that count
	crc   uint32 // CRC-32C of these
}

func newDay(day int64) nameDay {
	return nameDay{nameFile: nameFile{day: day}, keys: make(map[event.Key]struct{})}
}

const nameFileSize = 8 + 8 + 4

// dayOf returns the day of a time, as names are kept.
func dayOf(t time.Time) int64 { return t.Unix() / 86400 }

// begin forgets the names that are older than the day before.
func (n *names) begin(day int64) {
	newest := n.days[0].day
	if day <= newest {
		return
	}
	if day == newest+1 {
		n.days[1] = n.days[0]
	} else {
		n.days[1] = newDay(day - 1)
	}
	n.days[0] = newDay(day)
	n.recount()
}

func (n *names) recount() { n.count.Store(int64(len(n.days[0].keys) + len(n.days[1].keys))) }

// add keeps a name, unless it is known, or there are too many of its day.
func (n *names) add(day int64, k event.Key) (known, kept bool) {
	n.begin(day)
	for i := range n.days {
		if _, ok := n.days[i].keys[k]; ok {
			return true, true
		}
	}
	d := &n.days[0]
	if day == n.days[1].day { // it was on its way at midnight
		d = &n.days[1]
	}
	if len(d.keys) >= n.most {
		return false, false
	}
	d.keys[k] = struct{}{}
	d.unsaved = append(d.unsaved, k)
	n.count.Add(1)
	return false, true
}

// path returns the file of a day.
func (n *names) path(day int64) string { return filepath.Join(n.dir, fmt.Sprintf("names-%d", day)) }

// save writes down what is new, and appends to dst what the checkpoint is to say.
func (n *names) save(dst []byte) ([]byte, error) {
	for i := range n.days {
		d := &n.days[i]
		if err := n.saveDay(d); err != nil {
			return nil, fmt.Errorf("write names: %w", err)
		}
		dst = binary.LittleEndian.AppendUint64(dst, uint64(d.day))
		dst = binary.LittleEndian.AppendUint64(dst, d.saved)
		dst = binary.LittleEndian.AppendUint32(dst, d.crc)
	}
	return dst, nil
}

func (n *names) saveDay(d *nameDay) error {
	if len(d.unsaved) == 0 {
		return nil
	}
	b := make([]byte, 0, len(d.unsaved)*nameSize)
	for _, k := range d.unsaved {
		b = append(b, k[:]...)
	}
	f, err := n.disk.OpenFile(n.path(d.day), os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, int64(d.saved)*int64(nameSize))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil && d.saved == 0 { // the file is new: the checkpoint must not be there without it
		err = n.disk.SyncDir(n.dir)
	}
	if err != nil {
		return err
	}
	d.saved += uint64(len(d.unsaved))
	d.crc = crc32.Update(d.crc, castagnoli, b)
	d.unsaved = d.unsaved[:0:0]
	return nil
}

// tidy removes the files of other days.
func (n *names) tidy() error {
	files, err := filepath.Glob(filepath.Join(n.dir, "names-*"))
	for _, path := range files {
		if path != n.path(n.days[0].day) && path != n.path(n.days[1].day) {
			err = errors.Join(err, n.disk.Remove(path))
		}
	}
	return err
}

// load reads what a checkpoint says of both days, and the names themselves.
func (n *names) load(b []byte) error {
	for i := range n.days {
		d := &n.days[i]
		d.day = int64(binary.LittleEndian.Uint64(b))
		d.saved = binary.LittleEndian.Uint64(b[8:])
		d.crc = binary.LittleEndian.Uint32(b[16:])
		b = b[nameFileSize:]
		if err := n.loadDay(d); err != nil {
			return err
		}
	}
	n.recount()
	return nil
}

func (n *names) loadDay(d *nameDay) error {
	d.keys = make(map[event.Key]struct{}, d.saved)
	if d.saved == 0 {
		return nil
	}
	path := n.path(d.day)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read names: %w", err)
	}
	size := d.saved * uint64(nameSize)
	if uint64(len(b)) < size || crc32.Checksum(b[:size], castagnoli) != d.crc {
		return fmt.Errorf("%s is missing or damaged: of the events that came with a name, nobody knows any more which are here",
			path)
	}
	for b = b[:size]; len(b) > 0; b = b[nameSize:] {
		d.keys[event.Key(b[:nameSize])] = struct{}{}
	}
	return nil
}
