package fleet

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"belfry/shared/event"
)

// Unsaid is the events, by their ids, that lie in documents and may not be in the index yet. The zero value is empty. It is
// safe for concurrent use.
type Unsaid struct {
	mu  sync.Mutex
	all map[string]*Waiting
}

// Waiting is such an event. It never changes.
type Waiting struct {
	Doc   string // the document that it lies in
	Event json.RawMessage
	Due   time.Time // to be said here
	Ours  bool      // it was judged here: the document need not be asked whether it was said
}

// Put keeps an event, in the place of one of that id.
func (u *Unsaid) Put(id string, w Waiting) {
	u.keep(id, w, true)
}

// Add keeps an event, unless one of that id is kept.
func (u *Unsaid) Add(id string, w Waiting) {
	u.keep(id, w, false)
}

func (u *Unsaid) keep(id string, w Waiting, again bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil {
		u.all = make(map[string]*Waiting)
	}
	if again || u.all[id] == nil {
		u.all[id] = &w
	}
}

// Get returns an event; nil if there is none.
func (u *Unsaid) Get(id string) *Waiting {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.all[id]
}

// Drop forgets an event.
func (u *Unsaid) Drop(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.all, id)
}

// Due returns what is to be said now, in order of id. What is not ours, and does not wait in its document any more, is
// forgotten. read makes an event of one that cannot be decoded, or an error.
func (u *Unsaid) Due(ctx context.Context, docs Docs, now time.Time, waits func(id string, body []byte) bool,
	read func(id string, w *Waiting, err error) (*event.Event, error)) (all []Saying, err error) {
	for id, w := range u.due(now) {
		if !w.Ours {
			body, _, err := docs.Load(ctx, w.Doc)
			if err != nil {
				return nil, err
			}
			if !waits(id, body) { // it was said
				u.Drop(id)
				continue
			}
		}
		var dec event.Decoder
		e, err := dec.Decode(w.Event)
		if err != nil {
			if e, err = read(id, w, err); err != nil {
				return nil, err
			}
		}
		all = append(all, Saying{id, e})
	}
	slices.SortFunc(all, func(x, y Saying) int { return strings.Compare(x.ID, y.ID) })
	return all, nil
}

func (u *Unsaid) due(now time.Time) map[string]*Waiting {
	u.mu.Lock()
	defer u.mu.Unlock()
	due := make(map[string]*Waiting)
	for id, w := range u.all {
		if !w.Due.After(now) {
			due[id] = w
		}
	}
	return due
}
