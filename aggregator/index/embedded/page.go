package embedded

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// rowKey is a row's place in the order of a search. No two rows have the same.
type rowKey struct {
	ts       int64
	position uint64
}

func (a rowKey) before(b rowKey) bool {
	return a.ts < b.ts || a.ts == b.ts && a.position < b.position
}

// found is a row that a search returns.
type found struct {
	rowKey
	event *event.Event
	size  int
	shelf *shelf
}

// The bounds of a page.
const (
	pageRows  = 8192
	pageBytes = 32 << 20
	pageOver  = 32 << 10 // rows beyond a full page after which a window is given up as too wide
)

// page collects the first rows of a window, in the order of a search. It is a heap with the last of them on top.
type page struct {
	walk    *walk
	most    int  // rows
	wide    bool // the window may be given up
	cancel  context.CancelFunc
	readers sync.Pool

	mu      sync.Mutex
	rows    []found
	bytes   int
	over    int
	more    bool   // there are more rows in the window,
	bar     rowKey // none of them in front of this one
	stopped bool   // it was given up; rows means nothing
	cut     int    // rows from here on are left to the next page: see fill
	reached rowKey // how far the page came if there is more: the last row, or the last one that was looked at
}

func (p *page) Len() int           { return len(p.rows) }
func (p *page) Swap(i, j int)      { p.rows[i], p.rows[j] = p.rows[j], p.rows[i] }
func (p *page) Less(i, j int) bool { return p.first(p.rows[j].rowKey, p.rows[i].rowKey) }
func (p *page) Push(r any)         { p.rows = append(p.rows, r.(found)) }
func (p *page) Pop() any {
	n := len(p.rows) - 1
	r := p.rows[n]
	p.rows[n] = found{}
	p.rows = p.rows[:n]
	return r
}

// first reports whether a row comes in front of another one.
func (p *page) first(a, b rowKey) bool {
	if p.walk.search.Oldest {
		return a.before(b)
	}
	return b.before(a)
}

// page returns the next rows of a walk, out of its next window.
func (x *Index) page(ctx context.Context, w *walk) (*page, error) {
	from, to := w.window()
	pageCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &page{walk: w, most: min(w.left, pageRows), wide: to-from >= int64(leastWindow), cancel: cancel}
	p.readers.New = func() any { return new(rowReader) }
	var err error
	if places, few := w.few(); few {
		p.most = places
		err = x.places(pageCtx, p)
	} else {
		err = x.ask(pageCtx, w.search.Span, w.filter, withoutStream, from, to, p.block)
		p.sort()
	}
	if e := ctx.Err(); e != nil {
		return nil, e
	}
	if err != nil && !p.stopped {
		return nil, fmt.Errorf("search: %w", err)
	}
	if p.stopped {
		p.rows = nil
	}
	return p, nil
}

// sort brings the rows, which are all that the page gets, into the order of the search.
func (p *page) sort() {
	slices.SortFunc(p.rows, func(a, b found) int {
		if p.first(a.rowKey, b.rowKey) {
			return -1
		}
		return 1
	})
	if n := len(p.rows); n > 0 {
		p.reached = p.rows[n-1].rowKey
	}
}

// block takes the rows of a block. Several goroutines call it at once.
func (p *page) block(f *shelf, b *logstorage.DataBlock) {
	p.eachRow(b, func(key rowKey, r *rowReader, all []logstorage.BlockColumn, row int) {
		if !p.wants(key) {
			return
		}
		e := r.read(all, row)
		if !matches(p.walk.search.Query, e) {
			return
		}
		kept, size := keep(e)
		p.put(found{key, kept, size, f})
	})
}

// eachRow calls fn for each row of a block, if they are ours.
func (p *page) eachRow(b *logstorage.DataBlock, fn func(key rowKey, r *rowReader, all []logstorage.BlockColumn, row int)) {
	all := b.GetColumns(false)
	positions := column(all, columnPosition)
	times, ok := b.GetTimestamps(nil)
	if !ok || positions == nil {
		return
	}
	r := p.readers.Get().(*rowReader)
	defer p.readers.Put(r)
	for i, ts := range times {
		fn(rowKey{ts, parsePosition(positions[i])}, r, all, i)
	}
}

func matches(q *query.Expr, e *event.Event) bool { return q == nil || q.Match(e) }

// wants reports whether a row would be part of the page as it is now.
func (p *page) wants(key rowKey) bool {
	if p.walk.begun && !p.first(p.walk.behind, key) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	if p.more && !p.first(key, p.bar) || len(p.rows) >= p.most && !p.first(key, p.rows[0].rowKey) {
		p.miss(key)
		return false
	}
	return true
}

// put adds a row, and drops the last ones where that is too much.
func (p *page) put(r found) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.more && !p.first(r.rowKey, p.bar) {
		p.miss(r.rowKey)
		return
	}
	heap.Push(p, r)
	p.bytes += r.size
	for len(p.rows) > p.most || p.bytes > pageBytes && len(p.rows) > 1 {
		last := heap.Pop(p).(found)
		p.bytes -= last.size
		p.miss(last.rowKey)
	}
}

// miss notes a row that is in the window and not on the page. One that does not match may be among them: then a later
// page finds that there are no more.
func (p *page) miss(key rowKey) {
	if !p.more || p.first(key, p.bar) {
		p.more, p.bar = true, key
	}
	p.over++
	if p.wide && p.over > pageOver {
		p.stopped = true
		p.cancel()
	}
}
