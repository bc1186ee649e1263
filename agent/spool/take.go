package spool

import (
	"context"
	"fmt"
	"io"

	"belfry/shared/segment"
)

// Next returns what comes next in order, of what is on the disk or is lost; it blocks until there is something or ctx is
// done. It begins behind what was confirmed when the queue was opened: at the Cursor of the first of Reach, as it is before
// the first call. From there on each byte of each epoch comes once, up to the End of the epoch: in the record that was put, or
// in one that is Lost. Such a one comes before what lies behind it, or as soon as it is known if nothing does; until it is
// confirmed it comes again after a restart, like any other. After End, Next returns io.EOF when all was handed out.
func (q *Queue) Next(ctx context.Context) (Record, error) {
	for {
		r, err := q.read()
		if err == nil && r.LSN == 0 {
			r, err = q.rest(ctx)
		}
		if err != nil || r.LSN > 0 {
			return r, err
		}
	}
}

// read returns what comes next; LSN is 0 if nothing more can be read.
func (q *Queue) read() (Record, error) {
	for q.held.LSN == 0 {
		q.reading.Lock()
		lsn, b, ok, err := q.reader.Next()
		q.reading.Unlock()
		if err != nil {
			return Record{}, fmt.Errorf("read queue %s: %w", q.name, err)
		}
		if !ok {
			return Record{}, nil
		}
		if lsn != q.expect {
			q.noteDamage(q.readFrom)
		}
		q.expect = lsn + 1
		if r, ok := parseRecord(lsn, b); ok {
			q.held = r
		}
	}
	r := q.out.hand(q.held)
	if !r.Lost {
		q.held = Record{}
	}
	return r, nil
}

// rest returns what is lost of what is on the disk, when all of that was read. If nothing is, it waits until there may be
// more, and returns LSN 0.
func (q *Queue) rest(ctx context.Context) (Record, error) {
	q.noteDamage(q.readFrom)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		q.follow(nil)
		return Record{}, ErrClosed
	case q.log != q.readFrom:
		q.follow(q.log)
		return Record{}, nil
	case q.looked.lsn < q.settled: // it came meanwhile, perhaps
		q.looked.lsn, q.looked.end = q.settled, q.settledEnd
		return Record{}, nil
	}
	lost, moved := q.out.rest(q.looked.lsn, q.looked.end)
	if lost.Lost {
		return lost, nil
	}
	if moved {
		signal(q.wakes.confirmed)
	}
	if q.ended && q.settled == q.last && q.bad == nil {
		return Record{}, io.EOF
	}
	changed := q.changed
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-ctx.Done():
		return Record{}, ctx.Err()
	case <-changed:
		return Record{}, nil
	}
}

// follow goes on to read in another log; with nil it lets go of the one that it has. mu is held.
func (q *Queue) follow(l *segment.Log) {
	q.reading.Lock()
	defer q.reading.Unlock()
	q.reader.Close()
	if l != nil {
		q.readFrom, q.reader = l, l.Follow(q.reader.At())
	}
}

// Confirm says that all records up to and including lsn, of those that Next has returned, were taken, and that of those that
// are Lost it is known. They never come again; segments that hold no others are removed soon.
func (q *Queue) Confirm(lsn uint64) {
	upto := q.out.confirm(lsn)
	q.mu.Lock()
	if upto >= q.last {
		q.marks = marks{}
	} else {
		q.marks.drop(upto + 1)
	}
	q.mu.Unlock()
	signal(q.wakes.confirmed)
}

// Leave closes what Next reads from, for whoever is done with it. Next must not be called any more.
func (q *Queue) Leave() { q.reader.Close() }
