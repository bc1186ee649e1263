package spool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of Put and Synced.
var (
	ErrEnded = errors.New("queue has ended")
	ErrSize  = errors.New("a queue takes no record of that size")
	ErrLost  = errors.New("record was lost by a failed write")
)

// maxScratch bounds what Put keeps to put records together.
const maxScratch = 1 << 20

// Put adds a record, of which it copies payload, and returns its lsn. It blocks while the spool is full, or the disk, or
// fails, until ctx is done. The record survives the end of the process once it was handed to the system, and that of the
// machine once it is on the disk: Synced waits for it.
func (q *Queue) Put(ctx context.Context, payload []byte) (lsn uint64, err error) {
	if len(payload) == 0 || len(payload) > q.most {
		return 0, fmt.Errorf("put %d bytes into a queue: %w: from 1 to %d", len(payload), ErrSize, q.most)
	}
	cost := int64(recordCost + len(payload))
	if !q.s.room.take(cost) {
		if err := q.waitForRoom(ctx, cost); err != nil {
			return 0, err
		}
	}
	q.mu.Lock()
	lsn, err = q.append(payload, cost)
	q.mu.Unlock()
	if lsn == 0 {
		lsn, err = q.putLate(ctx, payload, cost, err)
	}
	return lsn, err
}

// append adds a record, for which there is room. Where the queue cannot take it now or at all, lsn is 0; with an error where
// it never will. mu is held.
func (q *Queue) append(payload []byte, cost int64) (lsn uint64, err error) {
	switch {
	case q.closed:
		return 0, ErrClosed
	case q.ended:
		return 0, ErrEnded
	case q.bad != nil:
		return 0, nil
	}
	q.scratch = append(appendPlace(q.scratch[:0], q.epoch, q.end), payload...)
	before := q.log.Size()
	lsn, err = q.log.Append(q.scratch)
	if cap(q.scratch) > maxScratch {
		q.scratch = nil
	}
	if err != nil {
		q.fail(err, false)
	}
	if lsn == 0 {
		return 0, nil
	}
	q.last, q.end = lsn, q.end+uint64(len(payload))
	q.disk += cost
	q.s.count.records.Inc()
	q.announcePut(lsn, cost, before)
	return lsn, nil
}

// announcePut tells write of what was put: the first of a group, and what makes a segment nearly full.
func (q *Queue) announcePut(lsn uint64, cost, before int64) {
	if !q.dirty || len(q.marks.all) == 0 {
		q.marks.add(lsn, time.Now())
	}
	if !q.dirty {
		q.dirty = true
		signal(q.wakes.put)
	}
	if before < q.nearly && before+cost >= q.nearly {
		signal(q.wakes.now)
	}
	if q.unlooked += cost; q.unlooked >= lookBytes {
		q.unlooked = 0
		q.s.room.look()
	}
}

// waitForRoom waits until a record of that cost was charged.
func (q *Queue) waitForRoom(ctx context.Context, cost int64) error {
	begun := time.Now()
	defer func() { q.s.count.blocked.Add(time.Since(begun).Seconds()) }()
	q.mu.Lock()
	over := q.refusal()
	q.mu.Unlock()
	if over != nil {
		return over
	}
	for _, other := range q.s.open() {
		signal(other.wakes.hurry)
	}
	return q.s.room.wait(ctx, cost)
}

// putLate puts what was charged, once the log has recovered.
func (q *Queue) putLate(ctx context.Context, payload []byte, cost int64, err error) (lsn uint64, _ error) {
	begun := time.Now()
	defer func() {
		if lsn == 0 {
			q.s.room.charge(-cost)
		}
		q.s.count.blocked.Add(time.Since(begun).Seconds())
	}()
	for err == nil {
		q.mu.Lock()
		lsn, err = q.append(payload, cost)
		changed := q.changed
		q.mu.Unlock()
		if lsn != 0 {
			return lsn, nil
		}
		if err != nil {
			break
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-changed:
		}
	}
	return 0, err
}

// refusal says why the queue takes nothing any more. mu is held.
func (q *Queue) refusal() error {
	switch {
	case q.closed:
		return ErrClosed
	case q.ended:
		return ErrEnded
	}
	return nil
}

// Synced returns when the records first to last are on the disk, those of others between them as well. It has the sync done
// at once: whoever comes while one is under way shares the next. The error is ErrLost where a failed write has taken any of
// them, or may have: of losses that lie far back it is not known any more what they took.
func (q *Queue) Synced(ctx context.Context, first, last uint64) error {
	for {
		q.mu.Lock()
		done, err := q.fate(first, last)
		changed := q.changed
		q.mu.Unlock()
		if done {
			return err
		}
		signal(q.wakes.now)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// fate says what became of the records first to last, if it is known. mu is held.
func (q *Queue) fate(first, last uint64) (known bool, err error) {
	switch {
	case q.lost.meets(first, last):
		return true, ErrLost
	case last <= q.settled:
		return true, nil
	case q.closed:
		return true, ErrClosed
	}
	return false, nil
}
