package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// Count counts events over time. The servers count, in steps that begin at multiples of Every since 1970; those events
// of which they cannot say all are read and counted here. The values of By are those of Top.
func (x *reader) Count(ctx context.Context, c index.Count) ([]index.Bucket, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if err := x.fresh(ctx); err != nil {
		return nil, err
	}
	n := &counting{x: x, Count: c, steps: make(map[index.Step]uint64)}
	column := x.tellable(c.By)
	if c.By != "" {
		r, err := x.top(ctx, index.Top{Span: c.Span, Field: c.By, Limit: c.Most})
		if err != nil {
			return nil, err
		}
		for _, v := range r.Values {
			n.values = append(n.values, v.Value)
		}
		if len(n.values) == 0 {
			return nil, nil
		}
	}
	p := x.halves(c.Span, c.By, c.By != "" && column.Path == "" || c.Every%time.Millisecond != 0)
	err := n.ask(ctx, p, column)
	if err == nil {
		err = p.read(ctx, n.add)
	}
	if errors.Is(err, errTooMany) || err == nil && len(n.steps) > index.MaxBuckets {
		return nil, x.tooMany(ctx, c, max(1, len(n.values)))
	}
	if err != nil {
		return nil, err
	}
	return n.Buckets(n.steps), nil
}

// counting is the state of a Count.
type counting struct {
	x *reader
	index.Count
	values []string // of By; nil: all events together
	steps  map[index.Step]uint64
}

// add counts an event that was read.
func (n *counting) add(e *event.Event, h *hit) error {
	s := index.Step{At: n.Begin(h.at.Time)}
	if n.values == nil {
		n.steps[s]++
	}
	for _, v := range toldValues(e, n.By) {
		if slices.Contains(n.values, v) {
			s.Value = v
			n.steps[s]++
		}
	}
	if len(n.steps) > 4*index.MaxBuckets {
		return errTooMany
	}
	return nil
}

// toldValues returns the values of a field by which an event counts.
func toldValues(e *event.Event, field string) []string {
	var all []string
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Name == field && f.Value != "" {
			if v := index.Told(field, f.Value); !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	return all
}

// histogram is the answer of the servers; that of one step is only a number.
type histogram struct {
	Buckets []struct {
		Key   json.Number `json:"key"` // milliseconds since 1970
		Count uint64      `json:"doc_count"`
	} `json:"buckets"`
}

// ask lets the servers count.
func (n *counting) ask(ctx context.Context, p *halves, c column) error {
	if n.values == nil {
		var a struct {
			Steps histogram `json:"steps"`
		}
		total, err := p.count(ctx, n.histogram(), &a)
		if err != nil {
			return err
		}
		return n.take("", a.Steps, total)
	}
	terms, ok := c.include(n.values)
	if !ok {
		return nil // none of them can be in the column
	}
	if aggs := n.histogram(); aggs != nil {
		terms["aggs"] = aggs
	}
	var a struct {
		Values struct {
			Buckets []struct {
				valueBucket
				Steps histogram `json:"steps"`
			} `json:"buckets"`
		} `json:"values"`
	}
	if _, err := p.count(ctx, map[string]any{"values": terms}, &a); err != nil {
		return err
	}
	for _, b := range a.Values.Buckets {
		value, err := c.told(b.valueBucket)
		if err != nil {
			return err
		}
		if err := n.take(value, b.Steps, b.Count); err != nil {
			return err
		}
	}
	return nil
}

func (n *counting) histogram() map[string]any {
	if n.Every < time.Millisecond {
		return nil
	}
	return map[string]any{"steps": map[string]any{"date_histogram": map[string]any{
		"field": "@timestamp", "fixed_interval": fmt.Sprintf("%dms", n.Every/time.Millisecond), "min_doc_count": 1,
	}}}
}

// take adds what the servers have counted of a value.
func (n *counting) take(value string, h histogram, total uint64) error {
	if n.Every < time.Millisecond { // no steps, or nothing was counted
		if total > 0 {
			n.steps[index.Step{Value: value}] += total
		}
		return nil
	}
	for _, b := range h.Buckets {
		ms, err := b.Key.Int64()
		if err != nil {
			return fmt.Errorf("a step of the answer: %w", err)
		}
		n.steps[index.Step{At: ms * int64(time.Millisecond), Value: value}] += b.Count
	}
	return nil
}

// errTooMany says that an answer would have more steps than it may.
var errTooMany = errors.New("too many steps")

// tooMany says which step would do.
func (x *reader) tooMany(ctx context.Context, c index.Count, values int) error {
	first, last, err := x.ends(ctx, c.Span)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: steps of %s from %s to %s are more than the %d of an answer: ask for steps of %s or longer",
		index.ErrQuestion, shortly(c.Every), first.Format(time.RFC3339), last.Format(time.RFC3339), index.MaxBuckets,
		shortly(stepFor(last.Sub(first), index.MaxBuckets/values)))
}

// ends returns the times of the first and the last event of a span.
func (x *reader) ends(ctx context.Context, sp index.Span) (first, last time.Time, err error) {
	filter, _ := x.filter(sp)
	for _, at := range []*time.Time{&first, &last} {
		s := scan{class: sp.Class, filter: filter, match: sp.Query, limit: 1, oldest: at == &first}
		err = x.scan(ctx, s, func(_ *event.Event, h *hit) error {
			*at = time.Unix(0, h.at.Time).UTC()
			return nil
		})
		if err != nil {
			return first, last, err
		}
	}
	return first, last, nil
}

// handy are the lengths of steps that people ask for.
var handy = []time.Duration{
	time.Microsecond, 10 * time.Microsecond, 100 * time.Microsecond,
	time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// stepFor returns a step of which no more than so many lie in a length of time.
func stepFor(length time.Duration, most int) time.Duration {
	least := length / time.Duration(max(1, most-1))
	for _, d := range handy {
		if d > least {
			return d
		}
	}
	return (least/(24*time.Hour) + 1) * 24 * time.Hour
}

// shortly writes a length of time without zeros at its end.
func shortly(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
