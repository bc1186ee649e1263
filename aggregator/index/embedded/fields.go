package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// maxFields bounds the names that Fields returns.
const maxFields = 20_000

// fieldsAtOnce is how many columns are counted in one go: all of them are in memory for each block.
const fieldsAtOnce = 64

// Fields returns the names of the fields that the events of a span have, in order of name, each with the number of
// its events.
func (x *Index) Fields(ctx context.Context, sp index.Span) ([]index.Field, error) {
	defer x.took(time.Now())
	a, err := x.asking(sp)
	if err != nil || a.empty() {
		return nil, err
	}
	counts := make(map[string]uint64)
	if a.exact {
		err = a.fieldsOfStorage(ctx, counts)
	} else {
		err = a.fieldsOfRows(ctx, counts)
	}
	if err != nil {
		return nil, fmt.Errorf("names of fields: %w", err)
	}
	all := make([]index.Field, 0, len(counts))
	for name, n := range counts {
		if n > 0 {
			all = append(all, index.Field{Name: name, Type: index.TypeName(name), Count: n})
		}
	}
	slices.SortFunc(all, func(a, b index.Field) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

var errManyFields = fmt.Errorf("%w: there are more than %d names of fields: ask for a shorter time, or for fewer events",
	index.ErrQuestion, maxFields)

func (a *asking) fieldsOfRows(ctx context.Context, counts map[string]uint64) error {
	return a.scan(ctx, nil, func(r rows) error {
		for i := range r.all {
			field := fieldOf(r.all[i].Name)
			if field == "" {
				continue
			}
			n := uint64(0)
			for _, row := range r.match {
				if r.all[i].Values[row] != "" {
					n++
				}
			}
			if n > 0 {
				counts[strings.Clone(field)] += n
			}
		}
		if len(counts) > maxFields {
			return errManyFields
		}
		return nil
	})
}

// fieldOf returns the field of a column, or "".
func fieldOf(column string) string {
	switch {
	case column == columnTime:
		return "@timestamp"
	case isReserved(column):
		return ""
	}
	return column
}

// fieldsOfStorage asks for the columns of all blocks that have rows of the query, and then in how many of these rows
// each column has a value: it may be in none.
func (a *asking) fieldsOfStorage(ctx context.Context, counts map[string]uint64) error {
	var mu sync.Mutex
	err := a.x.ask(ctx, a.span, a.filter, ` | field_names`, a.from, a.to, func(_ *shelf, b *logstorage.DataBlock) {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range column(b.GetColumns(false), "name") {
			if field := fieldOf(name); field != "" {
				counts[strings.Clone(field)] = 0
			}
		}
	})
	if err == nil && len(counts) > maxFields {
		err = errManyFields
	}
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(counts))
	plain := slices.DeleteFunc(slices.Clone(names), wild)
	for part := range slices.Chunk(plain, fieldsAtOnce) {
		if err := a.countFields(ctx, part, counts); err != nil {
			return err
		}
	}
	if len(plain) < len(names) {
		more := make(map[string]uint64)
		err = a.fieldsOfRows(ctx, more)
		for _, name := range names {
			if wild(name) {
				counts[name] = more[name]
			}
		}
	}
	return err
}

// wild reports whether the storage takes a name for the beginning of names.
func wild(name string) bool { return strings.HasSuffix(name, "*") }

func (a *asking) countFields(ctx context.Context, names []string, counts map[string]uint64) error {
	var b strings.Builder
	for i, name := range names {
		fmt.Fprintf(&b, `, count(%q) as "n%d"`, columnOf(name), i)
	}
	reads := " | stats " + b.String()[2:]
	return a.x.ask(ctx, a.span, a.filter, reads, a.from, a.to, func(_ *shelf, b *logstorage.DataBlock) {
		all := b.GetColumns(false)
		for i, name := range names {
			counts[name] += parsePosition(at(column(all, fmt.Sprint("n", i)), 0))
		}
	})
}

// nearBy is how far from a time that is said to be close Get looks first.
const nearBy = time.Hour

// Get returns the event of an id, or index.ErrNotFound. It looks around near first, if that is not zero.
func (x *Index) Get(ctx context.Context, id string, near time.Time) (*event.Event, error) {
	if id == "" {
		return nil, index.ErrNotFound
	}
	s := index.Search{Span: index.Span{Query: query.All(query.Is{Field: "event.id", Value: id})}, Limit: 1}
	if !near.IsZero() {
		close := s
		close.From, close.To = near.Add(-nearBy), near.Add(nearBy)
		if e, err := x.one(ctx, close); err != nil || e != nil {
			return e, err
		}
	}
	e, err := x.one(ctx, s)
	if err == nil && e == nil {
		err = fmt.Errorf("%w: %q", index.ErrNotFound, id)
	}
	return e, err
}

var errFound = errors.New("found")

// one returns the first event that a search finds, or nil.
func (x *Index) one(ctx context.Context, s index.Search) (found *event.Event, err error) {
	err = x.Search(ctx, s, func(e *event.Event, _ index.Cursor) error { found = e; return errFound })
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, err
}
