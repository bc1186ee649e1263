package journal

import (
	"context"
	"time"

	"belfry/shared/batch"
)

// take hands an entry on, unless that was done before.
func (in *Input) take(ctx context.Context, e *entry) error {
	s := in.seriesOf(e)
	in.order++
	n := e.at.number
	first := s.shown != in.child
	s.shown, s.used = in.child, in.order
	late := -1
	if len(in.holes.open) > 0 {
		late = in.holes.at(s.counter, n)
	}
	if late < 0 && n < s.next {
		if len(in.holes.open) > 0 {
			in.holes.show(s, n)
		}
		return nil
	}
	if n > s.next {
		if err := in.jump(ctx, s, e.at, first); err != nil {
			return err
		}
	}
	if late >= 0 {
		if err := in.fill(ctx, s, late, n); err != nil {
			return err
		}
	}
	if err := in.add(ctx, s, e); err != nil {
		return err
	}
	if late < 0 {
		s.counter.count(s, n)
	}
	s.next = max(s.next, n+1)
	in.way.add(s, e.at, in.at)
	in.dirty, in.beyond = true, false
	in.count(e)
	if in.faults[reading] != "" {
		in.recovered(reading)
	}
	return nil
}

// fill takes an entry's number out of the hole that it was missing from.
func (in *Input) fill(ctx context.Context, s *series, i int, number uint64) error {
	if of := in.holes.open[i].series; of != s {
		if err := in.pass(ctx, of, batch.Skipped, number, number+1); err != nil {
			return err
		}
	}
	in.holes.fill(i, number)
	return nil
}

// jump deals with the numbers between the last entry of a series and this one.
func (in *Input) jump(ctx context.Context, s *series, at point, first bool) error {
	n := at.number
	known := min(n, s.counter.top+1) // other series of the counter have the numbers before it
	if s.next == 0 {
		known = n
	}
	if known > s.next {
		if err := in.pass(ctx, s, batch.Skipped, s.next, known); err != nil {
			return err
		}
		s.next = known
	}
	if n == s.next {
		return nil
	}
	from := in.way.last
	if from.number == 0 {
		from = at
	}
	from.series, from.number = s.id, s.next
	// A child shows something of a series that it never showed: nothing of it was missed, unless its file is newer than the child.
	fresh := first && in.at.Sub(in.born) < in.holes.grace
	in.holes.open = append(in.holes.open, hole{series: s, numbers: numbers{s.next, n}, from: from, since: in.at, fresh: fresh, passed: fresh})
	in.way.begin(from, in.at)
	s.next = n
	return nil
}

// add encodes an entry and hands it on, when its day is on the disk.
func (in *Input) add(ctx context.Context, s *series, e *entry) error {
	n := e.at.number
	if err := in.steady(ctx, s, n); err != nil {
		return err
	}
	line := in.enc.encode(e, s.epoch, in.at, int64(e.at.realtime) < in.began)
	p := s.place(in.stream, n)
	for {
		err := in.sink.Add(in.renewTick(ctx), p, n, n+1, line)
		if err == nil {
			return nil
		}
		if err := in.refused(ctx, err); err != nil {
			return err
		}
	}
}

// pass hands on numbers without events.
func (in *Input) pass(ctx context.Context, s *series, kind batch.Kind, first, end uint64) error {
	if len(s.steps) == 0 {
		if err := in.steady(ctx, s, first); err != nil {
			return err
		}
	}
	in.dirty = true
	p := s.place(in.stream, first)
	for {
		err := in.sink.Pass(in.renewTick(ctx), p, kind, first, end)
		if err == nil {
			return nil
		}
		if err := in.refused(ctx, err); err != nil {
			return err
		}
	}
}

// steady brings the class and the day of what comes to the disk, before it leaves.
func (in *Input) steady(ctx context.Context, s *series, number uint64) error {
	if day := in.at.Unix() / 86400; day != in.dayOf || in.day == "" {
		in.dayOf, in.day = day, in.at.UTC().Format(time.DateOnly)
	}
	if s.steady(number, in.cfg.class(), in.day, in.at) {
		return nil
	}
	for {
		err := in.write()
		if err == nil {
			return nil
		}
		in.complain(keeping, err)
		if in.rest(ctx, saveEvery); ctx.Err() != nil {
			return &sinkError{ctx.Err()}
		}
	}
}

func (in *Input) count(e *entry) {
	in.read++
	in.entries.Inc()
	if e.length > e.known[message].end-e.known[message].first {
		in.truncated.Inc()
	}
	if e.cut {
		in.cutFields.Inc()
	}
	if e.damaged {
		in.damaged.Inc()
	}
}
