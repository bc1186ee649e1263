package elastic

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// Top counts the values of a field, as index.Told tells them. It is exact as long as the events have no more than some
// tens of thousands of different values (mostWalked): a shard sends its most frequent values, and where that may not be
// enough, all of them are walked through. Beyond, Inexact says that values may be counted short.
func (x *reader) Top(ctx context.Context, t index.Top) (index.TopResult, error) {
	if err := t.Check(); err != nil {
		return index.TopResult{}, err
	}
	if err := x.fresh(ctx); err != nil {
		return index.TopResult{}, err
	}
	return x.top(ctx, t)
}

// top is Top without the checks.
func (x *reader) top(ctx context.Context, t index.Top) (r index.TopResult, err error) {
	c := x.tellable(t.Field)
	p := x.halves(t.Span, t.Field, c.Path == "")
	n := tally{counts: make(map[string]uint64), most: cmp.Or(t.Limit, index.DefaultValues)}
	err = p.read(ctx, func(e *event.Event, _ *hit) error {
		r.Events++
		values := toldValues(e, t.Field)
		if len(values) == 0 {
			r.Without++
		}
		n.add(values)
		return nil
	})
	if err != nil || c.Path == "" {
		return n.result(r), err
	}
	return x.topOfSure(ctx, p, c, n, r)
}

// topOfSure adds what the servers count to what was read.
func (x *reader) topOfSure(ctx context.Context, p *halves, c column, n tally, r index.TopResult) (index.TopResult, error) {
	var with struct {
		With struct {
			Count uint64 `json:"doc_count"`
		} `json:"with"`
	}
	events, err := p.count(ctx, map[string]any{"with": map[string]any{"filter": exists(c.Path)}}, &with)
	if err != nil || events == 0 {
		return n.result(r), err
	}
	read := make([]string, 0, len(n.counts))
	for v := range n.counts {
		read = append(read, v)
	}
	values, all, inexact, err := p.topValues(ctx, c, n.most)
	if err == nil && !all {
		err = p.countOf(ctx, c, read, values) // they may be on the list only with what was read
	}
	for v, count := range values {
		n.counts[v] += count
	}
	r.Events += events
	r.Without += events - with.With.Count
	r.Inexact = inexact
	return n.result(r), err
}

// tally counts values that were read.
type tally struct {
	counts map[string]uint64
	most   int // values of the answer
	bytes  int
	short  bool // some were forgotten
}

// tallyBytes bounds the values in memory, with their places in the map.
const (
	tallyBytes = 128 << 20
	perValue   = 64
)

func (n *tally) add(values []string) {
	for _, v := range values {
		if _, ok := n.counts[v]; !ok {
			n.bytes += len(v) + perValue
		}
		n.counts[v]++
	}
	if n.bytes > tallyBytes {
		n.forget()
	}
}

// forget drops the values with the fewest events, the half of them at least.
func (n *tally) forget() {
	n.short = true
	all := n.sorted()
	all = all[:max(len(all)/2, min(len(all), n.most))]
	n.counts, n.bytes = make(map[string]uint64, len(all)), 0
	for _, v := range all {
		n.counts[v.Value] = v.Count
		n.bytes += len(v.Value) + perValue
	}
}

