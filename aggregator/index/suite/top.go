package suite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// counted are fields of all types, some of them of names that no index knows.
var counted = []string{
	"user.name", "source.ip", "source.port", "sudo.run_time", "ldap.tls", "event.created", "tags", "process.args", "related.ip",
	"labels.shoe size", "labels.a", "labels.a.b", "details.Größe", "user.roles", "host.name", "nothing.at.all", "@timestamp",
}

// expectTop returns what Top must give.
func (w *world) expectTop(q index.Top) index.TopResult {
	var r index.TopResult
	counts := make(map[string]uint64)
	for _, e := range w.asked(q.Span) {
		r.Events++
		values := valuesOf(e, q.Field)
		if len(values) == 0 {
			r.Without++
		}
		for _, v := range values {
			counts[v]++
		}
	}
	for v, n := range counts {
		r.Values = append(r.Values, index.Value{Value: v, Count: n})
	}
	slices.SortFunc(r.Values, func(a, b index.Value) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	if limit := cmp.Or(q.Limit, 10); len(r.Values) > limit {
		r.Values = r.Values[:limit]
	}
	return r
}

func (w *world) checkTop(q index.Top) {
	w.t.Helper()
	what := fmt.Sprintf("top %d of %s of %q from %v to %v", q.Limit, q.Field, textOf(q.Query), q.From, q.To)
	got, err := w.x.Top(w.t.Context(), q)
	if err != nil {
		w.t.Errorf("%s: %v", what, err)
		return
	}
	want := w.expectTop(q)
	if got.Inexact || got.Events != want.Events || got.Without != want.Without || !slices.Equal(got.Values, want.Values) {
		w.t.Errorf("%s:\n%.2000q\nwant\n%.2000q", what, fmt.Sprint(got), fmt.Sprint(want))
	}
}

// top asks for the values of fields of all types.
func top(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.checkTop(index.Top{Field: "user.name"})
	w.putRich(300)
	from := base()
	for i, field := range counted {
		for _, limit := range []int{2, index.MaxValues} {
			w.checkTop(index.Top{Field: field, Limit: limit})
		}
		w.checkTop(index.Top{Field: field, Span: index.Span{From: from.AddDate(0, 0, 2).Add(1), To: from.AddDate(0, 0, 6)}})
		w.checkTop(index.Top{Field: field, Span: index.Span{Query: parse(t, questions[i])}})
	}
	for _, text := range questions {
		w.checkTop(index.Top{Field: "user.name", Span: index.Span{Query: parse(t, text)}})
	}
}

// topBounds has many values, and wrong questions.
func topBounds(t T, x index.Index) {
	w := &world{t: t, x: x}
	var events []*event.Event
	for i := range 3000 {
		e := plain(i, base().Add(time.Duration(i)*time.Second))
		e.Set("user.name", fmt.Sprint("user", i%1700))
		e.Set("process.pid", fmt.Sprint(i*7%1300))
		e.Set("labels.many", fmt.Sprint("v", i))
		events = append(events, e)
	}
	w.put(events...)
	for _, field := range []string{"user.name", "process.pid", "labels.many", "event.id"} {
		w.checkTop(index.Top{Field: field, Limit: 20})
		w.checkTop(index.Top{Field: field, Limit: index.MaxValues})
	}
	f := func(q index.Top, of string) {
		t.Helper()
		_, err := x.Top(t.Context(), q)
		refused(t, err, of)
	}
	f(index.Top{Field: "message"}, "message")
	f(index.Top{}, "field")
	f(index.Top{Field: "user.name", Limit: index.MaxValues + 1}, "1000")
	f(index.Top{Field: "user.name", Limit: -1}, "-1")
}

// fields asks for the names that events of a span have.
func fields(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.putRich(200)
	lone := plain(7, base().Add(time.Second))
	lone.Append("labels.lone", "1")
	w.put(lone)
	f := func(sp index.Span) {
		t.Helper()
		got, err := x.Fields(t.Context(), sp)
		if err != nil {
			t.Errorf("fields of %q: %v", textOf(sp.Query), err)
			return
		}
		w.checkFields(got, sp)
	}
	f(index.Span{})
	f(index.Span{Query: parse(t, "user.name:bob")})
	f(index.Span{Query: parse(t, "labels.lone:1")})
	f(index.Span{Query: parse(t, "user.name:lo*")})
	f(index.Span{From: base(), To: base().Add(2 * time.Second)})
	f(index.Span{Query: parse(t, "nothing.at:all")})
}

func (w *world) checkFields(got []index.Field, sp index.Span) {
	w.t.Helper()
	counts := make(map[string]uint64)
	for _, e := range w.asked(sp) {
		seen := make(map[string]bool)
		for _, f := range e.Fields {
			if !seen[f.Name] {
				seen[f.Name] = true
				counts[f.Name]++
			}
		}
	}
	if !slices.IsSortedFunc(got, func(a, b index.Field) int { return cmp.Compare(a.Name, b.Name) }) {
		w.t.Errorf("the fields of %q are not in order", textOf(sp.Query))
	}
	for _, f := range got {
		n, ok := counts[f.Name]
		if !ok || f.Count != 0 && f.Count != n || f.Type != index.TypeName(f.Name) {
			w.t.Errorf("fields of %q: %+v, of which there are %d", textOf(sp.Query), f, n)
		}
		delete(counts, f.Name)
	}
	for name := range counts {
		w.t.Errorf("fields of %q lack %s", textOf(sp.Query), name)
	}
}

// get looks events up by their ids.
func get(t T, x index.Index) {
	w := &world{t: t, x: x}
	w.putRich(50)
	for _, e := range w.events {
		for _, near := range []time.Time{{}, timeOf(e), timeOf(e).Add(-time.Second)} {
			got, err := x.Get(t.Context(), e.Get("event.id"), near)
			if err != nil {
				t.Errorf("get %s near %v: %v", e.Get("event.id"), near, err)
				continue
			}
			w.same("get", []*event.Event{got}, []*event.Event{e})
		}
	}
	for _, id := range []string{event.HashKey("nobody's").String(), "", "*", "a/b"} {
		if e, err := x.Get(t.Context(), id, time.Time{}); !errors.Is(err, index.ErrNotFound) {
			t.Errorf("get %q: %v, %v", id, e, err)
		}
	}
}
