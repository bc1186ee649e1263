package app

import (
	"context"
	"slices"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/parse"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

const (
	pastPatience = 2 * time.Second // for one look-up: the lines behind it wait
	firstLines   = 20              // of a long series: who it is stands there
)

// past is what the index holds of lines that the parser has not seen itself.
type past struct{ index index.Index }

// Lines finds the last lines of a series and, where there are more than fit, its first ones too.
func (p past) Lines(q parse.PastQuery) []*event.Event {
	ctx, cancel := context.WithTimeout(context.Background(), pastPatience)
	defer cancel()
	s := index.Search{Span: index.Span{Query: query.All(wanted(q)...), From: q.From, To: q.To}, Limit: parse.MaxPast - firstLines}
	lines := p.find(ctx, s)
	slices.Reverse(lines)
	if len(lines) < s.Limit {
		return lines
	}
	s.Oldest, s.Limit, s.To = true, firstLines, index.TimeOf(lines[0])
	return append(p.find(ctx, s), lines...)
}

// find returns what a search finds, nothing where it fails: a miss is what there is without it.
func (p past) find(ctx context.Context, s index.Search) (lines []*event.Event) {
	err := p.index.Search(ctx, s, func(e *event.Event, _ index.Cursor) error {
		lines = append(lines, e)
		return nil
	})
	if err != nil {
		return nil
	}
	return lines
}

func wanted(q parse.PastQuery) (all []query.Is) {
	for _, is := range []query.Is{{Field: "agent.id", Value: q.Agent}, {Field: "host.name", Value: q.Host},
		{Field: "process.pid", Value: q.PID}, {Field: q.Field, Value: q.Value}} {
		if is.Value != "" {
			all = append(all, is)
		}
	}
	return all
}
