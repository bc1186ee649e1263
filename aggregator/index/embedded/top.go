package embedded

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/index"
)

// The bounds of the different values that are counted to find the most frequent ones.
const (
	maxDistinct = 1 << 20
	tallyBytes  = 256 << 20 // of the values alone: senders make them long
)

// Top counts the values of a field. See index.Searcher.
func (x *Index) Top(ctx context.Context, t index.Top) (index.TopResult, error) {
	defer x.took(time.Now())
	if err := t.Check(); err != nil {
		return index.TopResult{}, err
	}
	a, err := x.asking(t.Span)
	if err != nil || a.empty() {
		return index.TopResult{}, err
	}
	r, err := a.top(ctx, t.Field, cmp.Or(t.Limit, index.DefaultValues))
	if err != nil {
		return index.TopResult{}, fmt.Errorf("values of %s: %w", t.Field, err)
	}
	return r, nil
}

// took notes how long a question took that began then.
func (x *Index) took(begin time.Time) { x.measures.search.UpdateDuration(begin) }

// tally counts values.
type tally struct {
	index.TopResult
	counts map[string]*uint64
	bytes  int // of the values
}

// add counts n events that have all of these values.
func (t *tally) add(values []string, n uint64) error {
	t.Events += n
	if len(values) == 0 {
		t.Without += n
	}
	for _, v := range values {
		c := t.counts[v]
		if c == nil {
			if t.bytes += len(v); len(t.counts) >= maxDistinct || t.bytes > tallyBytes {
				return errManyValues
			}
			c = new(uint64)
			t.counts[strings.Clone(v)] = c
		}
		*c += n
	}
	return nil
}

// first returns the values of most events.
func (t *tally) first(n int) index.TopResult {
	all := []index.Value{}
	before := func(a, b index.Value) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	}
	keep := func(n int) {
		slices.SortFunc(all, before)
		all = all[:min(n, len(all))]
	}
	for v, c := range t.counts {
		if v := (index.Value{Value: v, Count: *c}); len(all) < n || before(v, all[n-1]) < 0 {
			if all = append(all, v); len(all) == n || len(all) >= 4*n { // those behind n may be in any order
				keep(n)
			}
		}
	}
	keep(n)
	t.Values = slices.Clip(all)
	return t.TopResult
}

func (a *asking) top(ctx context.Context, field string, most int) (index.TopResult, error) {
	t := &tally{counts: make(map[string]*uint64)}
	var err error
	if name := columnOf(field); a.exact && name != "" {
		err = a.topOfStorage(ctx, field, name, t)
	} else {
		err = a.topOfRows(ctx, field, name, t)
	}
	if err != nil {
		return index.TopResult{}, err
	}
	return t.first(most), nil
}

// topOfStorage lets the storage count the texts of a column. It is fast for one column, so the few rows in which any
// field has become a list are asked for by themselves.
func (a *asking) topOfStorage(ctx context.Context, field, name string, t *tally) error {
	values := newValuesOf(field)
	by, single, listed := fmt.Sprintf("%q", name), "", ""
	if !values.list {
		single, listed = fmt.Sprintf(`%q:""`, columnLists), fmt.Sprintf(`%q:*`, columnLists)
	}
	err := a.groups(ctx, single, by, []string{name}, func(texts []string, n uint64) error {
		return t.add(values.of(texts[0], ""), n)
	})
	if err != nil || listed == "" {
		return err
	}
	by += fmt.Sprintf(", %q", columnLists)
	return a.groups(ctx, listed, by, []string{name, columnLists}, func(texts []string, n uint64) error {
		return t.add(values.of(texts[0], texts[1]), n)
	})
}

func (a *asking) topOfRows(ctx context.Context, field, name string, t *tally) error {
	values := newValuesOf(field)
	return a.scan(ctx, []string{field}, func(r rows) error {
		texts, lists := column(r.all, name), column(r.all, columnLists)
		for _, i := range r.match {
			if err := t.add(values.of(at(texts, i), at(lists, i)), 1); err != nil {
				return err
			}
		}
		return nil
	})
}

// at returns a row's text in a column that may be missing.
func at(texts []string, row int) string {
	if texts == nil {
		return ""
	}
	return texts[row]
}
