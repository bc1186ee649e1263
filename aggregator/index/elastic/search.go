package elastic

import (
	"context"
	"encoding/json"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// Search calls fn for each event that s asks for, in its order, with its place in it. Its memory is bounded, whatever
// the limit: it takes a page at a time, all of one point in time. Where a node goes away it goes on behind the last
// event, at another one.
func (x *reader) Search(ctx context.Context, s index.Search, fn func(*event.Event, index.Cursor) error) error {
	return x.events(ctx, s, func(e *event.Event, h *hit) error { return fn(e, h.at) })
}

// events is Search that tells the document too.
func (x *reader) events(ctx context.Context, s index.Search, fn func(*event.Event, *hit) error) error {
	if err := x.fresh(ctx); err != nil {
		return err
	}
	filter, exact := x.filter(s.Span)
	match := s.Query
	if exact {
		match = nil
	}
	return x.scan(ctx, scan{class: s.Class, filter: filter, match: match, limit: limitOf(s), oldest: s.Oldest, behind: s.After}, fn)
}

// limitOf returns how many events a search may find; negative: all.
func limitOf(s index.Search) int {
	if s.Limit == 0 {
		return index.DefaultLimit
	}
	return s.Limit
}

// fresh lets the question that asks see what was answered before, and nothing of a closed index.
func (x *reader) fresh(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := x.closed(); err != nil {
		return err
	}
	return x.refresher.wait(ctx)
}

// scan is a walk through events.
type scan struct {
	class  string
	filter json.RawMessage
	match  *query.Expr // is asked again; nil: what is found is right
	limit  int         // negative: none
	oldest bool
	behind index.Cursor
}

// scan calls fn for the events that are found.
func (x *reader) scan(ctx context.Context, s scan, fn func(*event.Event, *hit) error) error {
	w := &walk{x: x, class: s.class, filter: s.filter, oldest: s.oldest, behind: s.behind, left: s.limit, rows: x.rows}
	if s.match != nil { // some of what is found is wrong
		w.left = -1
		if s.limit > 0 {
			w.rows = min(max(2*s.limit, leastPage), x.rows)
		}
	}
	defer func() { w.close(ctx) }()
	left := s.limit
	decoder := new(event.Decoder)
	for left != 0 {
		page, err := w.next(ctx)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			e, err := readEvent(decoder, &page[i])
			if err != nil {
				return err
			}
			if s.match != nil && !s.match.Match(e) {
				continue
			}
			if err := fn(e, &page[i]); err != nil {
				return err
			}
			if left--; left == 0 {
				return nil
			}
		}
		if w.left == 0 {
			return nil
		}
	}
	return nil
}

// The times that a server can compare: those of a column of nanoseconds.
var (
	firstTime = time.Unix(0, 0).UTC()
	lastTime  = time.Date(2262, 4, 11, 0, 0, 0, 0, time.UTC)
)

const timeLayout = "2006-01-02T15:04:05.000000000Z"

// filter returns what finds the events of a span, and whether it finds no others.
func (x *reader) filter(sp index.Span) (filter json.RawMessage, exact bool) {
	conditions, exact := []any{}, true
	if sp.Query != nil {
		var q json.RawMessage
		q, exact = sp.Query.Elastic(x.schema)
		conditions = append(conditions, q)
	}
	if r := timeRange(sp); r != nil {
		conditions = append(conditions, r)
	}
	return allOf(conditions...), exact
}

// timeRange returns the condition on the time; nil if there is none.
func timeRange(sp index.Span) any {
	edges := map[string]string{}
	if sp.From.After(lastTime) || !sp.To.IsZero() && !sp.To.After(firstTime) {
		return map[string]any{"match_none": struct{}{}}
	}
	if sp.From.After(firstTime) {
		edges["gte"] = sp.From.UTC().Format(timeLayout)
	}
	if !sp.To.IsZero() && sp.To.Before(lastTime) {
		edges["lt"] = sp.To.UTC().Format(timeLayout)
	}
	if len(edges) == 0 {
		return nil
	}
	edges["format"] = "strict_date_optional_time_nanos"
	return map[string]any{"range": map[string]any{"@timestamp": edges}}
}

// allOf joins conditions by AND.
func allOf(conditions ...any) json.RawMessage {
	return jsonOf(map[string]any{"bool": map[string]any{"filter": conditions}})
}
