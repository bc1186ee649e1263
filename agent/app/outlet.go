package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/agent/ship"
	"belfry/agent/spool"
	"belfry/shared/backoff"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// outlet is one queue of the spool on its way to ship: one stream, of one lane and class.
type outlet struct {
	name   string
	class  string
	stream event.Key
	queue  *spool.Queue
	ship   *ship.Shipper
	log    *slog.Logger
	events relayed

	mu   sync.Mutex
	in   uint64                // the epoch of what was handed on last,
	to   uint64                // and up to where
	sent []handed              // handed on and not confirmed, in order
	took map[uint64]*batchSpan // per epoch: what was confirmed ahead of its turn
}

// handed is a record that was handed on.
type handed struct {
	epoch, end, lsn uint64
}

// batchSpan is what of one epoch was confirmed: all before mark, and ranges behind it.
type batchSpan struct {
	mark  uint64
	ahead []batch.Range
}

func newOutlet(name, class string, q *spool.Queue, src file.Source, s *ship.Shipper, log *slog.Logger) *outlet {
	return &outlet{
		name: name, class: class, queue: q, ship: s, log: log.With("spool", name), events: relayed{src: src},
		stream: event.HashKey("syslog", src.Agent.String(), pathOf(name)), took: make(map[uint64]*batchSpan),
	}
}

// pathOf is the name of an outlet's stream in heartbeats.
func pathOf(name string) string { return relayPath + "/" + name }

// run hands on what lies in the queue until that has ended and is empty, or ctx is done.
func (o *outlet) run(ctx context.Context) error {
	defer o.queue.Leave()
	pause := backoff.Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second}
	for told := false; ; {
		rec, err := o.queue.Next(ctx)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil || errors.Is(err, spool.ErrClosed):
			return err
		default: // no descriptors, perhaps: it lies there, and can be read again
			if !told {
				o.log.Error("spool cannot be read, trying again", "err", err)
				told = true
			}
			pause.Wait(ctx)
			continue
		}
		if told {
			o.log.Info("spool is read again")
			told = false
			pause.Reset()
		}
		if err := o.hand(ctx, &rec); err != nil {
			return err
		}
	}
}

// hand hands one record on, or declares what a damaged disk or a failed write took.
func (o *outlet) hand(ctx context.Context, rec *spool.Record) error {
	if rec.Lost {
		o.log.Warn("messages in the spool are lost: declared", "bytes", rec.End-rec.First)
		return o.lose(ctx, rec)
	}
	m, err := readKept(rec.Payload)
	if err != nil { // of a later version, or our own bug
		o.log.Error("a record of the spool is not understood: declared as lost", "lsn", rec.LSN, "err", err)
		return o.lose(ctx, rec)
	}
	o.events.received(m.Received)
	o.note(rec)
	place := batch.Place{Stream: o.stream, Epoch: rec.Epoch, Class: o.class, Day: o.events.day}
	m.Priority = syslog.PriorityOf(m.Raw)
	return o.ship.Add(ctx, place, rec.First, rec.End, o.events.event(place, rec.First, &m))
}

// lose declares what is missing.
func (o *outlet) lose(ctx context.Context, rec *spool.Record) error {
	o.note(rec)
	place := batch.Place{
		Stream: o.stream, Epoch: rec.Epoch, Class: o.class, Day: cmp.Or(o.events.day, time.Now().UTC().Format(time.DateOnly)),
	}
	return o.ship.Pass(ctx, place, batch.Dropped, rec.First, rec.End)
}

// note keeps in mind what is handed on, before it can be confirmed.
func (o *outlet) note(rec *spool.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.took[rec.Epoch] == nil {
		o.took[rec.Epoch] = &batchSpan{mark: rec.First}
	}
	o.sent = append(o.sent, handed{rec.Epoch, rec.End, rec.LSN})
	o.in, o.to = rec.Epoch, rec.End
}

// confirmed notes what the receiver has taken, and lets go of what is confirmed without a gap before it.
func (o *outlet) confirmed(s batch.Stream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	span := o.took[s.Epoch]
	if span == nil {
		return
	}
	for _, r := range s.Ranges {
		span.add(r)
	}
	done := 0
	for done < len(o.sent) && o.took[o.sent[done].epoch].mark >= o.sent[done].end {
		done++
	}
	if done == 0 {
		return
	}
	o.queue.Confirm(o.sent[done-1].lsn)
	epoch := o.sent[done-1].epoch
	o.sent = slices.Delete(o.sent, 0, done)
	for e := range o.took {
		if e != epoch && !slices.ContainsFunc(o.sent, func(h handed) bool { return h.epoch == e }) {
			delete(o.took, e)
		}
	}
}

// add takes a range in, and moves the mark. No more ranges are ahead than batches are under way.
func (s *batchSpan) add(r batch.Range) {
	s.ahead = append(s.ahead, r)
	for again := true; again; {
		again = false
		kept := s.ahead[:0]
		for _, r := range s.ahead {
			switch {
			case r.First > s.mark:
				kept = append(kept, r)
			case r.End > s.mark:
				s.mark, again = r.End, true
			}
		}
		s.ahead = kept
	}
}

// ends says how far the stream reaches, for a heartbeat: up to what was handed on. What waits behind that is not missing.
func (o *outlet) ends() (all []heartbeat.Stream) {
	places := o.queue.Reach()
	o.mu.Lock()
	in, to := o.in, o.to
	o.mu.Unlock()
	at := slices.IndexFunc(places, func(r spool.Reach) bool { return r.Epoch == in })
	for i, r := range places {
		if r.End == 0 {
			continue // it never had any
		}
		end := r.End // of an epoch that was left
		switch {
		case i == at:
			end = max(r.Cursor, min(to, r.End))
		case i > at:
			end = r.Cursor
		}
		all = append(all, heartbeat.Stream{
			ID: o.stream, Epoch: r.Epoch, Path: pathOf(o.name), End: end, Cursor: r.Cursor, Behind: r.End - end, Since: r.Since,
		})
	}
	return all
}
