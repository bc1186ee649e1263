package journal

import (
	"context"
	"slices"
	"time"

	"belfry/shared/batch"
)

// Bounds of what is missing.
const (
	maxHoles   = 1024            // that are open at once; the oldest is declared when there are more
	holeGrace  = 5 * time.Second // after which it is looked for again, or given up
	maxRetries = 3               // children that were started for holes and found nothing: then only one an hour is
	retryEvery = time.Hour
)

// hole is numbers of a series that stand in no series of its counter so far.
type hole struct {
	series *series
	numbers
	from   point // a child that begins there shows them, if anything does
	since  time.Time
	fresh  bool // the child began there
	passed bool // it has shown what is behind them
}

// holes are those that are open, in the order in which they were seen.
type holes struct {
	open    []hole
	grace   time.Duration
	retries int       // without any success
	retried time.Time // the last one
	filled  bool      // since then
}

// at returns which hole of a counter a number lies in, -1 for none.
func (h *holes) at(c *counter, number uint64) int {
	return slices.IndexFunc(h.open, func(o hole) bool {
		return o.series.counter == c && o.first <= number && number < o.end
	})
}

// fill takes a number out of a hole.
func (h *holes) fill(i int, number uint64) {
	o := h.open[i]
	h.filled = h.filled || o.fresh
	var parts []hole
	for _, n := range []numbers{{o.first, number}, {number + 1, o.end}} {
		if n.first < n.end {
			part := o
			part.numbers = n
			parts = append(parts, part)
		}
	}
	h.open = slices.Replace(h.open, i, i+1, parts...)
}

// show notes that the child has shown an entry again that lies behind holes.
func (h *holes) show(s *series, number uint64) {
	for i := range h.open {
		if o := &h.open[i]; o.series == s && number >= o.end {
			o.passed = true
		}
	}
}

// began notes that a child begins in front of all that is open.
func (h *holes) began(now time.Time) {
	h.filled = false
	for i := range h.open {
		o := &h.open[i]
		o.since, o.fresh, o.passed = now, true, false
	}
}

// retry reports whether a child is to be started for a hole.
func (h *holes) retry(now time.Time) bool {
	if h.retries >= maxRetries && now.Sub(h.retried) < retryEvery {
		return false
	}
	h.retries++
	h.retried = now
	return true
}

// judgeHoles declares what is missing for good. Its error is errAnew if the child is to be started anew for the rest. idle says
// that the child has shown all that it has.
func (in *Input) judgeHoles(ctx context.Context, now time.Time, idle bool) error {
	for i := 0; i < len(in.holes.open); {
		o := &in.holes.open[i]
		due := now.Sub(o.since) >= in.holes.grace && (!o.fresh || o.passed || idle)
		switch {
		case !due && len(in.holes.open) <= maxHoles && len(in.way.legs) < maxLegs:
			i++
			continue
		case due && !o.fresh && in.holes.retry(now):
			return errAnew
		}
		gone := *o
		in.holes.open = slices.Delete(in.holes.open, i, i+1)
		if err := in.declare(ctx, gone); err != nil {
			in.holes.open = slices.Insert(in.holes.open, i, gone) // the same again later
			return err
		}
	}
	if in.holes.filled {
		in.holes.retries = 0
	}
	return nil
}

// declare says that entries are lost.
func (in *Input) declare(ctx context.Context, o hole) error {
	if err := in.pass(ctx, o.series, batch.Dropped, o.first, o.end); err != nil {
		return err
	}
	n := o.end - o.first
	in.dropped.AddInt64(int64(min(n, mostNumber)))
	in.lost += n
	in.log.Warn("entries of the journal went away before they could be read", "journal", in.cfg.Name(), "series", string(o.series.id[:]),
		"first", o.first, "end", o.end, "entries", n)
	return nil
}
