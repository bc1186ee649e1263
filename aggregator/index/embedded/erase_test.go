package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

func parseQuery(t testing.TB, text string) *query.Expr {
	t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestErase erases events of several classes and days out of storages of several parts, while others are written, and
// compares what is left, field by field. Nothing comes back: not by the agent, not by a replay.
func TestErase(t *testing.T) {
	dir := t.TempDir()
	x := openIndex(t, Config{Dir: dir}, nil)
	kept := make(map[string]string)
	gone := parseQuery(t, `labels.number:*7 OR user.name:bob`)
	note := func(w index.Write) index.Write {
		for i := range w.Items {
			e := w.Items[i].Event
			if w.Items[i].Offset%5 == 0 { // the first ones of blocks too
				e.Set("@timestamp", time.Now().AddDate(0, 0, -3).UTC().Format(time.RFC3339Nano))
			}
			if !gone.Match(e) {
				kept[e.Get("event.id")] = ""
			}
		}
		return w
	}
	for n := range uint64(6) {
		writeHere(t, x, note(data(testPos, 500*n, 500*n+500)))
		x.makeCheckpointHere() // a part of its own
	}
	writeHere(t, x, note(data(testPos, 3000, 3500)))
	for _, e := range search(t, x, "", index.Search{Limit: -1}) {
		if id := e.Get("event.id"); !gone.Match(e) {
			kept[id] = canonical(e)
		}
	}
	runWhile(t, x, func() {
		told, before := uint64(0), 3500-uint64(len(kept))
		written := make(chan bool)
		go func() {
			defer close(written)
			pos := testPos
			pos.Epoch++
			for n := range uint64(20) {
				mustWrite(t, x, data(pos, 10*n, 10*n+10))
			}
		}()
		n, err := x.Erase(t.Context(), index.Search{Span: index.Span{Query: gone}, Limit: -1}, func(n uint64) { told = n })
		<-written
		if err != nil || told != n || n < before {
			t.Errorf("erased %d, told %d, %v; want %d or more", n, told, err, before)
		}
		if r := mustWrite(t, x, data(testPos, 0, 3500)); r.New != 0 {
			t.Errorf("the agent brings back %d", r.New)
		}
		checkKept(t, x, kept)
		if s := x.Stats(); s.LogBytes > 100<<10 {
			t.Errorf("the log is not cut: %+v", s)
		}
		if x.measures.erased.Get() != n {
			t.Errorf("%d are counted", x.measures.erased.Get())
		}
	})
	for _, f := range x.shelves.all() { // the empty rows that logstorage leaves must do no harm
		f.storage.MustForceMerge("")
	}
	checkKept(t, x, kept)
	y := start(t, Config{Dir: unclean(t, x)}, nil)
	checkKept(t, y, kept)
	pos := testPos
	pos.Epoch++
	whole := index.Search{Span: index.Span{Query: parseQuery(t, "host.name:*")}, Limit: -1}
	if n, err := y.Erase(t.Context(), whole, nil); err != nil || n != uint64(len(counted(t, x))) {
		t.Errorf("erase all: %d, %v", n, err)
	}
	for _, q := range []string{"", "NOT user.name:nobody"} {
		if n := len(search(t, y, q, index.Search{})); n != 0 {
			t.Errorf("%q finds %d events, and all are erased", q, n)
		}
	}
	if c, err := y.Count(t.Context(), index.Count{}); len(c) != 0 || err != nil {
		t.Errorf("count: %v, %v", c, err)
	}
	if f, err := y.Fields(t.Context(), index.Span{}); len(f) != 0 || err != nil {
		t.Errorf("fields: %v, %v", f, err)
	}
}

// checkKept expects these events of the first epoch, each as it was.
func checkKept(t testing.TB, x *Index, kept map[string]string) {
	t.Helper()
	found := 0
	for _, e := range search(t, x, "", index.Search{Limit: -1}) {
		want, ok := kept[e.Get("event.id")]
		switch {
		case !ok && !e.Has("event.id"):
			t.Errorf("a row without an event: %s", canonical(e))
		case !ok: // written meanwhile
		case want != canonical(e):
			t.Errorf("an event has changed: %s\nit was %s", canonical(e), want)
		default:
			found++
		}
	}
	if found != len(kept) {
		t.Errorf("%d events are left, want %d", found, len(kept))
	}
}

// TestEraseWaitsForAlerts erases nothing before the alerts have seen the log, which is then cut.
func TestEraseWaitsForAlerts(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, func(uint64, []*event.Event) error { return nil })
	r := mustWrite(t, x, data(testPos, 0, 10))
	ctx, cancel := context.WithCancel(t.Context())
	all := index.Search{Limit: -1}
	ended := make(chan error, 1)
	go func() {
		_, err := x.Erase(ctx, all, nil)
		ended <- err
	}()
	waitFor(t, "a checkpoint", func() bool { return x.Stats().Checkpoint == r.Position })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("erase while the alerts are behind: %v", err)
	}
	checkFound(t, x, 0, 10)
	x.AlertsAt(r.Position)
	if n, err := x.Erase(t.Context(), all, nil); n != 10 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// TestEraseLimit takes no more than it is told to, in the order of the search.
