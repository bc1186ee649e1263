// Package segment is an append-only log of records in files: a write-ahead log, a program's state, a spool.
//
// Every record gets a log sequence number (lsn). Numbers start at 1, grow by 1, and are never given twice, not even
// after every segment was removed: a segment's name holds the number that comes next. After damage there may be a
// gap, because a number that may have been given before the damage is not given again.
//
// A record is on disk when a Sync that followed its Append has returned nil. When the process or the machine dies, a
// prefix of the records survives, and in it everything that was synced. What a disk spoilt is passed over and told by
// Damage, with the file and the byte; it is never returned as a record.
//
// The directory holds one file for each segment, named by its first lsn in 16 hex digits, as 000000000000002a.seg:
//
//	header   8 bytes "belfseg\x01", the format's version last
//	         8 bytes salt, drawn at random for the file
//	         4 bytes CRC-32C of the 16 bytes before
//	record   4 bytes length of the payload
//	         4 bytes CRC-32C of salt, length, lsn and payload
//	         8 bytes lsn
//	         the payload
//
// All numbers are little-endian. The salt keeps what others wrote into a payload from being taken for a record when
// the reader must look for the next good one behind damage: they do not know it. Nobody else may change the
// directory meanwhile; segment takes no lock on it.
//
// A Log is not safe for concurrent use, except that Read, a Follower, Release, and what SyncBeside returns, may run beside
// Append and Sync.
package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Config says how a Log keeps its files. The zero value is the default.
type Config struct {
	MaxBytes int64  // begin a new segment when one would grow past this; default 64 MiB
	First    uint64 // give no lsn below this one; default 1
	Reserve  int64  // bytes taken on the disk ahead of what is written, for when others fill it; default none
	Disk     Disk   // changes the files; default OS
}

const (
	defaultMaxBytes = 64 << 20
	suffix          = ".seg"
	nameDigits      = 16
)

// MaxRecord is the largest payload, in bytes. It bounds what a damaged length can make a reader do.
const MaxRecord = 256 << 20

// ErrTooLarge says that a payload is larger than MaxRecord.
var ErrTooLarge = errors.New("record too large")

// Log is an open log.
type Log struct {
	dir      string
	disk     Disk
	maxBytes int64
	reserve  int64

	mu       sync.Mutex // guards what Read shares with Append
	segments []part     // in order; the last is the one that grows
	damage   []Damage

	syncing sync.Mutex // is held while a file goes to the disk
	unsure  error      // of a sync: what is on the disk is unknown from then on

	file File   // the last segment
	path string // its name
	seed uint32 // of its checksums
	buf  []byte // appended, not yet written
	size int64  // of the last segment, buf included
	kept int64  // of the last segment: up to there it has its place on the disk
	next uint64 // the lsn that the next Append gives
	err  error  // of a write or a sync: what is in the file is unknown from then on
}

// part is one segment's file.
type part struct {
	path  string
	first uint64 // lsn of its first record
	end   int64  // bytes of it that are on disk; for the last segment only, -1 for the others: all of it
	next  uint64 // lsn of the record that comes behind end; for the last segment only
	size  int64  // of the file; not for the last segment
}

// Open opens the log in dir, which it makes if it is not there. What an append that was cut off has left behind the
// last good record is removed, and told by Damage. When Open returns, every record that Read gives is on disk.
func Open(dir string, cfg Config) (*Log, error) {
	if cfg.Disk == nil {
		cfg.Disk = OS{}
	}
	if err := MakeDir(cfg.Disk, dir, 0o700); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	l := &Log{dir: dir, disk: cfg.Disk, maxBytes: cfg.MaxBytes, reserve: cfg.Reserve, next: max(cfg.First, 1)}
	if l.maxBytes <= 0 {
		l.maxBytes = defaultMaxBytes
	}
	if err := l.list(); err != nil {
		return nil, err
	}
	if len(l.segments) == 0 {
		return l, l.begin()
	}
	if err := l.resume(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// list finds the segments, removes what a crash left of one that was being made, and finishes a repair that was under way.
func (l *Log) list() error {
	d, err := look(l.dir)
	if err != nil {
		return err
	}
	for _, path := range d.unfinished {
		if err := l.disk.Remove(path); err != nil {
			return fmt.Errorf("remove unfinished segment: %w", err)
		}
	}
	if len(d.runs) > 0 {
		if err := finishRepairs(l.dir, d); err != nil {
			return err
		}
		if d, err = look(l.dir); err != nil {
			return err
		}
	}
	l.segments = d.parts
	return nil
}

// folder is what lies in a log's directory.
type folder struct {
	parts      []part   // in order
	unfinished []string // paths of segments that were being made
	runs       []run    // of a repair that did not come to its end
}

func look(dir string) (folder, error) {
	var d folder
	entries, err := os.ReadDir(dir)
	if err != nil {
		return d, fmt.Errorf("list log directory: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.HasSuffix(e.Name(), suffix+".tmp") {
			d.unfinished = append(d.unfinished, path)
			continue
		}
		if r, ok := parseRun(path); ok {
			d.runs = append(d.runs, r)
		}
		first, ok := parseName(e.Name())
		if !ok {
			continue
		}
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // cut meanwhile, by who writes it
		}
		if err != nil {
			return d, fmt.Errorf("list log directory: %w", err)
		}
		d.parts = append(d.parts, part{path: path, first: first, end: -1, size: fi.Size()})
	}
	slices.SortFunc(d.parts, func(a, b part) int { return strings.Compare(a.path, b.path) })
	return d, nil
}

func parseName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != nameDigits {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 16, 64)
	return first, err == nil && first > 0
}

// resume makes the last segment ready to grow.
func (l *Log) resume() error {
	last := &l.segments[len(l.segments)-1]
	r, err := openReader(*last)
	if err != nil {
		return err
	}
	defer r.close()
	next, good, err := r.verify()
	if err != nil {
		return err
	}
	for _, d := range r.damage {
		l.note(d)
	}
	l.next = max(l.next, next)
	if good < r.size || r.spoilt { // numbers that the lost bytes may have held are not given again
		l.next = max(l.next, next+uint64(r.size-good)/recordHeader+1)
	}
	if l.next == next && !r.spoilt {
		return l.reopen(last, r.seed, good)
	}
	if err := l.begin(); err != nil {
		return err
	}
	if r.spoilt {
		return nil
	}
	l.segments[len(l.segments)-2].size = good
	return cutFile(l.disk, r.path, good)
}

// reopen goes on in a segment that has no damage at its end.
func (l *Log) reopen(p *part, seed uint32, size int64) error {
	f, err := l.disk.OpenFile(p.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	l.file, l.path, l.seed, l.size = f, p.path, seed, size
	l.kept = 0
	l.keepAhead()
	if err := f.Sync(); err != nil { // a crash may have left it in memory only
		return fmt.Errorf("sync segment: %w", err)
	}
	p.end, p.next = size, l.next
	return nil
}

// First returns the lsn of the oldest record that may be there: what was cut off had lower ones. It may be called beside
// Append.
func (l *Log) First() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[0].first
}

// Next returns the lsn that the next Append will give.
func (l *Log) Next() uint64 { return l.next }

// Close writes and syncs what was appended, and closes the log.
func (l *Log) Close() error {
	if l.file == nil {
		return l.err
	}
	err := l.Sync()
	if err != nil {
		l.doubt(err)
	}
	if e := l.file.Close(); e != nil && err == nil {
		err = fmt.Errorf("close segment: %w", e)
	}
	l.file = nil
	if l.err == nil {
		l.err = os.ErrClosed
	}
	return err
}
