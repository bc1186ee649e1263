package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/index"
)

// Count counts events over time. See index.Searcher. The buckets come in the order of time, those of one time in the
// order of value.
func (x *Index) Count(ctx context.Context, c index.Count) ([]index.Bucket, error) {
	defer x.took(time.Now())
	if err := c.Check(); err != nil {
		return nil, err
	}
	a, err := x.asking(c.Span)
	if err != nil || a.empty() {
		return nil, err
	}
	s := &steps{Count: c, every: int64(c.Every), counts: make(map[index.Step]uint64)}
	if c.By != "" {
		err = a.countBy(ctx, c, s)
	} else {
		err = a.count(ctx, s)
	}
	if errors.Is(err, errEnough) {
		err = a.tooMany(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	return s.Buckets(s.counts), nil
}

// steps counts events in steps of time.
type steps struct {
	index.Count
	every  int64 // Every, in nanoseconds
	counts map[index.Step]uint64
}

// add counts events, or returns errEnough if there are too many steps.
func (s *steps) add(at int64, value string, n uint64) error {
	if n == 0 {
		return nil
	}
	k := index.Step{At: at, Value: value}
	before := s.counts[k]
	if before == 0 && len(s.counts) >= index.MaxBuckets {
		return errEnough
	}
	s.counts[k] = before + n
	return nil
}

// maxStorageSteps bounds the steps that the storage counts: it has a group for each, and does not stop early.
const maxStorageSteps = 64 * index.MaxBuckets

// count counts all events together.
func (a *asking) count(ctx context.Context, s *steps) error {
	switch {
	case !a.exact || s.every > 0 && (a.to-a.from)/s.every > maxStorageSteps || int64(float64(s.every)) != s.every:
		return a.countRows(ctx, s)
	case s.every == 0:
		return a.groups(ctx, "", "", nil, func(_ []string, n uint64) error { return s.add(0, "", n) })
	}
	by := columnTime + ":" + strconv.FormatInt(s.every, 10)
	return a.groups(ctx, "", by, []string{columnTime}, func(texts []string, n uint64) error {
		at, err := time.Parse(time.RFC3339Nano, texts[0])
		if err != nil {
			return fmt.Errorf("time of a step: %w", err)
		}
		return s.add(at.UnixNano(), "", n)
	})
}

func (a *asking) countRows(ctx context.Context, s *steps) error {
	return a.scan(ctx, []string{}, func(r rows) error {
		n, now := uint64(0), int64(0)
		for _, i := range r.match {
			at := s.Begin(r.times[i])
			if at != now {
				if err := s.add(now, "", n); err != nil {
					return err
				}
				n, now = 0, at
			}
			n++
		}
		return s.add(now, "", n)
	})
}

// countBy counts each of the most frequent values by itself: first it finds out which they are.
func (a *asking) countBy(ctx context.Context, c index.Count, s *steps) error {
	top, err := a.top(ctx, c.By, cmp.Or(c.Most, index.DefaultValues))
	if err != nil {
		return err
	}
	wanted := make(map[string]string, len(top.Values)) // of memory of its own
	for _, v := range top.Values {
		wanted[v.Value] = v.Value
		if s.every == 0 {
			s.counts[index.Step{Value: v.Value}] = v.Count
		}
	}
	if s.every == 0 || len(wanted) == 0 {
		return nil
	}
	values, name := newValuesOf(c.By), columnOf(c.By)
	return a.scan(ctx, []string{c.By}, func(r rows) error {
		texts, lists := column(r.all, name), column(r.all, columnLists)
		for _, i := range r.match {
			for _, v := range values.of(at(texts, i), at(lists, i)) {
				own, ok := wanted[v]
				if !ok {
					continue
				}
				if err := s.add(s.Begin(r.times[i]), own, 1); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// tooMany says that there are more steps than an answer may have, and which would do.
func (a *asking) tooMany(ctx context.Context, c index.Count) error {
	from, to, err := a.times(ctx)
	if err != nil {
		return err
	}
	most, what := int64(index.MaxBuckets), "steps"
	if c.By != "" {
		most, what = most/int64(cmp.Or(c.Most, index.DefaultValues)), "steps of all values together"
	}
	return fmt.Errorf("%w: more than %d %s of %v have events: take steps of %v", index.ErrQuestion, index.MaxBuckets, what,
		c.Every, enough(to-from, most))
}

// times returns the first and the last time that the storage's filter finds.
func (a *asking) times(ctx context.Context) (from, to int64, err error) {
	from, to = a.to, a.from
	reads := fmt.Sprintf(` | stats min(%q) as "first", max(%q) as "last"`, columnTime, columnTime)
	err = a.x.ask(ctx, a.span, a.filter, reads, a.from, a.to, func(_ *shelf, b *logstorage.DataBlock) {
		all := b.GetColumns(false)
		first, e1 := time.Parse(time.RFC3339Nano, at(column(all, "first"), 0))
		last, e2 := time.Parse(time.RFC3339Nano, at(column(all, "last"), 0))
		if e1 == nil && e2 == nil {
			from, to = min(from, first.UnixNano()), max(to, last.UnixNano())
		}
	})
	return from, max(from, to), err
}

// round are lengths of time that people like.
var round = []time.Duration{1, 2, 5, 10, 20, 50, 100, 200, 500}

var rounder = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// enough returns a length of which no more than most cover a span of nanoseconds, wherever they begin.
func enough(span, most int64) time.Duration {
	fits := func(d time.Duration) bool { return span/int64(d)+2 <= most }
	for _, unit := range []time.Duration{time.Nanosecond, time.Microsecond, time.Millisecond} {
		for _, n := range round {
			if fits(n * unit) {
				return n * unit
			}
		}
	}
	for _, d := range rounder {
		if fits(d) {
			return d
		}
	}
	return 30 * 24 * time.Hour
}
