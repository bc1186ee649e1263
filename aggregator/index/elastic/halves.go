package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// halves are the events of a span in two: those that the servers count, since they match for sure and since the column
// of the field in question says all that the events say of it, and the others, which are read and asked one by one. The
// others are few, mostly none.
type halves struct {
	class  string
	x      *reader
	sure   json.RawMessage
	others json.RawMessage // nil: there are none
	match  *query.Expr
}

// halves makes the halves for a question about fields (of none, if only events are counted). Of a field for whose values
// there is no column that gives them back, whole says that everything must be read.
func (x *reader) halves(sp index.Span, field string, whole bool) *halves {
	all, exact := x.filter(sp)
	p := &halves{x: x, class: sp.Class, match: sp.Query}
	if whole {
		p.sure, p.others = jsonOf(matchNone()), all
		return p
	}
	sure := all
	if !exact {
		sure = allOf(all, sp.Query.ElasticMost(x.schema))
	}
	if field != "" {
		sure = allOf(sure, not(term(query.OddField, field)))
	}
	p.sure = sure
	if !exact || field != "" {
		p.others = allOf(all, not(sure))
	}
	return p
}

// read calls fn for each of the other events that matches.
func (p *halves) read(ctx context.Context, fn func(e *event.Event, h *hit) error) error {
	if p.others == nil {
		return nil
	}
	return p.x.scan(ctx, scan{class: p.class, filter: p.others, match: p.match, limit: -1}, fn)
}

// count asks the servers for aggregations over the sure events, and returns how many there are. aggs may be nil.
func (p *halves) count(ctx context.Context, aggs map[string]any, into any) (uint64, error) {
	return p.x.aggregate(ctx, p.class, p.sure, aggs, into)
}

// aggregate asks for aggregations over what a filter finds, and returns how many documents that are.
func (x *reader) aggregate(ctx context.Context, class string, filter json.RawMessage, aggs map[string]any, into any) (uint64, error) {
	body := map[string]any{"size": 0, "query": filter, "track_total_hits": true}
	if aggs != nil {
		body["aggs"] = aggs
	}
	var f found
	err := x.patient(ctx, func() error {
		f = found{}
		err := x.ask(ctx, http.MethodPost, "/"+x.where(class)+"/_search?allow_partial_search_results=false", jsonOf(body), &f)
		return errors.Join(err, f.err())
	})
	switch {
	case isNoIndex(err):
		return 0, nil
	case err != nil:
		return 0, err
	}
	if aggs == nil || f.Aggregations == nil {
		return f.Hits.Total.Value, nil
	}
	if err := json.Unmarshal(f.Aggregations, into); err != nil {
		return 0, fmt.Errorf("read an answer: %w", err)
	}
	return f.Hits.Total.Value, nil
}

func matchNone() any { return map[string]any{"match_none": struct{}{}} }

func not(condition any) any {
	return map[string]any{"bool": map[string]any{"must_not": []any{condition}}}
}

func anyOf(conditions ...any) any {
	return map[string]any{"bool": map[string]any{"should": conditions}}
}

func term(path, value string) any {
	return map[string]any{"term": map[string]any{path: map[string]any{"value": value}}}
}

func exists(path string) any {
	return map[string]any{"exists": map[string]any{"field": path}}
}
