package serve

import (
	"sync"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// tailBuffer is how many events one reader of the live tail may be behind before events are left out.
const tailBuffer = 4096

// maxTails bounds the readers of the live tail.
const maxTails = 64

// Hub shows events to those who follow them, as they pass. It never waits for a slow reader: it counts what that
// one missed. Safe for concurrent use.
type Hub struct {
	mu    sync.RWMutex
	tails map[*tail]struct{}
}

// tail is one reader.
type tail struct {
	filter *query.Expr
	events chan *event.Event
	mu     sync.Mutex
	missed int
}

// NewHub returns a hub without readers.
func NewHub() *Hub { return &Hub{tails: make(map[*tail]struct{})} }

// Publish shows events to all readers whose query matches. Nobody may change the events any more.
func (h *Hub) Publish(events []*event.Event) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for t := range h.tails {
		for _, e := range events {
			if t.filter.Match(e) {
				t.offer(e)
			}
		}
	}
}

func (t *tail) offer(e *event.Event) {
	select {
	case t.events <- e:
	default:
		t.mu.Lock()
		t.missed++
		t.mu.Unlock()
	}
}

// takeMissed returns how many events were left out since the last call.
func (t *tail) takeMissed() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.missed
	t.missed = 0
	return n
}

// subscribe adds a reader; nil if there are too many.
func (h *Hub) subscribe(filter *query.Expr) *tail {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.tails) >= maxTails {
		return nil
	}
	t := &tail{filter: filter, events: make(chan *event.Event, tailBuffer)}
	h.tails[t] = struct{}{}
	return t
}

func (h *Hub) unsubscribe(t *tail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.tails, t)
}
