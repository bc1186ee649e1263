package index

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"belfry/shared/event"
)

// slowIndex answers writes when it is told to, and finds only what was answered.
type slowIndex struct {
	Index
	found   []*event.Event
	waiting []func()
	fault   error // of the next search
	asked   Search
}

func (x *slowIndex) Write(_ context.Context, w Write, done func(Result, error)) {
	x.waiting = append(x.waiting, func() {
		for _, it := range w.Items {
			x.found = append(x.found, it.Event)
		}
		done(Result{New: len(w.Items)}, nil)
	})
}

func (x *slowIndex) answer() {
	for _, fn := range x.waiting {
		fn()
	}
	x.waiting = nil
}

func (x *slowIndex) Search(_ context.Context, s Search, fn func(*event.Event, Cursor) error) error {
	x.asked = s
	if err := x.fault; err != nil {
		x.fault = nil
		return err
	}
	for _, e := range x.found {
		if err := fn(e, Cursor{}); err != nil {
			return err
		}
	}
	return nil
}

// addAll adds events 0 to n-1.
func addAll(l *Loader, n int) error {
	for i := range n {
		e := new(event.Event)
		e.Append("@timestamp", "2026-11-28T22:00:00Z")
		e.Append("event.id", event.HashKey(fmt.Sprint(i)).String())
		if err := l.Add(context.Background(), e); err != nil {
			return err
		}
	}
	return nil
}

// An event that comes again while its first write is not answered is there once.
func TestLoadTwiceAtOnce(t *testing.T) {
	x := new(slowIndex)
	l := NewLoader(x, "default", true)
	for range 2 {
		if err := addAll(l, loadEvents); err != nil {
			t.Fatal(err)
		}
	}
	x.answer()
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := l.Loaded(); len(x.found) != loadEvents || n.Added != loadEvents || n.Known != loadEvents {
		t.Errorf("%d events are there, %+v", len(x.found), n)
	}
}

// What is anywhere is looked for everywhere, though the engine knows its ids by itself.
func TestLoadWhatIsAnywhere(t *testing.T) {
	x := new(slowIndex)
	l := NewLoader(x, "default", false)
	l.Anywhere = true
	for range 2 {
		if err := addAll(l, loadEvents); err != nil {
			t.Fatal(err)
		}
		x.answer()
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := l.Loaded(); n.Added != loadEvents || n.Known != loadEvents || x.asked.Class != "" || x.asked.Limit != -1 {
		t.Errorf("%+v, asked was %+v", n, x.asked)
	}
}

// After a chunk that could not be looked up, no Flush says that all is there.
func TestLoadAfterError(t *testing.T) {
	away := errors.New("away")
	x := &slowIndex{fault: away}
	l := NewLoader(x, "default", true)
	if err := addAll(l, loadEvents); !errors.Is(err, away) {
		t.Fatal(err)
	}
	if err := l.Flush(t.Context()); !errors.Is(err, away) {
		t.Errorf("Flush says %v", err)
	}
}
