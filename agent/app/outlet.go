package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/agent/ship"
	"belfry/agent/spool"
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

	places []spool.Reach // of run: the epochs that are still to come, that of the last record first
	at     uint64        // of run: up to where that one was handed on, or declared

	put, synced atomic.Uint64 // the last record that was put, and the last that is known to be on the disk

	mu   sync.Mutex
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
	o.places = o.queue.Reach()
	o.at = o.places[0].Cursor
	for {
		rec, err := o.queue.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := o.hand(ctx, &rec); err != nil {
			return err
		}
	}
}

// hand hands one record on, and what is missing before it: what a damaged disk or a failed write took.
func (o *outlet) hand(ctx context.Context, rec *spool.Record) error {
	if err := o.enter(ctx, rec.Epoch); err != nil {
		return err
	}
	m, err := readKept(rec.Payload)
	if err == nil {
		o.events.received(m.Received)
	}
	if err != nil { // of a later version, or our own bug
		o.log.Error("a record of the spool is not understood: declared as lost", "lsn", rec.LSN, "err", err)
		o.note(rec)
		return o.lose(ctx, rec.Epoch, rec.End)
	}
	if err := o.lose(ctx, rec.Epoch, rec.First); err != nil {
		return err
	}
	o.at = rec.End
	o.note(rec)
	place := batch.Place{Stream: o.stream, Epoch: rec.Epoch, Class: o.class, Day: o.events.day}
	m.Priority = syslog.PriorityOf(m.Raw)
	return o.ship.Add(ctx, place, rec.First, rec.End, o.events.event(place, rec.First, &m))
}

// enter goes on to the epoch of the next record. What is left of those before it is lost.
func (o *outlet) enter(ctx context.Context, epoch uint64) error {
	for len(o.places) > 0 && o.places[0].Epoch != epoch {
		if err := o.lose(ctx, o.places[0].Epoch, o.places[0].End); err != nil {
			return err
		}
		o.places = o.places[1:]
		if o.at = 0; len(o.places) > 0 {
			o.at = o.places[0].Cursor
		}
	}
	if len(o.places) == 0 {
		o.places = []spool.Reach{{Epoch: epoch}}
	}
	return nil
}

// lose declares what is missing of an epoch before a place.
func (o *outlet) lose(ctx context.Context, epoch, to uint64) error {
	if to <= o.at {
		return nil
	}
	o.log.Warn("messages in the spool are lost: declared", "bytes", to-o.at)
	place := batch.Place{Stream: o.stream, Epoch: epoch, Class: o.class, Day: cmp.Or(o.events.day, time.Now().UTC().Format(time.DateOnly))}
	from := o.at
	o.at = to
	return o.ship.Pass(ctx, place, batch.Dropped, from, to)
}

// note keeps in mind what is handed on, before it can be confirmed.
func (o *outlet) note(rec *spool.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.took[rec.Epoch] == nil {
		o.took[rec.Epoch] = &batchSpan{mark: rec.First}
	}
	o.sent = append(o.sent, handed{rec.Epoch, rec.End, rec.LSN})
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
	o.sent = append(o.sent[:0], o.sent[done:]...)
	for e := range o.took {
		if e != epoch && (len(o.sent) == 0 || o.sent[0].epoch != e) && !o.waits(e) {
			delete(o.took, e)
		}
	}
}

// waits reports whether something of an epoch is not confirmed.
func (o *outlet) waits(epoch uint64) bool {
	for _, h := range o.sent {
		if h.epoch == epoch {
			return true
		}
	}
	return false
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

// ends says how far the stream reaches, for a heartbeat.
func (o *outlet) ends() (all []heartbeat.Stream) {
	for _, r := range o.queue.Reach() {
		if r.End == 0 {
			continue // it never had any
		}
		all = append(all, heartbeat.Stream{
			ID: o.stream, Epoch: r.Epoch, Path: pathOf(o.name), End: r.End, Cursor: r.Cursor, Since: r.Since,
		})
	}
	return all
}
