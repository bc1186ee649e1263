// Package suite holds the tests that every engine must pass: what package index promises, asked of an index that is
// open, empty and running. It is linked into tests alone.
//
//	for _, c := range suite.Cases() {
//		t.Run(c.Name, func(t *testing.T) { c.Run(t, open(t)) })
//	}
//
// A model in memory says what is right: the events that were written, in order, and query.Expr.Match.
package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// T is what a case needs of a test.
type T interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// Case is one test.
type Case struct {
	Name  string
	Short bool // one of the few that are to be run on every server
	Run   func(t T, x index.Index)
}

// Cases returns all tests. Each needs an index of its own.
func Cases() []Case {
	return []Case{
		{"order", true, order},
		{"pages", false, pages},
		{"spans", false, spans},
		{"queries", true, queries},
		{"as_written", true, asWritten},
		{"seen_at_once", false, seenAtOnce},
		{"ends", false, ends},
		{"count", true, count},
		{"count_by", false, countBy},
		{"count_bounds", false, countBounds},
		{"top", true, top},
		{"top_bounds", false, topBounds},
		{"fields", false, fields},
		{"get", false, get},
		{"around", false, around},
		{"repeats", true, repeats},
		{"names", false, names},
		{"classes", false, classes},
		{"erase", true, erase},
	}
}

// patience bounds the wait for an answer; it says nothing about how long one may take.
const patience = 2 * time.Minute

// world is an index, and the model of it.
type world struct {
	t      T
	x      index.Index
	events []*event.Event // in the order in which they were written
}

// put writes events as of senders without a ledger, in one Write, and waits for the answer.
func (w *world) put(events ...*event.Event) {
	w.t.Helper()
	var wr index.Write
	for _, e := range events {
		wr.Items = append(wr.Items, index.Item{Event: e.Clone()})
		w.events = append(w.events, e)
	}
	w.write(wr)
}

func (w *world) write(wr index.Write) index.Result {
	w.t.Helper()
	r, err := answer(w.t, w.x, wr)
	if err != nil {
		w.t.Fatalf("write: %v", err)
	}
	return r
}

// answer writes and waits.
func answer(t T, x index.Index, wr index.Write) (index.Result, error) {
	t.Helper()
	type said struct {
		index.Result
		err error
	}
	ch := make(chan said, 1)
	x.Write(t.Context(), wr, func(r index.Result, err error) { ch <- said{r, err} })
	select {
	case s := <-ch:
		return s.Result, s.err
	case <-time.After(patience):
		t.Fatalf("no answer to a write")
		return index.Result{}, nil
	}
}

// asked returns what the model has for a span, the oldest first.
func (w *world) asked(sp index.Span) []*event.Event {
	var all []*event.Event
	for _, e := range w.events {
		at := timeOf(e)
		if at.Before(sp.From) || !sp.To.IsZero() && !at.Before(sp.To) || sp.Query != nil && !sp.Query.Match(e) {
			continue
		}
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b *event.Event) int { return timeOf(a).Compare(timeOf(b)) })
	return all
}

// expect returns what a search must give.
func (w *world) expect(s index.Search) []*event.Event {
	all := w.asked(s.Span)
	if !s.Oldest {
		slices.Reverse(all)
	}
	limit := s.Limit
	if limit == 0 {
		limit = index.DefaultLimit
	}
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all
}

// check runs a search in both orders, and compares each event.
func (w *world) check(s index.Search) {
	w.t.Helper()
	for range 2 {
		got, _ := find(w.t, w.x, s)
		w.same(fmt.Sprintf("%+v of %q", s, textOf(s.Query)), got, w.expect(s))
		s.Oldest = !s.Oldest
	}
}

func (w *world) same(what string, got, want []*event.Event) {
	w.t.Helper()
	for i := range min(len(got), len(want)) {
		if g, e := canonical(got[i]), canonical(want[i]); g != e {
			w.t.Errorf("%s: event %d of %d is\n%s\nwant\n%s", what, i, len(got), g, e)
			return
		}
	}
	if len(got) != len(want) {
		w.t.Errorf("%s: %d events, want %d", what, len(got), len(want))
	}
}

// find runs a search.
func find(t T, x index.Index, s index.Search) (events []*event.Event, at []index.Cursor) {
	t.Helper()
	err := x.Search(t.Context(), s, func(e *event.Event, c index.Cursor) error {
		events, at = append(events, e), append(at, c)
		return nil
	})
	if err != nil {
		t.Fatalf("search %q: %v", textOf(s.Query), err)
	}
	return events, at
}

func parse(t T, text string) *query.Expr {
	t.Helper()
	if text == "" {
		return nil
	}
	q, err := query.Parse(text)
	if err != nil {
		t.Fatalf("query %q: %v", text, err)
	}
	return q
}

func textOf(q *query.Expr) string {
	if q == nil {
		return ""
	}
	return q.String()
}

// timeOf returns an event's time; those of the suite have one.
func timeOf(e *event.Event) time.Time {
	at, err := time.Parse(time.RFC3339Nano, e.Get("@timestamp"))
	if err != nil {
		panic(err)
	}
	return at
}

// canonical is an event as text, whatever the order of its fields.
func canonical(e *event.Event) string {
	var lines []string
	for _, f := range e.Fields {
		lines = append(lines, f.Name)
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	for i, name := range lines {
		lines[i] = fmt.Sprintf("%q=%q", name, e.All(name))
	}
	return strings.Join(lines, "\n")
}

// refused says that a question must be an ErrQuestion that speaks of something.
func refused(t T, err error, of string) {
	t.Helper()
	if !errors.Is(err, index.ErrQuestion) || !strings.Contains(err.Error(), of) {
		t.Errorf("%v, want an ErrQuestion that speaks of %q", err, of)
	}
}
