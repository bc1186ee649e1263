package elastic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/index/admit"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

var errUncovered = fmt.Errorf("%w: an event is in no data range", index.ErrBadWrite)

// The bounds of a Write.
const (
	MaxItems  = 1 << 16 // items
	maxValues = 16 << 10
	maxID     = 512                   // bytes of a document's id, as the servers bound it
	maxFields = event.MaxFields - 100 // values of an event: it must be read back
)

// docsAhead bounds the memory that is taken for documents before their size is known: the gate counts what they have.
const docsAhead = 4 << 20

// pending is a Write on its way.
type pending struct {
	w        index.Write
	position uint64
	cost     int64
	done     func(index.Result, error)
	docs     []byte       // of the items, one line behind the other
	states   []itemState  // of the items
	left     atomic.Int32 // parts that are not durable; and one for Write itself
	stored   chan struct{}
	result   index.Result
	err      error
}

// itemState is what becomes of an item.
type itemState struct {
	end  int  // of its document in docs; it begins where the one before ends
	look bool // it may be in the index of its day, or of the day before
	fate fate
}

type fate uint8

const (
	waits  fate = iota // to be sent
	held               // the ledger has it: not sent
	fresh              // it was not there
	repeat             // it was there
	buried             // the servers take it in no form
)

// part is some items of a Write, which go in one request.
type part struct {
	p           *pending
	first, last int // items [first, last)
	left        int // of them, that have no fate yet; of the worker that has the part
}

// Write queues a write and returns; it blocks while too much is queued. See index.Index.
func (x *Index) Write(ctx context.Context, w index.Write, done func(index.Result, error)) {
	p := &pending{w: w, done: done, cost: queueLeast, stored: make(chan struct{})}
	if err := x.prepare(p); err != nil {
		done(index.Result{}, err)
		return
	}
	if err := x.enqueue(ctx, p); err != nil {
		done(index.Result{}, err)
	}
}

// Refuses says why no Write with this event can be taken, or nil. It is an index.ErrBadWrite.
func (x *Index) Refuses(e *event.Event) error {
	if n := len(e.Fields); n > maxValues {
		return fmt.Errorf("%w: an event with %d values, at most %d", index.ErrBadWrite, n, maxValues)
	}
	return nil
}

// prepare does what needs no order, in the goroutine of the caller.
func (x *Index) prepare(p *pending) error {
	if n := len(p.w.Items); n > MaxItems {
		return fmt.Errorf("%w: %d items, at most %d", index.ErrBadWrite, n, MaxItems)
	}
	p.w.Items, p.result.Repeats = admit.DropDoubles(p.w.Items)
	if _, err := x.pick(p); err != nil {
		return err
	}
	now := x.now()
	today := now.UTC().Format(dayForm)
	m := x.makers.Get().(*maker)
	defer x.makers.Put(m)
	order := x.clock.take(now, len(p.w.Items))
	p.states = make([]itemState, len(p.w.Items))
	p.docs = make([]byte, 0, min(len(p.w.Items)*int(x.docSize.Load()), docsAhead))
	for i := range p.w.Items {
		it := &p.w.Items[i]
		look, err := x.place(it, today)
		if err != nil {
			return err
		}
		p.states[i].look = look
		if it.Ranged && x.ledger.Held(it.Pos, it.Offset) {
			p.states[i].end, p.states[i].fate = len(p.docs), held
			continue
		}
		admit.Fold(it.Event, maxFields)
		admit.Time(it.Event, now, x.cfg.keep(it.Class))
		p.docs = m.appendDocument(p.docs, it.Event, order+uint64(i)*orderStep)
		p.docs = append(p.docs, '\n')
		p.states[i].end = len(p.docs)
	}
	if n := len(p.w.Items); n > 0 {
		x.docSize.Store(int64(min(len(p.docs)/n*5/4, 64<<10))) // the next are about as long
	}
	p.cost += int64(len(p.docs)) + int64(len(p.w.Ranges))*rangeCost
	return nil
}

