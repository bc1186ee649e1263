package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"belfry/shared/batch"
	"belfry/shared/event"
)

var quiet = slog.New(slog.DiscardHandler)

// receiver takes what an input hands on, as an aggregator does: an event is known by its id, and of what is said of a number,
// data overrides the rest.
type receiver struct {
	mu     sync.Mutex
	events map[string]string // message by id
	kinds  map[uint64]map[uint64]batch.Kind
	places map[string]string // class and day by id
	said   []string          // of what is no event
	faults []string

	waiting []batch.Stream // not confirmed yet
	came    int
	full    int           // as many may come, and no more; 0 is no bound
	room    chan struct{} // closed when there is room again
}

func newReceiver() *receiver {
	return &receiver{events: map[string]string{}, kinds: map[uint64]map[uint64]batch.Kind{}, places: map[string]string{}}
}

func (r *receiver) Add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full > 0 && r.came >= r.full {
		r.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-r.room:
		}
		r.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	r.came++
	var e struct {
		Event struct{ ID, Original string }
		Log   struct{ Offset uint64 }
	}
	if err := json.Unmarshal(line, &e); err != nil {
		r.fault("%s: %v", line, err)
	}
	if e.Log.Offset != first || end != first+1 {
		r.fault("[%d,%d) holds %s", first, end, line)
	}
	text := strings.SplitN(e.Event.Original, " ", 8)[7] // the header has seven words
	if old, ok := r.events[e.Event.ID]; ok && old != text {
		r.fault("id %s is that of %q and of %q", e.Event.ID, old, text)
	}
	where := p.Class + " " + p.Day
	if old, ok := r.places[e.Event.ID]; ok && old != where {
		r.fault("%q lies in %s and in %s", text, old, where)
	}
	r.events[e.Event.ID], r.places[e.Event.ID] = text, where
	r.note(p, batch.Data, first, end)
	return nil
}

func (r *receiver) Pass(_ context.Context, p batch.Place, kind batch.Kind, first, end uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf("%s %d-%d", kind, first, end))
	if kind == batch.Data || first >= end {
		r.fault("%s [%d,%d) is passed", kind, first, end)
	}
	r.note(p, kind, first, end)
	return nil
}

func (r *receiver) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *receiver) note(p batch.Place, kind batch.Kind, first, end uint64) {
	of := r.kinds[p.Epoch]
	if of == nil {
		of = map[uint64]batch.Kind{}
		r.kinds[p.Epoch] = of
	}
	for n := first; n < end; n++ {
		if of[n] != batch.Data {
			of[n] = kind
		}
	}
	r.waiting = append(r.waiting, batch.Stream{ID: p.Stream, Epoch: p.Epoch, Ranges: []batch.Range{{Kind: kind, First: first, End: end}}})
}

// confirm confirms all that came, or a part of it at random.
func (r *receiver) confirm(in *Input, all bool) {
	r.mu.Lock()
	var now, later []batch.Stream
	for _, s := range r.waiting {
		if all || rand.N(3) == 0 {
			now = append(now, s)
		} else {
			later = append(later, s)
		}
	}
	r.waiting = later
	r.mu.Unlock()
	rand.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
	for _, s := range now {
		in.Confirmed(s)
	}
}

// lost forgets what is not confirmed: the process dies.
func (r *receiver) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = nil
}

// messages returns all, in order.
func (r *receiver) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, m := range r.events {
		all = append(all, m)
	}
	slices.Sort(all)
	return all
}

// count returns how many numbers are of a kind.
func (r *receiver) count(k batch.Kind) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, of := range r.kinds {
		for _, got := range of {
			if got == k {
				n++
			}
		}
	}
	return n
}

// check reports what went wrong, and numbers of which nothing was said.
func (r *receiver) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.faults {
		t.Error(f)
	}
	for epoch, of := range r.kinds {
		most := uint64(0)
		for n := range of {
			most = max(most, n)
		}
		for n := range most {
			if of[n] == "" {
				t.Errorf("epoch %x: nothing is said of %d", epoch, n)
			}
		}
	}
}

var me = Source{Agent: event.HashKey("me"), Version: "test", Host: "here", Zone: "UTC"}
