package spool

import (
	"context"
	"fmt"
	"io"

	"belfry/shared/segment"
)

// Next returns the next record in order, of those that are on the disk; it blocks until there is one or ctx is done. It
// begins behind what was confirmed when the queue was opened: at the Cursor of the first of Reach, as it is before the first
// call. A hole between the End of one record and the First of the next in the same epoch is what was lost; where the epoch
// changes, so is what the one before has up to its End in that Reach. It changes only when a queue is opened. After End, Next
// returns io.EOF when all was handed out.
func (q *Queue) Next(ctx context.Context) (Record, error) {
	for tried := uint64(0); ; {
		q.reading.Lock()
		lsn, b, ok, err := q.reader.Next()
		at := q.reader.At()
		q.reading.Unlock()
		if err != nil {
			return Record{}, fmt.Errorf("read queue %s: %w", q.name, err)
		}
		if ok {
			if lsn != q.expect {
				q.noteDamage(q.readFrom)
			}
			q.expect = lsn + 1
			r, ok := parseRecord(lsn, b)
			if !ok {
				continue
			}
			q.waiting.Add(-int64(q.out.hand(r)))
			return r, nil
		}
		if err := q.rest(ctx, at, tried); err != nil {
			return Record{}, err
		}
		tried = at
	}
}

// rest waits until there may be more from the lsn at on; tried is where it was tried before.
func (q *Queue) rest(ctx context.Context, at, tried uint64) error {
	q.noteDamage(q.readFrom)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		q.follow(nil, 0)
		return ErrClosed
	case q.log != q.readFrom:
		q.follow(q.log, at)
		return nil
	case at <= q.settled && at != tried: // it came meanwhile
		return nil
	case q.ended && at > q.last && q.bad == nil:
		return io.EOF
	}
	missing, moved := q.out.restAt(at)
	q.waiting.Add(-int64(missing))
	if moved {
		signal(q.wakes.confirmed)
	}
	changed := q.changed
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
		return nil
	}
}

// follow goes on to read in another log; with nil it lets go of the one that it has. mu is held.
func (q *Queue) follow(l *segment.Log, at uint64) {
	q.reading.Lock()
	defer q.reading.Unlock()
	q.reader.Close()
	if l != nil {
		q.readFrom, q.reader = l, l.Follow(at)
	}
}

// Confirm says that all records up to and including lsn, of those that Next has returned, were taken. They never come again;
// segments that hold no others are removed soon.
func (q *Queue) Confirm(lsn uint64) {
	freed, upto := q.out.confirm(lsn)
	q.waiting.Add(-int64(freed))
	q.mu.Lock()
	if upto >= q.last {
		q.marks = marks{}
	} else {
		q.marks.drop(upto + 1)
	}
	q.mu.Unlock()
	signal(q.wakes.confirmed)
}
