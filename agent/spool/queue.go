package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"belfry/shared/segment"
)

// Queue is one stream of records. Put and Synced may be called by many goroutines at once, Next by one, Confirm by one
// other, the rest by anybody.
type Queue struct {
	name, dir string
	s         *Spool
	most      int   // bytes of a payload
	nearly    int64 // size of a segment from which on write begins a new one, so that Put need not wait for that

	mu         sync.Mutex   // guards what follows; it is not held while a file goes to the disk, but for a short rest of it
	log        *segment.Log // while bad is set, only write touches it
	epoch, end uint64       // the place of the next record
	began      uint64       // lsn from which on all is of this epoch
	last       uint64       // lsn of the newest record
	settled    uint64       // all up to this lsn is on the disk, or is lost
	settledEnd uint64       // the place behind it
	disk       int64        // bytes that are charged
	scratch    []byte
	saved      uint64 // all up to this lsn was confirmed, and the cursor on the disk says so
	dirty      bool   // something was put since the last sync began
	unlooked   int64  // bytes put since the free space was looked at
	marks      marks  // when what was put
	lost       losses
	bad        error  // the log has failed, and write is about to mend it
	broken     bool   // by a sync: what is in its file is not to be believed
	unsaved    bool   // the cursor does not say yet where the epoch began, or what was lost
	newest     []byte // payload of the last record that Open found, nil if there was none
	ended      bool
	closed     bool
	changed    chan struct{} // closed when any of this has changed

	// For write: something was put; sync at once. For keep: something was confirmed; somebody waits for room.
	wakes struct{ put, now, confirmed, hurry chan struct{} }

	seen int // so many places of damage were told, of the present log

	saving  sync.Mutex // one cursor at a time
	tidying sync.Mutex // nobody removes segments while the log is opened anew
	out     out

	reading  sync.Mutex // guards the two that follow; taken behind mu
	reader   *segment.Follower
	readFrom *segment.Log

	// Next's alone.
	expect uint64   // lsn of the next record if nothing is lost
	held   Record   // was read, and comes behind what is lost before it; LSN 0 if there is none
	looked struct { // what was settled before it last looked for more
		lsn, end uint64
	}
}

// openQueue opens a queue, or makes it.
func openQueue(s *Spool, name string) (*Queue, error) {
	q := &Queue{
		name: name, dir: filepath.Join(s.dir, name), s: s, changed: make(chan struct{}),
		most: s.cfg.maxPayload(), nearly: s.cfg.segment() / 8 * 7,
	}
	for _, c := range []*chan struct{}{&q.wakes.put, &q.wakes.now, &q.wakes.confirmed, &q.wakes.hurry} {
		*c = make(chan struct{}, 1)
	}
	c, err := readCursor(q.dir)
	if errors.Is(err, errCursor) {
		s.log.Warn("cursor of a queue is damaged, what the queue holds is sent again", "queue", name, "err", err)
		err = nil
	}
	if err != nil {
		return nil, err
	}
	first := uint64(1)
	if c != nil {
		first = c.Next
	}
	if q.log, err = segment.Open(q.dir, q.logConfig(first)); err != nil {
		return nil, err
	}
	if err := q.resume(c); err != nil {
		return nil, errors.Join(err, q.log.Close())
	}
	q.disk = q.log.Bytes()
	s.room.charge(q.disk)
	return q, nil
}

func (q *Queue) logConfig(first uint64) segment.Config {
	return segment.Config{MaxBytes: q.s.cfg.segment(), First: first}
}

