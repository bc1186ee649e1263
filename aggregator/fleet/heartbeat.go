package fleet

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// Process looks for heartbeats among the events at a position of the index's log; positions come in order, and after a
// start from Cursor()+1 on. It keeps nothing of the events, and does not touch the disk.
func (f *Fleet) Process(position uint64, events []*event.Event) error {
	for _, e := range events {
		if heartbeat.Is(e) {
			f.heartbeat(e)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = max(f.at, position)
	return nil
}

// Cursor returns the position up to which everything that was learned is on the disk.
func (f *Fleet) Cursor() uint64 {
	if f.docs != nil { // what is not in a document yet, its sender or the index tells again
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.at
	}
	return f.db.cursor()
}

// heartbeat takes one heartbeat. Whose it is was set by who received it, and is not the sender's word.
func (f *Fleet) heartbeat(e *event.Event) {
	id, err := event.ParseKey(e.Get("agent.id"))
	if err != nil || id == f.db.self.Agent {
		f.unread.Inc() // not an agent's
		return
	}
	h, err := heartbeat.Of(e)
	if err != nil {
		f.unread.Inc()
		f.log.Warn("heartbeat cannot be read", "agent", id.String(), "name", e.Get("agent.name"), "err", err)
		return
	}
	at, err := heartbeat.ParseTime(e.Get("event.created"))
	if err != nil {
		at, _ = heartbeat.ParseTime(e.Get("@timestamp")) // the index has made it a time
	}
	f.heartbeats.Inc()
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	if a == nil {
		if len(f.agents) >= maxAgents || f.docs != nil { // who shares them has claimed the id before, or it was forgotten since
			return
		}
		a = newAgent(id, e.Get("agent.name"))
		f.add(a)
	}
	heard := a.Seen // its batch is noted in a moment
	if f.opened.After(heard) {
		heard = f.opened
	}
	came, err := heartbeat.ParseTime(e.Get("event.ingested"))
	if err == nil && f.docs != nil && came.Before(a.Heard) {
		return // another aggregator has heard a newer one
	}
	a.beat(h, e, at)
	a.Heard = came
	f.soon(id, shareBeats)
	f.dirty[id] = true
	for i := range h.Streams {
		k := streamKey{h.Streams[i].ID, h.Streams[i].Epoch}
		if s := f.stream(a, k); s != nil {
			s.beat(&h.Streams[i], at, heard)
		}
	}
}

func (a *agent) beat(h *heartbeat.Heartbeat, e *event.Event, at time.Time) {
	a.lose(h.Boot, h.Dropped, a.Beat, at)
	a.Beat = at
	if host := e.Get("host.name"); host != "" {
		a.Host = cut(host, maxText)
	}
	a.Version, a.Config, a.Expires, a.Spool = cut(e.Get("agent.version"), maxText), cut(h.Config, maxText), h.Expires, h.Spool
}

// Bounds of what an agent says of itself, in bytes: it is kept in memory, and spoken of.
const (
	maxPath = 4096 // PATH_MAX
	maxText = 255  // HOST_NAME_MAX is less
)

// cut shortens a text to so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// sameBeat is how far apart the heartbeats are that name the streams of one look: an agent with many sends several.
const sameBeat = heartbeat.Every / 3

// named reports whether the newest heartbeat of an agent names a stream. Newest is what came last: clocks are set back.
func (a *agent) named(s *stream) bool { return !s.Beat.IsZero() && a.Beat.Sub(s.Beat).Abs() < sameBeat }

// quiet is how long after its newest heartbeat an agent is told nothing any more.
const quiet = 20 * heartbeat.Every

// Acks yields, for each agent that is judged here and has sent a heartbeat lately, how far the streams are held that it names.
func (f *Fleet) Acks(l *ledger.Ledger, now time.Time) iter.Seq[heartbeat.Ack] {
	return func(yield func(heartbeat.Ack) bool) {
		for _, id := range f.judged() {
			ack, ok := f.ack(id, l, now)
			if ok && !yield(ack) {
				return
			}
		}
	}
}

// AcksOf is Acks for the agents of one certificate.
func (f *Fleet) AcksOf(name string, l *ledger.Ledger, now time.Time) iter.Seq[heartbeat.Ack] {
	return func(yield func(heartbeat.Ack) bool) {
		for _, a := range f.Agents(name) {
			if a.Name != name {
				continue // its host has that name
			}
			ack, ok := f.ack(a.ID, l, now)
			if ok && !yield(ack) {
				return
			}
		}
	}
}

func (f *Fleet) ack(id event.Key, l *ledger.Ledger, now time.Time) (ack heartbeat.Ack, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	if a == nil || a.Beat.IsZero() || now.Sub(a.Seen) > quiet {
		return ack, false
	}
	ack.Agent = id
	for k, s := range a.streams {
		if a.named(s) {
			ack.Streams = append(ack.Streams, heartbeat.Held{ID: k.id, Epoch: k.epoch, End: l.Mark(a.position(k))})
		}
	}
	slices.SortFunc(ack.Streams, func(x, y heartbeat.Held) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	return ack, len(ack.Streams) > 0
}

// judged returns the ids of the agents that are judged here, in order.
func (f *Fleet) judged() []event.Key {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]event.Key, 0, len(f.agents))
	for id, a := range f.agents {
		if f.judgesHost(a) {
			all = append(all, id)
		}
	}
	slices.SortFunc(all, func(x, y event.Key) int { return bytes.Compare(x[:], y[:]) })
	return all
}
