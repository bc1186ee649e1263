package file

import (
	"context"
	"slices"

	"belfry/agent/input/file/lines"
	"belfry/shared/batch"
)

// Event hands one event on.
func (f *follower) Event(e *lines.Event) error {
	in := f.in
	in.lines.Inc()
	if f.content.Cursor >= e.First {
		f.handed = f.now
	}
	return in.add(f.ctx, f.content.place(e.First), e.First, e.End, f.enc.encode(e, f.now, f.content.marksOf(e)))
}

// Covered hands on bytes that are part of the next event.
func (f *follower) Covered(first, end uint64) error {
	return f.in.pass(f.ctx, f.content.place(first), batch.Data, first, end)
}

// Skip hands on bytes of which no event is sent.
func (f *follower) Skip(first, end uint64, why lines.SkipReason) error {
	f.in.skipped(f.path, why, end-first)
	return f.in.pass(f.ctx, f.content.place(first), batch.Skipped, first, end)
}

// Cut keeps an end that time decided: read again, the bytes must make the same events.
func (f *follower) Cut(offset uint64) error {
	c := f.content
	for len(c.Cuts) > 0 && c.Cuts[0] < c.Cursor {
		c.Cuts = c.Cuts[1:]
	}
	if !slices.Contains(c.Cuts, offset) {
		c.Cuts = append(c.Cuts, offset)
	}
	if err := f.in.store.put(c); err != nil {
		return err
	}
	return f.in.store.flush() // behind the end of the machine there is a new epoch, with other ids
}

// Joined keeps a range that reading must not begin inside of.
func (f *follower) Joined(first, end uint64) error {
	c := f.content
	c.Joins = slices.DeleteFunc(c.Joins, func(p piece) bool { return p.End <= c.Cursor || p.First == first })
	c.Joins = append(c.Joins, piece{first, end})
	if err := f.in.store.put(c); err != nil {
		return err
	}
	return f.in.store.flush()
}

// add hands an event on. While the road is blocked, everything else goes on.
func (in *Input) add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error {
	for {
		err := in.sink.Add(in.tick, p, first, end, line)
		if err == nil {
			return nil
		}
		if err := in.refused(ctx, err); err != nil {
			return err
		}
		if in.reading != nil && in.reading.abandoned {
			return errAbandoned
		}
	}
}

func (in *Input) pass(ctx context.Context, p batch.Place, kind batch.Kind, first, end uint64) error {
	return in.patiently(ctx, func() error { return in.sink.Pass(in.tick, p, kind, first, end) })
}

func (in *Input) finish(ctx context.Context, p batch.Place, size uint64) error {
	return in.patiently(ctx, func() error { return in.sink.Finish(in.tick, p, size) })
}

func (in *Input) patiently(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		if err := in.refused(ctx, err); err != nil {
			return err
		}
	}
}

// refused deals with an error of the sink. It is nil if only the time for a try was over: then it is to be tried again.
func (in *Input) refused(ctx context.Context, err error) error {
	if in.tick.Err() == nil || ctx.Err() != nil {
		return &sinkError{err}
	}
	if err := in.meanwhile(ctx); err != nil {
		return &sinkError{err} // likewise
	}
	return nil
}

// sinkError is an error of the sink, or of all that goes on while it is waited for: not one file's.
type sinkError struct{ error }

func (e *sinkError) Unwrap() error { return e.error }

// renewTick makes the context by which the sink gives up waiting.
func (in *Input) renewTick(ctx context.Context) {
	if in.tick == nil || in.tick.Err() != nil {
		if in.untick != nil {
			in.untick()
		}
		in.tick, in.untick = context.WithTimeout(ctx, in.pace.tick)
	}
}

// meanwhile does what is due while the road is blocked, but for what needs the road.
func (in *Input) meanwhile(ctx context.Context) error {
	in.renewTick(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if in.blocked { // it was called by what it calls
		return nil
	}
	in.blocked = true
	defer func() { in.blocked = false }()
	return in.housekeep()
}
