package index

import (
	"context"
	"fmt"
	"slices"
	"time"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// MaxAround is the largest number of lines that Around returns on either side.
const MaxAround = 10_000

// Around returns the events in front of an event and behind it, no more than before and after of them, each list in
// the order of time: those of the same file by the same agent (or on the same host, where no agent is told); of an
// event that has no file, those of the same process on the same host. ErrNotFound says that the event is not in the
// index, ErrQuestion that it tells neither file nor process.
func Around(ctx context.Context, s Searcher, e *event.Event, before, after int) (earlier, later []*event.Event, err error) {
	if before > MaxAround || after > MaxAround || before < 0 || after < 0 {
		return nil, nil, fmt.Errorf("%w: 0 to %d events on either side, not %d and %d", ErrQuestion, MaxAround, before, after)
	}
	same, ok := sameStream(e)
	if !ok {
		return nil, nil, fmt.Errorf("%w: event %s tells neither a file nor a process on a host: nothing is around it",
			ErrQuestion, e.Get("event.id"))
	}
	at, err := placeOf(ctx, s, e)
	if err != nil {
		return nil, nil, err
	}
	if earlier, err = neighbours(ctx, s, Search{Span: Span{Query: same}, After: at, Limit: before}); err != nil {
		return nil, nil, fmt.Errorf("events in front: %w", err)
	}
	slices.Reverse(earlier)
	if later, err = neighbours(ctx, s, Search{Span: Span{Query: same}, After: at, Limit: after, Oldest: true}); err != nil {
		return nil, nil, fmt.Errorf("events behind: %w", err)
	}
	return earlier, later, nil
}

// sameStream returns the query for what was read from where an event was.
func sameStream(e *event.Event) (*query.Expr, bool) {
	is := func(names ...string) *query.Expr {
		values := make([]query.Is, 0, len(names))
		for _, n := range names {
			if v := e.Get(n); v != "" {
				values = append(values, query.Is{Field: n, Value: v})
			}
		}
		return query.All(values...)
	}
	file, process := e.Has("log.file.path"), e.Has("process.name") || e.Has("process.pid")
	switch {
	case file && e.Has("agent.id"): // several hosts may write into a file of a relay
		return is("agent.id", "log.file.path"), true
	case file && e.Has("host.name"):
		return is("host.name", "log.file.path"), true
	case process && e.Has("host.name"):
		return is("host.name", "process.name", "process.pid"), true
	}
	return nil, false
}

// placeOf looks up the cursor of an event.
func placeOf(ctx context.Context, s Searcher, e *event.Event) (at Cursor, err error) {
	t, err := time.Parse(time.RFC3339Nano, e.Get("@timestamp"))
	if err != nil {
		return at, fmt.Errorf("%w: the event has no time: %w", ErrQuestion, err)
	}
	id := query.All(query.Is{Field: "event.id", Value: e.Get("event.id")})
	err = s.Search(ctx, Search{Span: Span{Query: id, From: t, To: t.Add(1)}, Limit: 1}, func(_ *event.Event, c Cursor) error {
		at = c
		return nil
	})
	if err == nil && at.IsZero() {
		err = ErrNotFound
	}
	if err != nil {
		return at, fmt.Errorf("look up event %s: %w", e.Get("event.id"), err)
	}
	return at, nil
}

// The windows of time in which neighbours are looked for: an engine has less to look at in a short one.
const (
	firstAround = time.Minute
	growAround  = 16
	lastAround  = 90 * 24 * time.Hour // wider than this: all there is
)

// neighbours returns the events that a search finds behind its place, the next ones first.
func neighbours(ctx context.Context, s Searcher, q Search) ([]*event.Event, error) {
	var all []*event.Event
	want := q.Limit
	edge := time.Unix(0, q.After.Time)
	if !q.Oldest {
		edge = edge.Add(1) // To is exclusive
	}
	for width := firstAround; len(all) < want; width *= growAround {
		wide := width > lastAround
		q.From, q.To, edge = around(edge, width, q.Oldest, wide)
		q.Limit = want - len(all)
		err := s.Search(ctx, q, func(e *event.Event, _ Cursor) error { all = append(all, e); return nil })
		if err != nil {
			return nil, err
		}
		if wide {
			break
		}
	}
	return all, nil
}

// around returns the next window from an edge on, and its other edge.
func around(edge time.Time, width time.Duration, later, wide bool) (from, to, next time.Time) {
	switch {
	case later && wide:
		return edge, time.Time{}, edge
	case later:
		next = edge.Add(width)
		return edge, next, next
	case wide:
		return time.Time{}, edge, edge
	}
	next = edge.Add(-width)
	return next, edge, next
}