// resume finds out where the queue was, and takes up there.
func (q *Queue) resume(c *cursor) error {
	lsn, b, err := q.log.Last()
	if err != nil {
		return err
	}
	defer q.noteDamage(q.log)
	newest, _ := parseRecord(lsn, b)
	q.newest = bytes.Clone(newest.Payload)
	if c == nil {
		c = newCursor()
		if err := q.log.Read(0, c.add); err != nil {
			return err
		}
	}
	next := q.log.Next()
	use := &c.Places[len(c.Places)-1]
	whole := newest.LSN+1 == next || newest.LSN == 0 && c.LSN+1 == next
	// Behind a boot the folder may be an old one that was restored: its places were given to others since.
	same := c.Boot == q.s.boot && c.Boot != ""
	switch {
	case same && c.Next == next && (c.Clean || whole):
	case same && whole && newest.Epoch == use.Epoch:
		use.End = newest.End
	default: // nobody knows which places were given
		if newest.Epoch == use.Epoch && newest.LSN >= c.Next {
			use.End = newest.End
		}
		if use.End > use.Cursor {
			c.Places = append(c.Places, place{})
			use = &c.Places[len(c.Places)-1]
		}
		*use = place{Epoch: drawEpoch()}
		q.began = next
	}
	q.epoch, q.end = use.Epoch, use.End
	q.last, q.settled, q.settledEnd = next-1, next-1, q.end
	q.takeUp(c)
	return nil
}

// takeUp sets the way out to where the cursor is, and saves the cursor, for it is clean no more.
func (q *Queue) takeUp(c *cursor) {
	for _, p := range c.Places {
		q.out.places = append(q.out.places, Reach{Epoch: p.Epoch, Cursor: p.Cursor, End: p.End})
	}
	q.out.pos = c.Places[0].Cursor
	q.out.confirmed = min(c.LSN, q.last)
	q.out.passed = q.out.confirmed
	q.expect = q.out.confirmed + 1
	if q.waiting() > 0 {
		q.marks.add(q.expect, q.oldest(c))
	}
	q.readFrom, q.reader = q.log, q.log.Follow(q.expect)
	signal(q.wakes.confirmed)                   // there may be something to free
	if err := q.saveCursor(false); err != nil { // a full disk: nothing is put until there is one
		q.unsaved = true
		q.fail(err, false)
	}
}

// oldest guesses when the oldest record that is not confirmed was put: no earlier than it was.
func (q *Queue) oldest(c *cursor) time.Time {
	if !c.Since.IsZero() {
		return c.Since
	}
	newest := time.Now()
	if all, err := filepath.Glob(filepath.Join(q.dir, "*.seg")); err == nil && len(all) > 0 {
		if fi, err := os.Stat(slices.Max(all)); err == nil {
			newest = fi.ModTime()
		}
	}
	return newest
}

// Newest returns the payload of the last record that lay in the queue when it was opened, nil if there was none. It must not be
// changed.
func (q *Queue) Newest() []byte { return q.newest }

// Name returns the queue's name.
func (q *Queue) Name() string { return q.name }

// End says that no Put comes any more: Next returns io.EOF when all was handed out.
func (q *Queue) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.announce()
	signal(q.wakes.now)
}

// announce wakes whoever waits for a change. mu is held.
func (q *Queue) announce() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// noteDamage counts and logs what a log has found since it was last asked.
func (q *Queue) noteDamage(l *segment.Log) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.log != l {
		return // its damage is found again
	}
	all := l.Damage()
	for _, d := range all[q.seen:] {
		q.s.count.damagedPlaces.Inc()
		q.s.count.damagedBytes.Add(int(d.Bytes))
		q.s.log.Warn("queue is damaged", "queue", q.name, "damage", d.String())
	}
	q.seen = len(all)
}

// close is what Spool.Close does to one queue.
func (q *Queue) close() error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	err := q.bad
	if err != nil && !q.broken {
		err = q.log.Retry()
	}
	if err == nil {
		err = q.log.Sync()
	}
	if err == nil {
		q.settled, q.settledEnd = q.last, q.end
		err = q.log.Close()
	} else {
		next, e := q.log.Abandon()
		q.giveUp(next)
		err = fmt.Errorf("what was put last is lost: %w", errors.Join(err, e))
	}
	q.closed = true
	q.announce()
	q.mu.Unlock()
	return errors.Join(err, q.saveCursor(err == nil))
}
