package embedded

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/index"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// Search calls fn for each event that s asks for, in its order; the events are fn's. It sees every Write that was
// answered before it began. It ends with the first error of fn, or the context's. Its memory is bounded, whatever the
// limit: it walks through time in windows, and takes a page at a time from each.
func (x *Index) Search(ctx context.Context, s index.Search, fn func(*event.Event, index.Cursor) error) error {
	defer x.took(time.Now())
	return x.walk(ctx, s, func(r found) error { return fn(r.event, index.Cursor{Time: r.ts, Order: r.position}) })
}

// walk calls fn for each row that a search finds, in its order.
func (x *Index) walk(ctx context.Context, s index.Search, fn func(r found) error) error {
	x.flushFresh()
	w, err := x.newWalk(s)
	if err != nil {
		return err
	}
	for w.left > 0 && w.from <= w.to {
		p, err := x.page(ctx, w)
		if err != nil {
			return err
		}
		for _, r := range p.rows {
			if err := fn(r); err != nil {
				return err
			}
		}
		w.advance(p)
	}
	return nil
}

// flushFresh makes the rows that were added visible.
func (x *Index) flushFresh() {
	all, done, err := x.borrow()
	if err != nil {
		return
	}
	defer done()
	x.flushing.Lock() // a flush that another search has begun must be over
	defer x.flushing.Unlock()
	for _, f := range all {
		if f.fresh.Swap(false) {
			f.storage.DebugFlush()
		}
	}
}

// Windows of time. They grow where there is little to find, and shrink where there is more than a page of it.
const (
	firstWindow = time.Minute
	leastWindow = time.Second
)

// walk is how far a search has come.
type walk struct {
	search index.Search
	filter string
	from   int64 // nanoseconds since 1970: what is left to look at,
	to     int64 // both ends included
	width  int64 // of the next window
	behind rowKey
	begun  bool // behind counts: only rows behind it are left
	left   int  // rows still to find
	spread int  // how many places are read for each of them; 0 is 1
}

func (x *Index) newWalk(s index.Search) (*walk, error) {
	w := &walk{search: s, width: int64(firstWindow), left: s.Limit}
	w.filter, _ = filterOf(s.Query)
	switch {
	case s.Limit == 0:
		w.left = index.DefaultLimit
	case s.Limit < 0:
		w.left = math.MaxInt
	}
	var err error
	if w.from, w.to, err = x.bounds(s.Span); err != nil {
		return nil, err
	}
	if ahead := w.to - x.now().UnixNano(); !s.Oldest && ahead > w.width { // little is ahead of the clock
		w.width = ahead
	}
	if !s.After.IsZero() {
		w.goOn(rowKey{s.After.Time, s.After.Order})
	}
	return w, nil
}

// goOn lets a walk begin behind a row, which may be gone.
func (w *walk) goOn(behind rowKey) {
	w.behind, w.begun = behind, true
	if w.search.Oldest {
		w.from = max(w.from, behind.ts)
	} else {
		w.to = min(w.to, behind.ts)
	}
}

// anyRow finds every row. Where logstorage erases the first row of a block it leaves an empty one in its place, which
// must not be found.
const anyRow = `"` + columnPosition + `":*`

// filterOf returns a filter in LogsQL that finds the events of a query, and whether it finds no others.
func filterOf(q *query.Expr) (filter string, exact bool) {
	if q == nil {
		return anyRow, true
	}
	text, exact := q.LogsQL()
	return anyRow + " (" + text + ")", exact
}

// bounds returns the times to look at: those that are asked for, as far as there are days with rows.
func (x *Index) bounds(sp index.Span) (first, last int64, err error) {
	all, done, err := x.borrow()
	if err != nil {
		return 0, 0, err
	}
	defer done()
	var begin, end time.Time
	for _, f := range all {
		days, err := f.days()
		if err != nil {
			return 0, 0, err
		}
		if len(days) == 0 || !f.asked(sp) {
			continue
		}
		if begin.IsZero() || days[0].Before(begin) {
			begin = days[0]
		}
		if last := days[len(days)-1].Add(24 * time.Hour); last.After(end) {
			end = last
		}
	}
	if sp.From.After(begin) {
		begin = sp.From
	}
	if !sp.To.IsZero() && sp.To.Before(end) {
		end = sp.To
	}
	if !begin.Before(end) {
		return 1, 0, nil
	}
	return begin.UnixNano(), end.UnixNano() - 1, nil
}

// asked reports whether a span may have events of a shelf.
func (f *shelf) asked(sp index.Span) bool { return sp.Class == "" || sp.Class == f.class }

// window returns the times of the next window, both ends included.
func (w *walk) window() (from, to int64) {
	if w.search.Oldest {
		return w.from, min(w.to, w.from+w.width-1)
	}
	return max(w.from, w.to-w.width+1), w.to
}

// advance goes on behind a page.
func (w *walk) advance(p *page) {
	from, to := w.window()
	w.left -= len(p.rows)
	if p.stopped || p.more {
		if !p.stopped {
			w.behind, w.begun = p.reached, true
		}
		switch {
		case p.stopped:
			w.width = max(w.width/16, int64(leastWindow))
		case w.search.Oldest:
			w.width = max(2*(w.behind.ts-from), int64(leastWindow))
			w.from = w.behind.ts
		default:
			w.width = max(2*(to-w.behind.ts), int64(leastWindow))
			w.to = w.behind.ts
		}
		return
	}
	w.begun = false
	if w.search.Oldest {
		w.from = to + 1
	} else {
		w.to = from - 1
	}
	if len(p.rows) == 0 || len(p.rows) < p.most/4 {
		w.width = min(w.width, int64(century)/8) * 8
	}
}

// What a query reads of the rows that it finds.
//
// No query may want _stream, as one does that names no fields: the storage writes the names of streams to the disk at
// another time than the rows. After a kill the rows of a stream may be there and its name not, and then such a query
// passes them over, in silence.
const (
	withoutStream = ` | delete _stream, _stream_id`
	onlyPlaces    = ` | fields "` + columnPosition + `", "event.id"`
)

// newQuery makes a query for the rows of a time, both ends included: a filter in LogsQL, and one of the above.
func newQuery(filter, reads string, from, to int64) (*logstorage.Query, error) {
	q, err := logstorage.ParseQuery(filter + reads)
	if err != nil {
		return nil, fmt.Errorf("the storage does not take the query %q: %w", filter+reads, err)
	}
	q.AddTimeFilter(from, to)
	return q, nil
}

// runQuery asks a storage.
func (f *shelf) runQuery(ctx context.Context, q *logstorage.Query, fn logstorage.WriteDataBlockFunc) error {
	qctx := logstorage.NewQueryContext(ctx, new(logstorage.QueryStats), []logstorage.TenantID{tenant}, q, false, nil)
	return f.storage.RunQuery(qctx, fn)
}

// ask runs a query on the shelves of a span, one after the other, unless the index is closed: a filter in LogsQL and
// what to do with the rows, and the time, both ends included. fn is told the shelf; several goroutines call it at once.
func (x *Index) ask(ctx context.Context, sp index.Span, filter, reads string, from, to int64,
	fn func(f *shelf, b *logstorage.DataBlock)) error {
	all, done, err := x.borrow()
	if err != nil {
		return err
	}
	defer done()
	for _, f := range all {
		if !f.asked(sp) {
			continue
		}
		q, err := newQuery(filter, reads, from, to)
		if err == nil {
			err = f.runQuery(ctx, q, func(_ uint, b *logstorage.DataBlock) { fn(f, b) })
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
