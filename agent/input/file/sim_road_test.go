package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// simRoad is a road that takes batches late and out of order, and forgets some of what was under way when the agent died.
// It keeps each id once, as an index does.
type simRoad struct {
	window int // how many events may be under way
	rate   int // how many arrive at once at most

	mu       sync.Mutex
	rnd      *rand.Rand
	in       *Input // nil while the agent is down: nothing leaves it
	shut     bool
	underway []simEvent
	byID     map[string]string
	arrived  map[string][]simEvent // by line, each id once
	headers  int                   // ids whose line is constant
	ranges   map[simStream][]simRange
	repeats  int
	faults   []string
}

type simStream struct {
	id    event.Key
	epoch uint64
}

type simRange struct {
	kind       batch.Kind
	first, end uint64
}

// simEvent is an event, or a range without one.
type simEvent struct {
	simStream
	simRange
	id, line string
	doubt    bool // it says itself that it may be a repeat
}

var errDead = errors.New("the agent is dead")

func newRoad(rnd *rand.Rand, window, rate int) *simRoad {
	return &simRoad{
		window: window, rate: rate, rnd: rnd, byID: make(map[string]string), arrived: make(map[string][]simEvent),
		ranges: make(map[simStream][]simRange),
	}
}

func (r *simRoad) put(ctx context.Context, e simEvent) error {
	for {
		r.mu.Lock()
		dead, full := r.in == nil, len(r.underway) >= r.window
		if !dead && !full {
			r.underway = append(r.underway, e)
		}
		r.mu.Unlock()
		switch {
		case dead:
			return errDead
		case !full:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(simPause / 100):
		}
	}
}

func (r *simRoad) Add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error {
	var e struct {
		Event struct{ ID, Original string }
		Tags  []string
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("event %q: %w", line, err)
	}
	return r.put(ctx, simEvent{
		simStream{p.Stream, p.Epoch}, simRange{batch.Data, first, end}, e.Event.ID, e.Event.Original,
		slices.Contains(e.Tags, "doubt") || slices.Contains(e.Tags, "belfry.doubt"),
	})
}

func (r *simRoad) Pass(ctx context.Context, p batch.Place, kind batch.Kind, first, end uint64) error {
	return r.put(ctx, simEvent{simStream: simStream{p.Stream, p.Epoch}, simRange: simRange{kind, first, end}})
}

func (r *simRoad) Finish(context.Context, batch.Place, uint64) error { return nil }

// keep indexes an event. The caller holds mu.
func (r *simRoad) keep(e simEvent) {
	r.ranges[e.simStream] = append(r.ranges[e.simStream], e.simRange)
	old, again := r.byID[e.id]
	switch {
	case e.id == "":
	case again && old != e.line:
		r.faults = append(r.faults, fmt.Sprintf("one id for %q and %q", old, e.line))
	case again:
		r.repeats++
	case strings.HasPrefix(e.line, simHeader):
		r.byID[e.id] = e.line
		r.headers++
	default:
		r.byID[e.id] = e.line
		r.arrived[e.line] = append(r.arrived[e.line], e)
	}
}

// seen is how many ids left the agent, or so.
func (r *simRoad) seen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.byID) + len(r.underway)
}

// progress changes when anything arrives.
func (r *simRoad) progress() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.byID) + len(r.underway) + r.repeats
}

func (r *simRoad) has(line string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.arrived[line]) > 0
}

func (r *simRoad) close(shut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = shut
}

// open lets everything through, and fast.
func (r *simRoad) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut, r.rate = false, 1000
}

func (r *simRoad) join(in *Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.in = in
}

// leave ends the agent for all others, after what do does at that moment. The index has some of what was under way, and
// nobody knows.
func (r *simRoad) leave(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
	r.in = nil
	for _, e := range r.underway {
		if r.rnd.IntN(2) == 0 {
			r.keep(e)
		}
	}
	r.underway = nil
}

// deliver takes some of what is under way, and confirms it.
func (r *simRoad) deliver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shut || r.in == nil || len(r.underway) == 0 || r.rnd.IntN(2) == 0 {
		return
	}
	n := min(len(r.underway), 1+r.rnd.IntN(r.rate))
	some := min(len(r.underway), 2*n) // the others of them are overtaken
	r.rnd.Shuffle(some, func(i, j int) { r.underway[i], r.underway[j] = r.underway[j], r.underway[i] })
	for _, e := range r.underway[:n] {
		r.keep(e)
		r.in.Confirmed(batch.Stream{ID: e.simStream.id, Epoch: e.epoch, Ranges: []batch.Range{{Kind: e.kind, First: e.first, End: e.end}}})
	}
	r.underway = slices.Delete(r.underway, 0, n)
}

// run delivers until quit is closed.
func (r *simRoad) run(quit <-chan struct{}) {
	ticks := time.NewTicker(simPause / 5)
	defer ticks.Stop()
	for {
		select {
		case <-quit:
			return
		case <-ticks.C:
			r.deliver()
		}
	}
}
