package fleet

import (
	"encoding/json"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// stream is what is known of one epoch of a stream.
type stream struct {
	Path   string    `json:"path,omitempty"`
	Queue  string    `json:"queue,omitempty"` // by which its newest batch came, if First is set
	Seen   uint64    `json:"seen"`            // the end of what its batches brought
	Said   uint64    `json:"said,omitempty"`  // the furthest end that a heartbeat or a final size names
	Known  bool      `json:"known,omitempty"`
	Final  bool      `json:"final,omitempty"` // it ends there
	Cursor uint64    `json:"cursor,omitempty"`
	Behind uint64    `json:"behind,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Beat   time.Time `json:"beat,omitzero"`  // when the newest heartbeat that names it was made
	First  time.Time `json:"first,omitzero"` // sealed, of the batch that came first
	Last   time.Time `json:"last,omitzero"`  // of the newest; of the heartbeat if there was none
	Came   time.Time `json:"came,omitzero"`  // when it was heard of last, by our clock: who has a wrong one must not expire
	Line   timeline  `json:"line,omitempty"`

	filed bool // it is as its document of what rests has it
}

// came notes the stream's part of a batch.
func (s *stream) came(b *batch.Stream, queue string, sealed, now time.Time) {
	s.Queue, s.Came = queue, now
	if s.First.IsZero() {
		s.First = sealed
	}
	if b.Final > 0 {
		s.Said, s.Final, s.Known = max(s.Said, b.Final), true, true
	}
	for _, r := range b.Ranges {
		if r.End <= s.Seen {
			continue
		}
		s.Line.add(s.Seen, r.First, s.Last, sealed)
		s.Seen = r.End
	}
	if sealed.After(s.Last) {
		s.Last = sealed
	}
}

// beat notes what a heartbeat says of it.
func (s *stream) beat(h *heartbeat.Stream, at, heard time.Time) {
	if heard.After(s.Came) {
		s.Came = heard
	}
	if h.Path != "" {
		s.Path = cut(h.Path, maxPath)
	}
	s.Known = true
	s.Said = max(s.Said, h.End)
	s.Final = s.Final || h.Final
	s.Cursor, s.Behind, s.Since, s.Beat = h.Cursor, h.Behind, h.Since, at
	if at.After(s.Last) && s.Seen == 0 {
		s.Last = at
	}
}

// stream returns a stream of an agent, which it makes if need be; nil if the agent has too many.
func (f *Fleet) stream(a *agent, k streamKey) *stream {
	s := a.streams[k]
	if s == nil {
		if s = f.newStream(a, k); s == nil {
			return nil
		}
		f.soon(a.id, shareStreams)
	}
	p := a.position(k)
	f.touched[p], f.stale[p], s.filed = struct{}{}, true, false
	return s
}

// newStream makes a stream of an agent; nil if the agent has too many.
func (f *Fleet) newStream(a *agent, k streamKey) *stream {
	if !f.room(a) {
		a.Over, f.dirty[a.id] = true, true
		if !f.full {
			f.full = true
			f.log.Error("there are more streams than are judged", "agent", a.id.String(), "name", a.Name, "of it", f.named[a.Name],
				"of all", f.streams)
		}
		return nil
	}
	f.counts(a, 1)
	s := new(stream)
	if k.id == event.HashKey("heartbeat", a.id.String()) { // no heartbeat names it; if they end, silence tells
		s.Path, s.Known = "(heartbeats)", true
	}
	a.streams[k] = s
	return s
}

// Name notes of which file a stream is, and on which host, as its events say. Heartbeats say it better, but not of a stream
// that was taken to its end before the first one.
func (f *Fleet) Name(p ledger.Position, path, host string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.name(p, path, host)
}

// name is Name for who holds the lock.
func (f *Fleet) name(p ledger.Position, path, host string) {
	a := f.agents[p.Agent]
	if a == nil {
		return
	}
	if a.Host == "" && host != "" {
		a.Host = cut(host, maxText)
		f.dirty[a.id] = true
	}
	k := streamKey{p.Stream, p.Epoch}
	if s := a.streams[k]; path != "" && (s == nil || s.Path == "") {
		if s = f.stream(a, k); s != nil && s.Path == "" { // heartbeats have a name from the beginning
			s.Path = cut(path, maxPath)
		}
	}
}

// point says that the bytes before an offset had been sealed at a time.
type point struct {
	Offset uint64    `json:"o"`
	At     time.Time `json:"t"`
}

// timeline remembers roughly when which bytes came. When it is full, every second point goes.
type timeline []point

const (
	maxPoints = 16
	pointGap  = time.Minute // between points that are not the edge of a hole
)

// add notes that bytes from first on were sealed at a time, and those before seen at the time last.
func (l *timeline) add(seen, first uint64, last, at time.Time) {
	n := len(*l)
	switch {
	case first > seen:
		if !last.IsZero() {
			*l = append(*l, point{seen, last})
		}
		*l = append(*l, point{first, at})
	case n == 0 || at.Sub((*l)[n-1].At) >= pointGap:
		*l = append(*l, point{seen, at})
	}
	if len(*l) > maxPoints {
		kept := (*l)[:0]
		for i, p := range *l {
			if i%2 == 0 || i >= len(*l)-2 {
				kept = append(kept, p)
			}
		}
		*l = kept
	}
}

// between returns when the last byte before first and the first byte from end on were sealed, as far as that is known.
func (s *stream) between(first, end uint64) (from, until time.Time) {
	for _, p := range s.Line {
		if p.Offset <= first && p.Offset > 0 && p.At.After(from) {
			from = p.At
		}
		if p.Offset >= end && until.IsZero() {
			until = p.At
		}
	}
	if s.Seen > 0 && s.Seen <= first {
		from = s.Last
	}
	if until.IsZero() && s.Seen > end {
		until = s.Last
	}
	return from, until
}

// Stream is what is known of one epoch of a stream.
type Stream struct {
	Pos   ledger.Position
	Name  string // of the certificate
	Host  string // as the agent calls it, if Name speaks for that; else Name
	Path  string // of the file, its last name; "" if no heartbeat has named it
	Seen  uint64 // the end of what its batches brought
	End   uint64 // the furthest end that is known, by batches, heartbeats or the final size
	Known bool   // somebody has said where it ends so far
	Final bool   // it ends there for good
	First time.Time
	Last  time.Time
	Fresh bool // it was heard of within the retention
	Ours  bool // it is judged here; else by another aggregator

	Taken uint64        // what is behind that its agent still has, as it says; MaxUint64 if it does not say so
	Beat  time.Time     // when the newest heartbeat that names it was made, no later than its queue has got
	Now   time.Time     // the time of the data in its queue, or in the slowest by which it may come; zero: it is not judged
	Back  time.Time     // by our clock, when the queue last went on after a pause
	Wait  time.Duration // by our clock, how long a hole is to be waited for at least

	stream *stream
}

// Between returns when the last byte before first and the first byte from end on were sealed, as far as that is known.
func (s *Stream) Between(first, end uint64) (from, until time.Time) {
	return s.stream.between(first, end)
}

// Stream returns what is known of a position at a time; ok is false if that is nothing.
func (f *Fleet) Stream(p ledger.Position, now time.Time) (st Stream, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[p.Agent]
	if a == nil {
		return st, false
	}
	s := a.streams[streamKey{p.Stream, p.Epoch}]
	if s == nil {
		return st, false
	}
	return f.describe(a, p, s, now), true
}

func (f *Fleet) describe(a *agent, p ledger.Position, s *stream, now time.Time) Stream {
	copied := *s
	copied.Line = append(timeline(nil), s.Line...)
	pace, beat := f.paceOf(a, s, now), earlier(s.Beat, now)
	if home := f.home(a); home != nil { // a clock that is ahead must not make it wait
		beat = earlier(beat, f.dataTime(home.Name, now))
	}
	return Stream{
		Pos: p, Name: a.Name, Host: a.shown(), Path: s.Path, Seen: s.Seen, End: max(s.Seen, s.Said), Known: s.Known,
		Final: s.Final, First: s.First, Last: s.Last, Now: pace.now, Back: pace.back, Wait: pace.wait,
		Beat: beat, Taken: f.taken(a, s, now), Fresh: now.Sub(s.Came) <= f.cfg.Retention, Ours: f.judgesStream(a, s), stream: &copied,
	}
}

// Streams returns all that is known of an agent's streams.
func (f *Fleet) Streams(id event.Key, now time.Time) []Stream {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	if a == nil {
		return nil
	}
	all := make([]Stream, 0, len(a.streams))
	for k, s := range a.streams {
		all = append(all, f.describe(a, a.position(k), s, now))
	}
	return all
}

func (s *stream) put(p ledger.Position) Put {
	text, _ := json.Marshal(s) // of strings, numbers and times: it cannot fail
	return Put{bucketStreams, PositionKey(p), text}
}
