package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// word is an event that is to be said, and what is known by it: both are kept together, so that it is said once.
type word struct {
	event    *event.Event
	key      []string // the same, whoever says it
	agents   map[event.Key]*agent
	queue    *queue
	expected map[string]*expectation
}

func events(all []word) []*event.Event {
	out := make([]*event.Event, len(all))
	for i, w := range all {
		out[i] = w.event
	}
	return out
}

// wordOf is what is said of hosts.
func wordOf(e *event.Event, all ...absent) word {
	w := word{event: e, key: []string{e.Get("event.action")}, agents: make(map[event.Key]*agent), expected: make(map[string]*expectation)}
	for _, x := range all {
		w.key = append(w.key, x.name, stampKey(x.since))
		if x.agent != nil {
			w.agents[x.agent.id] = &agent{Name: x.agent.Name, Silent: x.agent.Silent, Turned: x.agent.Turned}
		} else {
			w.expected[x.name] = &expectation{Since: x.expected.Since, Told: x.expected.Told}
		}
	}
	return w
}

func stampKey(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// sayDoc is a word as a document. Its id is the event's.
type sayDoc struct {
	Event    json.RawMessage         `json:"event"`
	Agents   map[event.Key]*agent    `json:"agents,omitempty"` // what is known by it alone
	Queue    *queue                  `json:"queue,omitempty"`
	Expected map[string]*expectation `json:"expected,omitempty"`
}

// patience is how long another aggregator is given to say what it was about to say.
const patience = 15 * time.Second

// publishWords writes what is to be said into documents, each with what is known by it: who takes over says it.
func (f *Fleet) publishWords(ctx context.Context, now time.Time) error {
	f.mu.Lock()
	words := f.says
	f.says = nil
	f.mu.Unlock()
	for i, w := range words {
		id := event.HashKey(append([]string{"belfry", "said"}, w.key...)...).String()
		w.event.Set("event.id", id)
		text := w.event.AppendJSON(nil)
		body, err := json.Marshal(sayDoc{text, w.agents, w.queue, w.expected})
		if err == nil {
			err = f.notes.Save(ctx, "say."+id, body, ledger.Version{})
		}
		if err != nil && !errors.Is(err, ledger.ErrConflict) { // else somebody else says the same
			f.mu.Lock()
			f.says = append(words[i:], f.says...)
			f.mu.Unlock()
			return fmt.Errorf("note what is to be said: %w", err)
		}
		f.unsaid.Put(id, Waiting{"say." + id, text, now, true})
		f.mu.Lock()
		for id := range w.agents {
			f.soon(id, 0)
		}
		if w.queue != nil {
			delete(f.queued, w.queue.Name)
		}
		f.told = f.told || len(w.expected) > 0
		f.mu.Unlock()
	}
	return nil
}

// takeSay joins what is known by something that another aggregator says.
func (f *Fleet) takeSay(id string, body []byte) error {
	var d sayDoc
	if err := json.Unmarshal(body, &d); err != nil {
		return err
	}
	f.mu.Lock()
	for id, o := range d.Agents {
		if a := f.agents[id]; a != nil && a.Name == o.Name {
			a.join(o)
		}
	}
	if d.Queue != nil {
		f.queue(d.Queue.Name).join(d.Queue)
	}
	for name, o := range d.Expected {
		if x := f.expected[name]; x != nil && x.Since.Equal(o.Since) {
			x.Told = later(x.Told, o.Told)
		}
	}
	due := f.clock.Add(patience)
	f.mu.Unlock()
	f.unsaid.Add(id, Waiting{"say." + id, d.Event, due, false})
	return nil
}

// Saying is an event to say, by whoever does so.
type Saying struct {
	ID    string // of the event
	Event *event.Event
}

// Sayings returns what is to be said now: what was judged here, and what another aggregator was about to say and did not. Each
// goes into the index of the day that it was made on, by its id, so that a repeat is one.
func (f *Fleet) Sayings(ctx context.Context, now time.Time) ([]Saying, error) {
	waits := func(_ string, body []byte) bool { return body != nil }
	return f.unsaid.Due(ctx, f.notes, now, waits, func(id string, w *Waiting, err error) (*event.Event, error) {
		e := unreadable(w.Event, err)
		e.Set("event.id", id)
		return e, nil
	})
}

// Spoken takes a saying out that is in the index.
func (f *Fleet) Spoken(ctx context.Context, id string) error {
	body, v, err := f.notes.Load(ctx, "say."+id)
	if err == nil && body != nil {
		err = f.notes.Remove(ctx, "say."+id, v)
	}
	if err != nil && !errors.Is(err, ledger.ErrConflict) {
		return fmt.Errorf("note what was said: %w", err)
	}
	f.unsaid.Drop(id)
	return nil
}
