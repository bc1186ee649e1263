package fleet

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// saveEvery is how soon what was learned is on the disk.
const saveEvery = 3 * time.Second

// saveStreams is how many streams are written in one transaction, and described while nobody else can speak.
const saveStreams = 2000

// Save writes what has changed.
func (f *Fleet) Save(now time.Time) error {
	if f.docs != nil {
		return nil // see Publish
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	cursor := f.settled
	if now.Sub(f.since) >= saveEvery {
		f.settled, f.since = f.at, now
	}
	if len(f.dirty)+len(f.stale)+len(f.says) == 0 && cursor == f.db.cursor() {
		f.saved = now
		f.mu.Unlock()
		return nil
	}
	puts, err := f.changes()
	says, dirty, stale := f.says, f.dirty, f.stale
	f.says, f.dirty, f.stale = nil, make(map[event.Key]bool), make(map[ledger.Position]bool)
	f.saved = now
	f.mu.Unlock()
	if err == nil {
		if err = f.db.Write(puts, events(says)); err == nil {
			says = nil
			err = f.saveStreams(stale)
		}
	}
	if err == nil { // now all is there that was learned up to it
		err = f.db.Write([]Put{{bucketState, []byte("cursor"), binary.BigEndian.AppendUint64(nil, cursor)}}, nil)
	}
	if err == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.says = append(says, f.says...)
	maps.Copy(f.dirty, dirty)
	maps.Copy(f.stale, stale)
	return err
}

func (f *Fleet) saveStreams(all map[ledger.Position]bool) error {
	for part := range slices.Chunk(slices.Collect(maps.Keys(all)), saveStreams) {
		var puts []Put
		f.mu.Lock()
		for _, p := range part {
			if a := f.agents[p.Agent]; a != nil && a.streams[streamKey{p.Stream, p.Epoch}] != nil {
				puts = append(puts, a.streams[streamKey{p.Stream, p.Epoch}].put(p))
			}
		}
		f.mu.Unlock()
		if err := f.db.Write(puts, nil); err != nil {
			return err
		}
	}
	return nil
}

// changes returns what is to be written but for streams. The caller holds mu.
func (f *Fleet) changes() (puts []Put, err error) {
	for id := range f.dirty {
		if a := f.agents[id]; a != nil {
			puts = append(puts, a.put())
		}
	}
	for name, q := range f.queues {
		text, err := json.Marshal(q)
		if err != nil {
			return nil, fmt.Errorf("write queue %s: %w", name, err)
		}
		puts = append(puts, Put{bucketQueues, []byte("q" + name), text}) // a key must not be empty
	}
	for name, x := range f.expected {
		if len(f.says) == 0 {
			break // nothing was told of them
		}
		puts = append(puts, x.put(name))
	}
	return puts, nil
}

func (f *Fleet) load() error {
	err := f.db.Each(bucketAgents, func(k, v []byte) error {
		if len(k) != 16 {
			return fmt.Errorf("agent %x: not an id", k)
		}
		a := newAgent(event.Key(k), "")
		if err := json.Unmarshal(v, a); err != nil {
			return fmt.Errorf("agent %s: %w", a.id, err)
		}
		if a.Dropped > 0 {
			a.lose(a.Boot, a.Dropped, time.Time{}, a.Beat)
		}
		if len(a.Lanes) == 0 && !a.Seen.IsZero() {
			a.speaks(0, a.Queue, a.Seen)
		}
		a.Boot, a.Dropped, a.Queue = event.Key{}, 0, ""
		f.add(a)
		return nil
	})
	if err != nil {
		return err
	}
	err = f.db.Each(bucketStreams, func(k, v []byte) error {
		p, err := ParsePosition(k)
		if err != nil {
			return err
		}
		s := new(stream)
		if err := json.Unmarshal(v, s); err != nil {
			return fmt.Errorf("stream %s of agent %s: %w", p.Stream, p.Agent, err)
		}
		if a := f.agents[p.Agent]; a != nil {
			a.streams[streamKey{p.Stream, p.Epoch}] = s
			f.counts(a, 1)
			f.touched[p] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = f.db.Each(bucketQueues, func(k, v []byte) error {
		q := new(queue)
		if err := json.Unmarshal(v, q); err != nil {
			return fmt.Errorf("queue %q: %w", k, err)
		}
		f.queues[q.Name] = q
		return nil
	})
	if err != nil {
		return err
	}
	return f.db.Each(bucketExpected, func(k, v []byte) error {
		x := new(expectation)
		if err := json.Unmarshal(v, x); err != nil {
			return fmt.Errorf("expected host %q: %w", k, err)
		}
		f.expected[string(k)] = x
		return nil
	})
}

// Adopt makes the streams known that are in the ledger and whose batch came in the seconds before a kill, so that they
// are judged as well. It returns how many there were. It is to be called once, after Open. Agents that are not in the
// fleet are left out: they are the aggregators' own, or were forgotten.
func (f *Fleet) Adopt(l *ledger.Ledger, now time.Time) (streams int) {
	return f.AdoptSome(l.Positions(), l, now)
}

// AdoptSome is Adopt for some positions. It may be called at any time.
func (f *Fleet) AdoptSome(all []ledger.Position, l *ledger.Ledger, now time.Time) (streams int) {
	for _, p := range all {
		f.mu.Lock()
		a := f.agents[p.Agent]
		known := a == nil || a.streams[streamKey{p.Stream, p.Epoch}] != nil
		f.mu.Unlock()
		if known || f.db.has(bucketForgotten, PositionKey(p)) {
			continue
		}
		var end uint64
		for _, r := range l.Ranges(p) {
			end = r.End
		}
		f.mu.Lock()
		if s := f.stream(a, streamKey{p.Stream, p.Epoch}); s != nil {
			streams++
			s.Came, s.Seen = now, max(s.Seen, end)
			if f.docs == nil { // else somebody knows more of it
				s.Last = now
				f.unnamed(p)
			}
		}
		f.mu.Unlock()
	}
	return streams
}

// unnamed notes a position that was adopted. The caller holds mu.
func (f *Fleet) unnamed(p ledger.Position) {
	if f.adopted[p.Agent] == nil {
		f.adopted[p.Agent] = make(map[ledger.Position]bool)
	}
	f.adopted[p.Agent][p] = true
}

// Recognize names the streams that were adopted, by the events at a position of the index's log: it finds out of which
// stream an event with a file's name is by its id. It is to be shown the log from Cursor()+1 on, after Adopt.
func (f *Fleet) Recognize(_ uint64, events []*event.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		path := e.Get("log.file.path")
		if path == "" || len(f.adopted) == 0 {
			continue
		}
		agent, _ := event.ParseKey(e.Get("agent.id")) // else there is none adopted of it
		offset, err := strconv.ParseUint(e.Get("log.offset"), 10, 64)
		if err != nil || len(f.adopted[agent]) == 0 {
			continue
		}
		id := e.Get("event.id")
		for p := range f.adopted[agent] {
			if event.ID(p.Agent, p.Stream, p.Epoch, offset).String() == id {
				f.name(p, path, e.Get("host.name"))
				delete(f.adopted[agent], p)
				break
			}
		}
	}
	return nil
}

// Prune forgets the streams that have said nothing for twice the retention: until then an audit tells that they are
// expired.
func (f *Fleet) Prune(now time.Time) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	var puts []Put
	var gone []ledger.Position
	for _, a := range f.agents {
		for k, s := range a.streams {
			if p := a.position(k); now.Sub(s.Came) > 2*f.cfg.Retention {
				gone = append(gone, p)
				puts = append(puts, Put{bucketStreams, PositionKey(p), nil}, Put{bucketForgotten, PositionKey(p), []byte{}})
			}
		}
	}
	if err := f.db.Write(puts, nil); err != nil {
		return err
	}
	for _, p := range gone {
		delete(f.agents[p.Agent].streams, streamKey{p.Stream, p.Epoch})
		delete(f.stale, p)
		f.counts(f.agents[p.Agent], -1)
	}
	for _, a := range f.agents {
		if a.Over && f.room(a) { // what speaks from now on is judged
			a.Over, f.dirty[a.id] = false, true
		}
	}
	return nil
}
