package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"belfry/aggregator/index"
	"belfry/aggregator/index/admit"
	"belfry/shared/event"
)

var errUncovered = fmt.Errorf("%w: an event is in no data range", index.ErrBadWrite)

// The bounds of the queue: of what waits to be written, and of the writes that share one fsync.
const (
	queueBytes = 32 << 20 // by the size of the rows; what they take in memory is some times that
	queueLeast = 4 << 10  // what even an empty write counts for
	groupBytes = 8 << 20
	rangeCost  = 64        // what a range counts for
	maxCost    = 128 << 20 // of one write: its record stays below segment.MaxRecord even where nothing compresses
)

// pending is a Write on its way.
type pending struct {
	w       index.Write
	times   []int64  // of the items
	shelves []*shelf // of the items; nil: base has all of them
	base    *shelf   // of the first item
	record  []byte   // of all items, if all are new
	day     int64    // of the names
	cost    int64
	done    func(index.Result, error)

	// set when it is committed
	fresh    []int // the items that are new
	recorded bool  // it has a record in the log
	changed  bool  // an item has changed since record was made
	result   index.Result
	err      error
}

// Write queues a write and returns; it blocks while too much is queued. done is called once, by another goroutine or
// by this one, in the order in which the writes are committed: with nil when everything is on disk and onDurable has
// returned. done must not block.
//
// The index changes the events where the storage would not take them as they are (see guard.go), and owns them from
// then on. ledger.ErrFull and index.ErrBadWrite say that this Write alone cannot be taken; index.ErrDiskFull that it can later;
// the context's error that it was not queued. After index.ErrClosed or a fault nothing is taken any more.
func (x *Index) Write(ctx context.Context, w index.Write, done func(index.Result, error)) {
	p := &pending{w: w, done: done, cost: queueLeast}
	if err := x.prepare(p); err != nil {
		done(index.Result{}, err)
		return
	}
	if err := x.enqueue(ctx, p); err != nil {
		done(index.Result{}, err)
	}
}

// Refuses says why no Write with this event can be taken, or nil. It is an index.ErrBadWrite.
func Refuses(e *event.Event) error {
	if n := len(e.Fields); n > maxValues {
		return fmt.Errorf("%w: an event with %d values, at most %d", index.ErrBadWrite, n, maxValues)
	}
	return nil
}

// Refuses says why no Write with this event can be taken, or nil.
func (x *Index) Refuses(e *event.Event) error { return Refuses(e) }

var recordWriters = sync.Pool{New: func() any { return new(recordWriter) }}

// prepare does what needs no order, in the goroutine of the caller.
func (x *Index) prepare(p *pending) error {
	if len(p.w.Items) > MaxItems {
		return fmt.Errorf("%w: %d items, at most %d", index.ErrBadWrite, len(p.w.Items), MaxItems)
	}
	for i := range p.w.Ranges {
		if r := &p.w.Ranges[i]; kindBytes[r.Kind] == 0 || r.First >= r.End {
			return fmt.Errorf("%w: range %q [%d,%d)", index.ErrBadWrite, r.Kind, r.First, r.End)
		}
	}
	p.w.Items, p.result.Repeats = admit.DropDoubles(p.w.Items)
	now := x.now()
	p.times = make([]int64, len(p.w.Items))
	p.cost += int64(len(p.w.Ranges)) * rangeCost
	p.day = dayOf(now)
	for i := range p.w.Items {
		if err := Refuses(p.w.Items[i].Event); err != nil {
			return err
		}
		if it := &p.w.Items[i]; it.Named {
			if _, err := event.ParseKey(it.Event.Get("event.id")); err != nil {
				return fmt.Errorf("%w: event.id of a named event: %w", index.ErrBadWrite, err)
			}
		}
		f := x.shelfOf(&p.w.Items[i])
		if f == nil {
			return index.ErrClosed
		}
		p.put(i, f)
		ts, size := guard(p.w.Items[i].Event, now, f.keep)
		p.times[i] = ts
		p.cost += int64(size)
	}
	if p.cost > maxCost {
		return fmt.Errorf("%w: %d bytes, at most %d", index.ErrBadWrite, p.cost, maxCost)
	}
	enc := recordWriters.Get().(*recordWriter)
	enc.day = p.day
	p.record = enc.encode(nil, p.w.Ranges, p.w.Items, func(int) bool { return true }, len(p.w.Items))
	recordWriters.Put(enc)
	return nil
}

// put says which shelf an item goes to; of each item, in order.
func (p *pending) put(i int, f *shelf) {
	if p.base == nil {
		p.base = f
	}
	if p.shelves == nil && f == p.base {
		return
	}
	if p.shelves == nil {
		p.shelves = make([]*shelf, len(p.w.Items))
		for k := range i {
			p.shelves[k] = p.base
		}
	}
	p.shelves[i] = f
}

func (p *pending) shelf(i int) *shelf {
	if p.shelves == nil {
		return p.base
	}
	return p.shelves[i]
}

func (x *Index) enqueue(ctx context.Context, p *pending) error {
	if err := x.gate.Enter(ctx, x.life.Stop, p.cost); err != nil {
		if errors.Is(err, index.ErrClosed) {
			err = x.life.Halt(index.ErrClosed)
		}
		return err
	}
	err := x.life.Take(func() { x.queue <- p }) // has room for as many as the gate lets in
	if err != nil {
		x.gate.Leave(p.cost)
	}
	return err
}
