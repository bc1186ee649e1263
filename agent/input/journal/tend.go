package journal

import (
	"context"
	"errors"
	"os"
	"time"
)

// tickEvery is how often it is looked what is due besides reading.
const tickEvery = 500 * time.Millisecond

// maxSeries is how many series are remembered; those that were not used for the longest time are forgotten.
const maxSeries = 256

// sinkError is an error of the sink: it ends the input.
type sinkError struct{ error }

func (e *sinkError) Unwrap() error { return e.error }

// pipe reads what a child shows, and does what is due while there is nothing.
type pipe struct {
	in   *Input
	ctx  context.Context //nolint:containedctx // of follow
	file *os.File
}

// Read reads what is there. Its error is errAnew if the child is to be started anew.
func (p *pipe) Read(b []byte) (int, error) {
	in := p.in
	for {
		now := in.now()
		if now.Sub(in.ticked) >= tickEvery {
			if err := in.due(p.ctx, now, false); err != nil {
				return 0, err
			}
		}
		if err := p.file.SetReadDeadline(time.Now().Add(tickEvery)); err != nil {
			return 0, err
		}
		n, err := p.file.Read(b)
		in.at = in.now()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if err := in.due(p.ctx, in.at, true); err != nil {
				return 0, err
			}
			continue
		}
		in.bytes.Add(n)
		return n, err
	}
}

// due does what is due. idle says that the child shows nothing.
func (in *Input) due(ctx context.Context, now time.Time, idle bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	in.ticked = now
	in.at = now
	in.keep()
	if idle {
		in.recovered(reading)
	}
	return in.judgeHoles(ctx, now, idle)
}

// keep takes in what is confirmed, and writes it down now and then.
func (in *Input) keep() {
	in.applyConfirmed()
	if in.dirty && in.now().Sub(in.saved) >= saveEvery {
		if err := in.write(); err != nil {
			in.saved = in.now()
			in.complain(keeping, err)
		}
	}
	in.picture()
}

// applyConfirmed moves the marks of what is confirmed.
func (in *Input) applyConfirmed() {
	in.mu.Lock()
	all := in.confirmed
	in.confirmed = nil
	in.mu.Unlock()
	for _, b := range all {
		s := in.epochs[b.Epoch]
		if s == nil {
			continue
		}
		before := s.confirmed.end
		for _, r := range b.Ranges {
			s.confirmed.add(r.First, r.End)
		}
		if s.confirmed.end > before {
			in.dirty = true
		}
	}
	if len(all) > 0 {
		in.way.confirm()
	}
}

// renewTick returns the context by which the sink gives up waiting: what is due must not wait as long as it does.
func (in *Input) renewTick(ctx context.Context) context.Context {
	if in.tick == nil || in.tick.Err() != nil {
		if in.untick != nil {
			in.untick()
		}
		in.tick, in.untick = context.WithTimeout(ctx, tickEvery)
	}
	return in.tick
}

// refused deals with an error of the sink. It is nil if only the time for a try was over: then it is to be tried again.
func (in *Input) refused(ctx context.Context, err error) error {
	if in.tick.Err() == nil || ctx.Err() != nil {
		return &sinkError{err}
	}
	in.keep()
	return nil
}

// rest waits, and does what is due.
func (in *Input) rest(ctx context.Context, d time.Duration) {
	for ctx.Err() == nil && d > 0 {
		step := min(d, tickEvery)
		t := time.NewTimer(step)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
		in.keep()
		d -= step
	}
}

// seriesOf returns the series of an entry.
func (in *Input) seriesOf(e *entry) *series {
	if in.last != nil && in.last.id == e.at.series {
		return in.last
	}
	s := in.series[e.at.series]
	if s == nil {
		if len(in.series) >= maxSeries {
			in.forgetOne()
		}
		s = in.know(e.at.series, string(e.get(machineID))+"/"+string(e.get(namespace)))
		in.log.Info("a series of the journal begins", "series", string(s.id[:]), "number", e.at.number)
	}
	in.last = s
	return s
}

// know takes in a series.
func (in *Input) know(id seriesID, key string) *series {
	c := in.counters[key]
	if c == nil {
		c = &counter{key: key}
		in.counters[key] = c
	}
	in.order++
	s := &series{id: id, epoch: epochOf(id), counter: c, run: c.run, used: in.order}
	in.series[id], in.epochs[s.epoch] = s, s
	return s
}

// forgetOne forgets the series that was not used for the longest time, of those that are confirmed.
func (in *Input) forgetOne() {
	var oldest *series
	for _, s := range in.series {
		if s.quiet() && (oldest == nil || s.used < oldest.used) {
			oldest = s
		}
	}
	if oldest == nil {
		return
	}
	delete(in.series, oldest.id)
	delete(in.epochs, oldest.epoch)
	if in.last == oldest {
		in.last = nil
	}
	for _, s := range in.series {
		if s.counter == oldest.counter {
			return
		}
	}
	delete(in.counters, oldest.counter.key)
}