// sorted returns all values in the order of an answer.
func (n *tally) sorted() []index.Value {
	all := make([]index.Value, 0, len(n.counts))
	for v, count := range n.counts {
		all = append(all, index.Value{Value: v, Count: count})
	}
	slices.SortFunc(all, func(a, b index.Value) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return all
}

// result returns r with the values.
func (n *tally) result(r index.TopResult) index.TopResult {
	r.Values = n.sorted()
	if len(r.Values) > n.most {
		r.Values = r.Values[:n.most]
	}
	r.Inexact = r.Inexact || n.short
	return r
}

// How many values the servers are asked for.
const (
	mostTerms  = 10_000 // of one shard, and of one answer
	mostWalked = 50_000 // of a walk through all of them
)

// topValues returns values of the sure events with their counts: all of them, or those that have the most, for an
// answer of so many; inexact says that some may be counted short, or missing.
func (p *halves) topValues(ctx context.Context, c column, most int) (values map[string]uint64, all, inexact bool, err error) {
	var a struct {
		Values struct {
			Error   int64         `json:"doc_count_error_upper_bound"`
			Other   uint64        `json:"sum_other_doc_count"`
			Buckets []valueBucket `json:"buckets"`
		} `json:"values"`
	}
	size := p.x.terms // the order of numbers is not that of texts: take all that have as many
	byText := c.isText()
	if byText {
		size = most
	}
	_, err = p.count(ctx, map[string]any{"values": map[string]any{"terms": map[string]any{
		"field": c.Path, "size": size, "shard_size": max(p.x.terms, size), "order": []any{map[string]any{"_count": "desc"}, map[string]any{"_key": "asc"}},
	}}}, &a)
	if err != nil {
		return nil, false, false, err
	}
	if values, err = c.toldAll(a.Values.Buckets); err != nil {
		return nil, false, false, err
	}
	switch {
	case a.Values.Other == 0:
		return values, true, false, nil
	case byText && a.Values.Error == 0:
		return values, false, false, nil
	}
	walked, all, err := p.walkValues(ctx, c)
	if all || err != nil {
		return walked, all, false, err
	}
	return values, false, true, nil
}

// isText reports whether the servers order the values as texts are ordered.
func (c column) isText() bool { return event.TypeOf(c.field) == event.Keyword }

func (c column) toldAll(buckets []valueBucket) (map[string]uint64, error) {
	values := make(map[string]uint64, len(buckets))
	for _, b := range buckets {
		v, err := c.told(b)
		if err != nil {
			return nil, err
		}
		values[v] += b.Count
	}
	return values, nil
}

// walkValues counts every value, unless there are too many.
func (p *halves) walkValues(ctx context.Context, c column) (values map[string]uint64, all bool, err error) {
	values = make(map[string]uint64)
	var after json.RawMessage
	for len(values) <= p.x.walked {
		composite := map[string]any{"size": p.x.terms, "sources": []any{map[string]any{"value": map[string]any{"terms": map[string]any{"field": c.Path}}}}}
		if after != nil {
			composite["after"] = after
		}
		var a struct {
			Values struct {
				After   json.RawMessage `json:"after_key"`
				Buckets []struct {
					Key struct {
						Value json.RawMessage `json:"value"`
					} `json:"key"`
					Count uint64 `json:"doc_count"`
				} `json:"buckets"`
			} `json:"values"`
		}
		if _, err := p.count(ctx, map[string]any{"values": map[string]any{"composite": composite}}, &a); err != nil {
			return nil, false, err
		}
		for _, b := range a.Values.Buckets {
			v, err := c.told(valueBucket{Key: b.Key.Value, Text: string(b.Key.Value), Count: b.Count})
			if err != nil {
				return nil, false, err
			}
			values[v] += b.Count
		}
		if len(a.Values.Buckets) < p.x.terms || a.Values.After == nil {
			return values, true, nil
		}
		after = a.Values.After
	}
	return nil, false, nil
}

// countOf sets the counts of certain values.
func (p *halves) countOf(ctx context.Context, c column, wanted []string, into map[string]uint64) error {
	for some := range slices.Chunk(wanted, p.x.terms) {
		terms, ok := c.include(some)
		if !ok {
			continue
		}
		var a struct {
			Values struct {
				Buckets []valueBucket `json:"buckets"`
			} `json:"values"`
		}
		if _, err := p.count(ctx, map[string]any{"values": terms}, &a); err != nil {
			return err
		}
		values, err := c.toldAll(a.Values.Buckets)
		if err != nil {
			return err
		}
		for v, count := range values {
			into[v] = count
		}
	}
	return nil
}
