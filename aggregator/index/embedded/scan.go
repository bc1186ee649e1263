package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// Questions that are answered by numbers go one of two ways. Where the storage's filter finds exactly what the query
// asks for, the storage counts by itself. Else, or where its groups would be too many, the rows are looked at here:
// the columns that are needed are read, and the query is asked about each row.

// columnCount is what a count is called in an answer of the storage: no field has this name.
const columnCount = columnPosition

// columnOf returns the column of a field, or "" if there is none for this name.
func columnOf(field string) string {
	switch {
	case field == "@timestamp":
		return columnTime
	case isReserved(field):
		return ""
	}
	return field
}

// asking is a question on its way.
type asking struct {
	x        *Index
	span     index.Span
	filter   string
	exact    bool
	from, to int64 // both ends included; from is larger where there is nothing
}

func (x *Index) asking(sp index.Span) (*asking, error) {
	x.flushFresh()
	a := &asking{x: x, span: sp}
	a.filter, a.exact = filterOf(sp.Query)
	var err error
	a.from, a.to, err = x.bounds(sp)
	return a, err
}

func (a *asking) empty() bool { return a.from > a.to }

// groups has the storage count: by is what stands in the parentheses of stats by, or "". Of each group fn gets the
// values of by's columns, and the number. where is a filter that is to hold too.
func (a *asking) groups(ctx context.Context, where, by string, columns []string, fn func(values []string, n uint64) error) error {
	reads := ` | stats `
	if by != "" {
		reads += `by (` + by + `) `
	}
	reads += `count() as "` + columnCount + `"`
	filter := a.filter
	if where != "" {
		filter = "(" + filter + ") " + where
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var fault error
	err := a.x.ask(ctx, a.span, filter, reads, a.from, a.to, func(_ *shelf, b *logstorage.DataBlock) {
		mu.Lock()
		defer mu.Unlock()
		if fault == nil {
			if fault = eachGroup(b, columns, fn); fault != nil {
				cancel()
			}
		}
	})
	if err != nil && strings.Contains(err.Error(), "requires more than") { // memory
		return errManyValues
	}
	if fault != nil {
		return fault
	}
	return err
}

var errManyValues = fmt.Errorf("%w: there are too many different values: ask for a shorter time, or for fewer events",
	index.ErrQuestion)

func eachGroup(b *logstorage.DataBlock, columns []string, fn func([]string, uint64) error) error {
	all := b.GetColumns(false)
	counts := column(all, columnCount)
	values := make([]string, len(columns))
	from := make([][]string, len(columns))
	for i, name := range columns {
		from[i] = column(all, name)
	}
	for row, n := range counts {
		for i := range from {
			if values[i] = ""; from[i] != nil {
				values[i] = from[i][row]
			}
		}
		if err := fn(values, parsePosition(n)); err != nil {
			return err
		}
	}
	return nil
}

// rows is what a scan has found in a block: rows of a query, with the columns that were asked for.
type rows struct {
	all   []logstorage.BlockColumn
	times []int64
	match []int // indexes of rows
}

// errEnough ends a scan.
var errEnough = errors.New("enough")

// scan calls fn for each block that has rows of the query, one at a time. It reads the columns of fields, and those
// that the query needs; nil: all. It ends with the first error of fn.
func (a *asking) scan(ctx context.Context, fields []string, fn func(r rows) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var fault error
	readers := sync.Pool{New: func() any { return new(rowReader) }}
	err := a.x.ask(ctx, a.span, a.filter, a.reads(fields), a.from, a.to, func(_ *shelf, b *logstorage.DataBlock) {
		r := rows{all: b.GetColumns(false)}
		var ok bool
		if r.times, ok = b.GetTimestamps(nil); !ok {
			return
		}
		reader := readers.Get().(*rowReader)
		defer readers.Put(reader)
		r.match = make([]int, 0, len(r.times))
		for i := range r.times {
			if a.exact || matches(a.span.Query, reader.read(r.all, i)) {
				r.match = append(r.match, i)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if fault == nil && len(r.match) > 0 {
			if fault = fn(r); fault != nil {
				cancel()
			}
		}
	})
	if fault != nil {
		return fault
	}
	return err
}

// reads returns what a scan reads.
func (a *asking) reads(fields []string) string {
	if fields == nil {
		return withoutStream
	}
	if !a.exact {
		fields = slices.Concat(fields, a.span.Query.Fields())
	}
	var b strings.Builder
	b.WriteString(` | fields "` + columnTime + `", "` + columnLists + `"`)
	for _, f := range fields {
		name := columnOf(f)
		switch {
		case strings.HasSuffix(name, "*"): // would be any that begin so
			return withoutStream
		case name != "" && name != columnTime:
			fmt.Fprintf(&b, ", %q", name)
		}
	}
	return b.String()
}

// valuesOf tells the values of a field, out of its column.
type valuesOf struct {
	field  string
	list   bool // by its name
	asIs   bool // a value is told as it is
	reader rowReader
	known  map[string][]string // of texts of lists, or of no list
	bytes  int                 // of these texts
	lists  map[string]bool     // whether the text of columnLists has the field
	one    [1]string
}

func newValuesOf(field string) *valuesOf {
	return &valuesOf{
		field: field, list: event.IsList(field), asIs: toldAsIs(field),
		known: make(map[string][]string), lists: make(map[string]bool),
	}
}

// toldAsIs reports whether index.Told returns the values of a field as they are.
func toldAsIs(field string) bool {
	switch event.TypeOf(field) {
	case event.IP, event.Float, event.Date:
		return false
	}
	return true
}

// The bounds of what valuesOf remembers.
const (
	maxKnownValues = 16 << 10
	maxKnownBytes  = 16 << 20
)

// of returns the different values of the field in a row, by the texts of its column and of columnLists. They are for
// reading, until the next call, and may share the block's memory.
func (v *valuesOf) of(text, lists string) []string {
	list := v.list
	if !list && lists != "" {
		list = v.isAmong(lists)
	}
	switch {
	case text == "":
		return nil
	case list && !v.list:
		return v.parse(text, true) // few of them
	case !list && v.asIs:
		v.one[0] = text
		return v.one[:]
	}
	known, ok := v.known[text]
	if !ok {
		if len(v.known) >= maxKnownValues || v.bytes > maxKnownBytes {
			clear(v.known)
			v.bytes = 0
		}
		v.bytes += len(text)
		known = v.parse(text, list)
		v.known[strings.Clone(text)] = known
	}
	return known
}

func (v *valuesOf) isAmong(lists string) bool {
	among, ok := v.lists[lists]
	if !ok {
		if len(v.lists) >= maxKnown {
			clear(v.lists)
		}
		among = slices.Contains(v.reader.values(nil, lists), v.field)
		v.lists[strings.Clone(lists)] = among
	}
	return among
}

func (v *valuesOf) parse(text string, list bool) []string {
	var e event.Event
	if list {
		v.reader.list(&e, v.field, text)
	} else {
		e.Append(v.field, text)
	}
	var all []string
	for _, f := range e.Fields {
		if s := index.Told(v.field, f.Value); !slices.Contains(all, s) {
			all = append(all, strings.Clone(s))
		}
	}
	return all
}
