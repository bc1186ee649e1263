package embedded

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// The storage unpacks whole blocks, and a block has the rows of a host for hours. So where few rows of a window are
// wanted, only their places are read first: one small column beside those of the query. Then the blocks that have them.

const (
	fewRows   = 1024
	timePlace = ` | fields "` + columnTime + `", "` + columnPosition + `"`
)

// few reports whether the next rows of a walk are found by their places, and how many places to look for: more than
// rows, where the filter finds many that do not match.
func (w *walk) few() (places int, ok bool) {
	places = min(w.left, fewRows+1) * max(w.spread, 1)
	return places, places <= fewRows
}

// places fills a page with the rows of the next window by their places.
func (x *Index) places(ctx context.Context, p *page) error {
	from, to := p.walk.window()
	if err := x.ask(ctx, p.walk.search.Span, p.walk.filter, timePlace, from, to, p.placesOf); err != nil {
		return err
	}
	n := len(p.rows)
	if p.stopped || n == 0 {
		return nil
	}
	p.sort()
	if err := x.fill(ctx, p); err != nil {
		return err
	}
	if p.cut < n {
		p.rows, p.more, p.reached = p.rows[:p.cut], true, p.rows[p.cut-1].rowKey
	}
	if p.rows = slices.DeleteFunc(p.rows, func(r found) bool { return r.event == nil }); len(p.rows) < n/2 {
		p.walk.spread = 4 * max(p.walk.spread, 1)
	}
	if len(p.rows) > p.walk.left {
		p.rows = p.rows[:p.walk.left]
	}
	return nil
}

// placesOf takes the places of the rows of a block. Several goroutines call it at once.
func (p *page) placesOf(_ *shelf, b *logstorage.DataBlock) {
	p.eachRow(b, func(key rowKey, _ *rowReader, _ []logstorage.BlockColumn, _ int) {
		if p.wants(key) {
			p.put(found{rowKey: key})
		}
	})
}

// fill reads the events of a page's rows, of those that match, up to p.cut. What was erased meanwhile has none.
func (x *Index) fill(ctx context.Context, p *page) error {
	var filter strings.Builder
	filter.WriteString(`"` + columnPosition + `":in(`)
	at := make(map[rowKey]int, len(p.rows))
	first, last := p.rows[0].ts, p.rows[0].ts
	for i, r := range p.rows {
		if i > 0 {
			filter.WriteByte(',')
		}
		filter.WriteString(strconv.FormatUint(r.position, 10))
		at[r.rowKey] = i
		first, last = min(first, r.ts), max(last, r.ts)
	}
	filter.WriteByte(')')
	p.cut = len(p.rows)
	err := x.ask(ctx, p.walk.search.Span, filter.String(), withoutStream, first, last, func(f *shelf, b *logstorage.DataBlock) {
		p.eachRow(b, func(key rowKey, r *rowReader, all []logstorage.BlockColumn, row int) {
			i, ok := at[key]
			if !ok {
				return
			}
			if e := r.read(all, row); matches(p.walk.search.Query, e) {
				kept, size := keep(e)
				p.set(i, found{key, kept, size, f})
			}
		})
	})
	if err != nil {
		return fmt.Errorf("read rows by their places: %w", err)
	}
	return nil
}

// set gives a row its event, and cuts off the last rows where that is too much.
func (p *page) set(i int, r found) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i >= p.cut {
		return
	}
	p.rows[i] = r
	for p.bytes += r.size; p.bytes > pageBytes && p.cut > 1; {
		p.cut--
		p.bytes -= p.rows[p.cut].size
		p.rows[p.cut] = found{rowKey: p.rows[p.cut].rowKey}
	}
}
