package index

import (
	"context"
	"fmt"
	"sync"
	"time"

	"belfry/shared/event"
)

// Loader puts events into an index that another index, or a file, holds: each is there exactly once, however often it is
// put. It knows an event by its event.id; one without gets an id of what it says. It is not safe for concurrent use.
//
// An engine that knows the ids of its events by itself says what was there (Result.Repeats). For one that does not, look
// makes the loader ask which ids there are in the times of a chunk: events should come in order of time, and nobody
// else may put the same ones meanwhile.
type Loader struct {
	// Oldest is the first time that the index still keeps: what is older is over, and is counted and left out. An index
	// would give it another time.
	Oldest time.Time
	// Anywhere makes the loader look for what is there in all classes and days, whatever the engine. An event may be in another
	// class than this one, and on servers in the index of another day than that of its reading, as what an archive has.
	Anywhere bool

	to    Index
	class string
	look  bool

	chunk []*event.Event
	size  int
	from  time.Time // of the chunk
	until time.Time // its last time

	room   chan struct{} // for writes that are not answered
	wait   sync.WaitGroup
	mu     sync.Mutex // guards what follows
	n      Loaded
	flying map[string]bool // ids that were sent, and may not be found yet; where it looks
	err    error           // the first one: nothing is sent behind it, and no Flush says that all is there
}

// Loaded says what became of the events of a Loader.
type Loaded struct {
	Added uint64 `json:"added"`
	Known uint64 `json:"known"` // were there already
	Over  uint64 `json:"over"`  // are older than the index keeps any
}

// All returns how many events were put.
func (n Loaded) All() uint64 { return n.Added + n.Known + n.Over }

// Plus returns the sum.
func (n Loaded) Plus(m Loaded) Loaded {
	return Loaded{n.Added + m.Added, n.Known + m.Known, n.Over + m.Over}
}

// String tells it to people.
func (n Loaded) String() string {
	text := fmt.Sprintf("%d events, %d new, %d were there already", n.All(), n.Added, n.Known)
	if n.Over > 0 {
		text += fmt.Sprintf(", %d older than is kept were left out", n.Over)
	}
	return text
}

// The bounds of a chunk.
const (
	loadEvents = 2000
	loadBytes  = 4 << 20
	loadWrites = 4 // that are not answered
)

// NewLoader returns a loader into a retention class.
func NewLoader(to Index, class string, look bool) *Loader {
	return &Loader{to: to, class: class, look: look, room: make(chan struct{}, loadWrites), flying: make(map[string]bool)}
}

// Add puts an event, which is the loader's from then on. It is durable behind the next Flush that returns nil; after an
// error none does.
func (l *Loader) Add(ctx context.Context, e *event.Event) error {
	if !e.Has("event.id") {
		e.Set("event.id", event.HashKey("loaded", string(e.AppendJSON(nil))).String())
	}
	at := TimeOf(e)
	if at.Before(l.Oldest) && !at.IsZero() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.n.Over++
		return l.err
	}
	if len(l.chunk) == 0 || at.Before(l.from) {
		l.from = at
	}
	if len(l.chunk) == 0 || at.After(l.until) {
		l.until = at
	}
	l.chunk = append(l.chunk, e)
	for i := range e.Fields {
		l.size += len(e.Fields[i].Name) + len(e.Fields[i].Value)
	}
	if len(l.chunk) < loadEvents && l.size < loadBytes {
		return nil
	}
	return l.send(ctx)
}

// Flush waits until every event that was added is durable.
func (l *Loader) Flush(ctx context.Context) error {
	if err := l.send(ctx); err != nil {
		return err
	}
	l.wait.Wait()
	return l.failed(nil)
}

// failed notes an error, if it is one, and returns the first.
func (l *Loader) failed(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	return l.err
}

// Loaded returns what became of the events that are durable.
func (l *Loader) Loaded() Loaded {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

func (l *Loader) send(ctx context.Context) error {
	chunk := l.chunk
	l.chunk, l.size = nil, 0
	if err := l.failed(nil); err != nil || len(chunk) == 0 {
		return err
	}
	if l.looks() {
		var err error
		if chunk, err = l.unknown(ctx, chunk); err != nil {
			return l.failed(err) // the chunk is not there
		}
		if len(chunk) == 0 {
			return nil
		}
	}
	select {
	case l.room <- struct{}{}:
	case <-ctx.Done():
		return l.failed(ctx.Err())
	}
	l.write(ctx, chunk)
	return l.failed(nil)
}

func (l *Loader) write(ctx context.Context, chunk []*event.Event) {
	w := Write{Items: make([]Item, len(chunk))}
	ids := make([]string, len(chunk))
	for i, e := range chunk {
		w.Items[i] = Item{Event: e, Class: l.class, Day: dayOf(e)}
		ids[i] = e.Get("event.id")
	}
	if l.looks() {
		l.mu.Lock()
		for _, id := range ids {
			l.flying[id] = true
		}
		l.mu.Unlock()
	}
	l.wait.Add(1)
	l.to.Write(ctx, w, func(r Result, err error) {
		if err != nil {
			_ = l.failed(fmt.Errorf("write %d events: %w", len(ids), err)) // is told by who sends next, or flushes
		}
		l.mu.Lock()
		l.n.Added += uint64(r.New)
		l.n.Known += uint64(r.Repeats)
		for _, id := range ids {
			delete(l.flying, id)
		}
		l.mu.Unlock()
		<-l.room
		l.wait.Done()
	})
}

func (l *Loader) looks() bool { return l.look || l.Anywhere }

// unknown returns the events of which the index does not have the id.
func (l *Loader) unknown(ctx context.Context, chunk []*event.Event) ([]*event.Event, error) {
	missing := make(map[string]bool, len(chunk))
	for _, e := range chunk {
		missing[e.Get("event.id")] = true
	}
	l.mu.Lock() // before the search: what has been answered by now, that finds
	for id := range l.flying {
		delete(missing, id)
	}
	l.mu.Unlock()
	s := Search{Span: Span{Class: l.class, From: l.from, To: l.until.Add(1)}, Limit: -1}
	if l.Anywhere {
		s.Class = ""
	}
	err := l.to.Search(ctx, s, func(e *event.Event, _ Cursor) error {
		delete(missing, e.Get("event.id"))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for events that are there already: %w", err)
	}
	kept := chunk[:0]
	for _, e := range chunk {
		if id := e.Get("event.id"); missing[id] {
			delete(missing, id)
			kept = append(kept, e)
			continue
		}
		l.mu.Lock()
		l.n.Known++
		l.mu.Unlock()
	}
	return kept, nil
}

// TimeOf returns the @timestamp of an event; zero if it has none.
func TimeOf(e *event.Event) time.Time {
	t, err := time.Parse(time.RFC3339Nano, e.Get("@timestamp"))
	if err != nil {
		return time.Time{}
	}
	return t
}

// dayOf returns the day that names the index of an event: that of its reading, as an agent says it of what it follows.
// It depends on the event alone, so that an event that is loaded twice meets itself.
func dayOf(e *event.Event) string {
	for _, name := range []string{"event.created", "event.ingested", "@timestamp"} {
		if day := DayOf(e.Get(name)); day != "" {
			return day
		}
	}
	return "" // today
}

// DayOf returns the day of a time (RFC 3339), as Item.Day names an index; "" if it is none.
func DayOf(text string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
