// Package spool keeps on the disk what cannot be read again, until the receiver has taken it: the syslog messages that a relay
// took from its sockets. Files need none; they are their own spool.
//
// A Spool is a folder of queues that share one bound on their bytes. What is full blocks: Put waits for room, so that TCP
// senders wait too, and whoever cannot wait drops, and counts. It stops before the disk is full, for the others on it; and
// where the disk is full all the same, it waits and takes up again by itself.
//
// A record is on the disk at most Config.SyncAfter (and the time of an fsync) after its Put; many share one fsync. Only what
// is on the disk leaves: a crash takes back nothing that was sent, so that the place of a record, from which its event's id is
// made, never stands for two contents. Records leave in order, and again after a restart unless they were confirmed. What a
// bad disk has spoilt is passed over, counted and logged.
//
// A queue is one stream of bytes. Its records lie one behind the other in an epoch, each as long as its payload; the epoch is
// drawn anew when nobody knows any more which places were given, and when the machine has started anew. What is lost of an
// epoch is told like a record, until that was confirmed.
//
// The folder DIR/NAME of a queue is a log of package segment. A record's payload there is
//
//	8 bytes epoch, below 2^48
//	8 bytes first, the record's offset in it
//	the payload, which reaches to first + its length
//
// with little-endian numbers. Beside it lies the file cursor: up to where the queue was confirmed (see there).
//
// The file ballast takes some room, so that queues can be opened on a disk that others have filled.
//
// One process at a time may have the folder open; the caller sees to that. Check and Each only read, and may run beside it.
package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"
)

// ErrClosed is returned when the spool is closed.
var ErrClosed = errors.New("spool is closed")

// Spool is a folder of queues.
type Spool struct {
	dir   string
	cfg   Config
	log   *slog.Logger
	room  *room
	count *counters
	boot  string                        // of this machine; "" where it is unknown
	sync  func(sync func() error) error // does a sync; a test may have it fail

	ballast ballast

	mu     sync.Mutex
	queues map[string]*Queue
	idle   map[string]int64 // bytes of queues that are on the disk and not open
	fresh  []*Queue         // opened, and not run yet
	closed bool

	news chan struct{} // there is a fresh queue
}

// Open opens the folder, which it makes if it is not there. The zero Config is the default.
func Open(dir string, cfg Config, log *slog.Logger, set *metrics.Set) (*Spool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	s := &Spool{
		dir: dir, cfg: cfg, log: log, boot: bootID(),
		sync:   func(sync func() error) error { return sync() },
		queues: map[string]*Queue{}, idle: map[string]int64{},
		news: make(chan struct{}, 1), ballast: newBallast(dir),
	}
	s.room = newRoom(cfg, func() (int64, error) { return freeBytes(dir) }, log)
	names, err := Names(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		n, err := bytesBelow(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		s.idle[name] = n
		s.room.charge(n)
	}
	s.count = newCounters(set, s)
	s.ballast.take()
	return s, nil
}

// Names returns the queues that are in the folder, sorted; none if the folder is not there.
func Names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list spool folder: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && checkName(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

const maxName = 200 // of the 255 that a file's name may have

// checkName refuses what is not the plain name of a folder.
func checkName(name string) error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)
	}
	if name == "" || len(name) > maxName || name[0] == '.' || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return fmt.Errorf("queue %q: a name is up to %d letters, digits, dots, - and _, and begins with no dot", name, maxName)
	}
	return nil
}

// bytesBelow returns the size of the files in a folder.
func bytesBelow(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("list queue: %w", err)
	}
	var n int64
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			return 0, fmt.Errorf("list queue: %w", err)
		}
		if strings.HasSuffix(e.Name(), ".seg") {
			n += fi.Size()
		}
	}
	return n, nil
}

// Queue returns the queue of that name, which it makes if it is not there. Its name is up to 200 letters, digits, dots,
// - and _. It works once Run does.
func (s *Spool) Queue(name string) (*Queue, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if q := s.queues[name]; q != nil {
		return q, nil
	}
	q, err := openQueue(s, name)
	if errors.Is(err, unix.ENOSPC) && s.ballast.shed() {
		q, err = openQueue(s, name)
	}
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", name, err)
	}
	s.room.charge(-s.idle[name])
	delete(s.idle, name)
	s.queues[name] = q
	s.fresh = append(s.fresh, q)
	signal(s.news)
	return q, nil
}

// Run brings what was put to the disk, keeps the cursors, frees what was confirmed, and looks after the free space. It
// returns nil once ctx is done and all has come to rest; Close then brings the rest to the disk.
func (s *Spool) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		s.mu.Lock()
		fresh := s.fresh
		s.fresh = nil
		s.mu.Unlock()
		for _, q := range fresh {
			wg.Go(func() { q.write(ctx) })
			wg.Go(func() { q.keep(ctx) })
		}
		var tick <-chan time.Time
		if s.room.scarce() {
			tick = time.After(lookEvery)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.news:
		case <-s.room.short:
		case <-tick:
			s.room.look()
		}
	}
}

// open returns the open queues, sorted by name.
func (s *Spool) open() []*Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.queues), func(a, b *Queue) int { return cmp.Compare(a.name, b.name) })
}

// Stuck says why nothing is taken at the moment, "" if it is.
func (s *Spool) Stuck() string {
	for _, q := range s.open() {
		if err := q.fault(); err != nil {
			return fmt.Sprintf("queue %s cannot be written: %v", q.name, err)
		}
	}
	return s.room.stuck()
}

// fault is why the queue cannot be written, nil if it can.
func (q *Queue) fault() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bad
}

// Waiting returns the bytes of payload that were put and not confirmed, of all open queues. What is lost waits for that, too.
func (s *Spool) Waiting() (n uint64) {
	for _, q := range s.open() {
		n += q.waiting()
	}
	return n
}

// Close brings what was put to the disk, saves the cursors, and closes all queues. Run must have returned.
func (s *Spool) Close() error {
	var errs []error
	for _, q := range s.open() {
		if err := q.close(); err != nil {
			errs = append(errs, fmt.Errorf("close queue %s: %w", q.name, err))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return errors.Join(errs...)
}

// signal wakes whoever waits on a channel that holds one token.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// bootID tells one run of this machine from the next.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