func TestEraseLimit(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	mustWrite(t, x, data(testPos, 0, 100))
	for _, oldest := range []bool{true, false} {
		if n, err := x.Erase(t.Context(), index.Search{Limit: 30, Oldest: oldest}, nil); n != 30 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	checkNumbers(t, x, 30, 70)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Erase(t.Context(), index.Search{}, nil); !errors.Is(err, index.ErrClosed) {
		t.Errorf("of a closed index: %v", err)
	}
}

func checkNumbers(t testing.TB, x *Index, first, end int) {
	t.Helper()
	got := numbers(t, search(t, x, "", index.Search{Limit: -1, Oldest: true}))
	slices.Sort(got)
	var want []int
	for n := first; n < end; n++ {
		want = append(want, n)
	}
	if !slices.Equal(got, want) {
		t.Errorf("left are %v, want %d to %d", got, first, end)
	}
}

// TestEraseGoesOn finds a task that a kill has left, which the storage takes up again.
func TestEraseGoesOn(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	writeHere(t, x, numbered(testPos, 0, 40, time.Now()))
	x.makeCheckpointHere()
	var rows []rowKey
	if err := x.walk(t.Context(), index.Search{Limit: 10, Oldest: true}, func(r found) error { rows = append(rows, r.rowKey); return nil }); err != nil {
		t.Fatal(err)
	}
	filter, _, _ := placesOf(rows)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // behind the beginning
	if err := x.eraseTask(ctx, x.shelves.all()[0], filter); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	dir := unclean(t, x)
	y, err := Open(Config{Dir: dir, MinFree: -1}, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	waitFor(t, "the end of the task", func() bool { return len(counted(t, y)) == 30 })
	checkNumbers(t, y, 10, 40)
	if left, err := filepath.Glob(filepath.Join(dir, "log", "*")); err != nil || len(left) != 1 {
		t.Errorf("log: %v, %v", left, err)
	}
}

// TestEraseMany has more positions than fit into one task.
func TestEraseMany(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes many events")
	}
	x := start(t, Config{Dir: t.TempDir()}, nil)
	var w written
	times := make([]time.Time, eraseAtOnce+5000)
	for i := range times {
		times[i] = time.Now().Add(-time.Duration(i) * time.Millisecond)
	}
	w.write(t, x, times...)
	last := uint64(0)
	n, err := x.Erase(t.Context(), index.Search{Span: index.Span{Query: parseQuery(t, "NOT labels.number:77")}, Limit: -1},
		func(gone uint64) { last = gone })
	if n != uint64(len(times)-1) || last != n || err != nil {
		t.Errorf("%d, told %d, %v", n, last, err)
	}
	if got := fmt.Sprint(numbers(t, search(t, x, "", index.Search{}))); got != "[77]" {
		t.Errorf("left: %s", got)
	}
}