// place makes an item one that has a place in an index, or says that it can have none. The day of one that came without
// is that of its first try, which the next does not know: look says that it may be there already.
func (x *Index) place(it *index.Item, today string) (look bool, err error) {
	if err := x.Refuses(it.Event); err != nil {
		return false, err
	}
	id := it.Event.Get("event.id")
	if it.Named {
		if _, err := event.ParseKey(id); err != nil {
			return false, fmt.Errorf("%w: event.id of a named event: %w", index.ErrBadWrite, err)
		}
	}
	look = it.Named || it.Day == "" && id != ""
	if id == "" {
		it.Event.Set("event.id", event.RandomKey().String()) // so that it can be sent twice
	}
	it.Class, it.Day = cmp.Or(it.Class, index.DefaultClass), cmp.Or(it.Day, today)
	if !batch.ValidClass(it.Class) {
		return false, fmt.Errorf("%w: class %q", index.ErrBadWrite, it.Class)
	}
	if !validDay(it.Day) {
		return false, fmt.Errorf("%w: day %q", index.ErrBadWrite, it.Day)
	}
	ahead := it.Day > today && it.Day > newest(today)
	if ahead || it.Day < x.oldest(it.Class, x.now()) { // or it would never be deleted, or at once
		look = look || id != ""
		it.Day = today
	}
	return look, nil
}

// newest returns the last day that an event may have: by the clock of who read it, which may be ahead of ours. What comes
// later makes no index: senders could have as many as there are days to come.
func newest(today string) string {
	t, err := time.Parse(dayForm, today)
	if err != nil {
		return today // it is ours
	}
	return t.Add(admit.Future).Format(dayForm)
}

// idOf returns the id of an event's document.
func idOf(e *event.Event) string {
	id := e.Get("event.id")
	if len(id) > maxID {
		return event.HashKey(id).String()
	}
	return id
}

// pick returns the items that the ledger does not hold, or says why the Write can never be taken. It changes nothing.
func (x *Index) pick(p *pending) (fresh []int, err error) {
	change := x.ledger.Begin()
	for i := range p.w.Items {
		if it := &p.w.Items[i]; !it.Ranged || !change.Held(it.Pos, it.Offset) {
			fresh = append(fresh, i)
		}
	}
	for i := range p.w.Ranges {
		r := &p.w.Ranges[i]
		if r.First >= r.End {
			return nil, fmt.Errorf("%w: range %q [%d,%d)", index.ErrBadWrite, r.Kind, r.First, r.End)
		}
		if err := change.Add(r.Pos, r.Kind, r.First, r.End); errors.Is(err, ledger.ErrFull) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("%w: %w", index.ErrBadWrite, err)
		}
	}
	for _, i := range fresh {
		if it := &p.w.Items[i]; it.Ranged && !change.Held(it.Pos, it.Offset) {
			return nil, fmt.Errorf("%w: stream %s, offset %d", errUncovered, it.Pos.Stream, it.Offset)
		}
	}
	return fresh, nil
}

// enqueue gives a Write its position, and hands it to the workers and to the loop that shows it.
func (x *Index) enqueue(ctx context.Context, p *pending) error {
	if err := x.gate.Enter(ctx, x.life.Stop, p.cost); err != nil {
		if errors.Is(err, index.ErrClosed) {
			err = x.life.Halt(index.ErrClosed)
		}
		return err
	}
	parts := x.split(p)
	p.left.Store(int32(len(parts)) + 1)
	x.enter.Lock()
	defer x.enter.Unlock()
	err := x.life.Take(func() {
		p.position = x.next
		x.next++
		x.order <- p // has room for as many as the gate lets in
		for _, part := range parts {
			x.parts <- part // likewise: a Write has one for each BulkBytes at most, and one more
		}
		p.leave()
	})
	if err != nil {
		x.gate.Leave(p.cost)
	}
	return err
}

// leave notes that a part is durable.
func (p *pending) leave() {
	if p.left.Add(-1) == 0 {
		close(p.stored)
	}
}

// split parts a Write into what goes in one request. Items that are not sent are in none.
func (x *Index) split(p *pending) (parts []*part) {
	size := 0
	for i := range p.states {
		s := &p.states[i]
		if s.fate != waits {
			continue
		}
		n := s.end - p.begin(i)
		if last := len(parts) - 1; last < 0 || size+n > int(x.cfg.BulkBytes) {
			parts, size = append(parts, &part{p: p, first: i, last: i + 1}), 0
		} else {
			parts[last].last = i + 1
		}
		size += n
	}
	return parts
}

// begin returns where the document of an item begins.
func (p *pending) begin(i int) int {
	if i == 0 {
		return 0
	}
	return p.states[i-1].end
}

func (p *pending) document(i int) []byte { return p.docs[p.begin(i):p.states[i].end] }

// dayBefore returns the day before a valid one.
func dayBefore(day string) string {
	t, err := time.Parse(dayForm, day)
	if err != nil {
		return day // it was checked
	}
	return t.AddDate(0, 0, -1).Format(dayForm)
}
