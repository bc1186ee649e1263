package spool

import (
	"context"
	"errors"
	"time"
)

// Reach is how far a queue reaches in one epoch.
type Reach struct {
	Epoch  uint64
	End    uint64    // all before it was put
	Cursor uint64    // all before it was confirmed; what is lost waits for that as well
	Since  time.Time // when the oldest that waits was put, or up to a few seconds before; zero if nothing waits
	Lost   uint64    // bytes that are lost, as Queue.Lost says, but of this epoch alone
}

// Lost returns how many bytes failed writes and damage have taken, as far as it is known, since the queue was opened. What
// was lost before, and not confirmed, counts again.
func (q *Queue) Lost() uint64 {
	q.out.mu.Lock()
	defer q.out.mu.Unlock()
	return q.out.lost
}

// waiting returns the bytes that were put and not confirmed.
func (q *Queue) waiting() (n uint64) {
	for _, p := range q.Reach() {
		n += p.End - min(p.Cursor, p.End)
	}
	return n
}

// Reach returns how far the queue reaches: in the epochs of which something is not confirmed, oldest first, and in the one in
// use, which is always there and last. The others grow no more.
func (q *Queue) Reach() []Reach {
	q.mu.Lock()
	defer q.mu.Unlock()
	places, confirmed := q.out.reach(q.end)
	for i := range places {
		if p := &places[i]; p.End > p.Cursor {
			lsn := confirmed + 1
			if i > 0 && i+1 == len(places) {
				lsn = max(lsn, q.began)
			}
			p.Since = q.marks.since(lsn)
		}
	}
	return places
}

func (o *out) reach(end uint64) (places []Reach, confirmed uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	places = append(places, o.places...)
	places[len(places)-1].End = end
	return places, o.confirmed
}

// How often the cursor is saved: a crash sends again what was confirmed since. Where senders wait for room, it is made
// sooner.
const (
	saveEvery     = time.Second
	saveEveryFull = 50 * time.Millisecond

	// blockBytes is what a file takes at least: a smaller segment is not replaced by an empty one.
	blockBytes = 4096
)

// keep saves the cursor and frees what was confirmed, until ctx is done.
func (q *Queue) keep(ctx context.Context) {
	var told bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wakes.confirmed:
		}
		err := q.tidy()
		if err != nil {
			if !told {
				q.s.log.Warn("queue cannot be freed", "queue", q.name, "err", err)
			}
			signal(q.wakes.confirmed)
		}
		told = err != nil
		if !q.pause(ctx) {
			return
		}
	}
}

// pause waits until the cursor may be saved again; it returns false when ctx is done.
func (q *Queue) pause(ctx context.Context) bool {
	for _, step := range []struct {
		least time.Duration
		hurry <-chan struct{}
	}{{saveEveryFull, nil}, {saveEvery - saveEveryFull, q.wakes.hurry}} {
		select {
		case <-ctx.Done():
			return false
		case <-step.hurry:
		case <-time.After(step.least):
		}
	}
	return true
}

// tidy saves the cursor and removes the segments before it. On a disk with no room for a cursor they are removed all the
// same: that makes room, and a crash then finds that they are gone.
func (q *Queue) tidy() error {
	err := q.saveCursor(false)
	q.tidying.Lock()
	defer q.tidying.Unlock()
	q.mu.Lock()
	log, upto, bad := q.log, q.saved, q.bad != nil || q.closed
	q.mu.Unlock()
	if bad {
		return err
	}
	if err != nil {
		upto = q.out.done()
	}
	err = errors.Join(err, log.Release(upto+1))
	if err == nil {
		err = q.shrink()
	}
	q.reading.Lock()
	if q.readFrom == log {
		q.reader.LetGo()
	}
	q.reading.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bad == nil && !q.closed {
		now := log.Bytes()
		q.s.room.charge(now - q.disk)
		q.disk = now
	}
	return err
}

// done returns up to which lsn all was confirmed.
func (o *out) done() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.confirmed
}

// shrink replaces the last segment by an empty one, if the cursor says that nothing in it waits.
func (q *Queue) shrink() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bad != nil || q.closed || q.saved < q.last || q.settled < q.last || q.log.Size() <= blockBytes {
		return nil
	}
	err := q.log.TruncateBefore(q.last + 1)
	if err != nil && q.log.Retry() != nil {
		q.fail(err, true)
	}
	return err
}

// saveCursor writes down how far the queue was confirmed.
func (q *Queue) saveCursor(clean bool) error {
	q.saving.Lock()
	defer q.saving.Unlock()
	q.mu.Lock()
	places, confirmed := q.out.reach(q.settledEnd)
	c := cursor{LSN: confirmed, Next: max(q.settled, confirmed) + 1, Boot: q.s.boot, Clean: clean}
	if confirmed < q.last {
		c.Since = q.marks.since(confirmed + 1)
	}
	q.mu.Unlock()
	for _, p := range places {
		c.Places = append(c.Places, place{p.Epoch, p.Cursor, max(p.End, p.Cursor)})
	}
	if err := c.save(q.dir); err != nil {
		return err
	}
	q.mu.Lock()
	q.saved = confirmed
	q.mu.Unlock()
	return nil
}
