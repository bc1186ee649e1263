package agree

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"belfry/aggregator/index"
	"belfry/aggregator/index/embedded"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// TestEmbedded holds searches and counts of the embedded index to Match.
func TestEmbedded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "agree")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		x, err := embedded.Open(embedded.Config{Dir: dir, Memory: 256 << 20, MinFree: -1}, slog.New(slog.NewTextHandler(io.Discard, nil)), nil, nil)
		if err != nil {
			rt.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				rt.Error(err)
			}
			if err := x.Close(); err != nil {
				rt.Error(err)
			}
		}()
		ask(rt, x)
	})
}

// ask writes events, and asks an index for them in several ways.
func ask(t *rapid.T, x index.Index) {
	g := newGenerator(t)
	events := drawEvents(t, g)
	write(t, x, events)
	for range 12 {
		q := g.query(t)
		want := map[int]bool{}
		for i, e := range events {
			if q.Match(e) {
				want[i] = true
			}
		}
		got := search(t, x, q)
		bounds(t, q, events, true, got, got, "a search")
		buckets, err := x.Count(context.Background(), index.Count{Span: index.Span{Query: q}})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, b := range buckets {
			n += int(b.Count)
		}
		if n != len(want) {
			filter, exact := q.LogsQL()
			t.Errorf("%s counts %d, want %d: exact %v, %s", q, n, len(want), exact, filter)
		}
	}
}

// patience bounds the wait for an answer; it says nothing about how long one may take.
const patience = time.Minute

func write(t *rapid.T, x index.Index, events []*event.Event) {
	var w index.Write
	for _, e := range events {
		w.Items = append(w.Items, index.Item{Event: e.Clone()})
	}
	done := make(chan error, 1)
	x.Write(context.Background(), w, func(_ index.Result, err error) { done <- err })
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("no answer to a write")
	}
}

func search(t *rapid.T, x index.Index, q *query.Expr) map[int]bool {
	found := map[int]bool{}
	err := x.Search(context.Background(), index.Search{Span: index.Span{Query: q}, Limit: -1},
		func(e *event.Event, _ index.Cursor) error {
			n, err := strconv.Atoi(e.Get("labels.row"))
			found[n] = true
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
