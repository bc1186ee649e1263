package elastic

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// sampled is the number of events that are read for the names that the mapping does not know.
const sampled = 2000

// Fields returns the names of the fields that the events of a span have. Of the names that the mapping knows all are
// told, and the number of events that have each. Names that it does not know are told if one of the newest events of
// the span that have any has them (sampled), or one whose value is odd (query.OddField); without a number.
func (x *reader) Fields(ctx context.Context, sp index.Span) ([]index.Field, error) {
	if err := x.fresh(ctx); err != nil {
		return nil, err
	}
	p := x.halves(sp, "", false)
	counts := make(map[string]uint64)
	err := p.read(ctx, func(e *event.Event, _ *hit) error {
		for name := range fieldNames(e) {
			counts[name]++
		}
		return nil
	})
	if err == nil {
		err = p.knownNames(ctx, counts)
	}
	if err == nil {
		err = p.otherNames(ctx, counts)
	}
	if err != nil {
		return nil, err
	}
	all := make([]index.Field, 0, len(counts))
	for name, count := range counts {
		if _, known := columnOf(name); !known {
			count = 0 // not all were counted
		}
		all = append(all, index.Field{Name: name, Type: index.TypeName(name), Count: count})
	}
	slices.SortFunc(all, func(a, b index.Field) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func fieldNames(e *event.Event) map[string]bool {
	names := make(map[string]bool, len(e.Fields))
	for _, f := range e.Fields {
		names[f.Name] = true
	}
	return names
}

// knownNames counts the sure events that have each of the fields that the mapping knows.
func (p *halves) knownNames(ctx context.Context, counts map[string]uint64) error {
	filters := make(map[string]any)
	for _, name := range fields.names {
		filters[name] = there(p.x.schema(name).Path, name)
	}
	var a struct {
		Names struct {
			Buckets map[string]struct {
				Count uint64 `json:"doc_count"`
			} `json:"buckets"`
		} `json:"names"`
	}
	_, err := p.count(ctx, map[string]any{"names": map[string]any{"filters": map[string]any{"filters": filters}}}, &a)
	for name, b := range a.Names.Buckets {
		if b.Count > 0 {
			counts[name] += b.Count
		}
	}
	return err
}

// there finds the documents that have a field.
func there(path, name string) any { return anyOf(exists(path), term(query.OddField, name)) }

// otherNames looks for names that the mapping does not know among the sure events.
func (p *halves) otherNames(ctx context.Context, counts map[string]uint64) error {
	var a struct {
		Odd struct {
			Buckets []struct {
				Key string `json:"key"`
			} `json:"buckets"`
		} `json:"odd"`
	}
	_, err := p.count(ctx, map[string]any{"odd": map[string]any{
		"terms": map[string]any{"field": query.OddField, "size": sampled},
	}}, &a)
	if err != nil {
		return err
	}
	names := make(map[string]bool)
	for _, b := range a.Odd.Buckets {
		names[b.Key] = true
	}
	some := scan{class: p.class, filter: allOf(p.sure, exists(restField)), limit: sampled}
	err = p.x.scan(ctx, some, func(e *event.Event, _ *hit) error {
		maps.Copy(names, fieldNames(e))
		return nil
	})
	for name := range names {
		if _, ok := counts[name]; !ok {
			counts[name] = 0
		}
	}
	return err
}
