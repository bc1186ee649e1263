package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// agent is what is known of one agent id. What has a JSON name is kept in the file.
type agent struct {
	id      event.Key
	streams map[streamKey]*stream

	Name   string    `json:"name"` // the certificate's that may speak for it
	Host   string    `json:"host,omitempty"`
	Lanes  []lane    `json:"lanes,omitempty"`  // in the order in which they were heard first
	Seen   time.Time `json:"seen,omitzero"`    // when a batch of it came, by our clock
	Sealed time.Time `json:"sealed,omitzero"`  // newest, by its clock, but no later than it came
	Silent time.Time `json:"silent,omitzero"`  // when that was told; zero: it is not silent
	Turned time.Time `json:"turned,omitzero"`  // when Silent has changed last
	Boots  []boot    `json:"boots,omitempty"`  // the newest ones
	Clones []clones  `json:"clones,omitempty"` // that were told

	Over bool `json:"over,omitempty"` // it has streams that are not judged, for it has too many

	Beat    time.Time `json:"beat,omitzero"`  // when its newest heartbeat was made
	Heard   time.Time `json:"heard,omitzero"` // and when that came, by the clock of the aggregator that took it
	Version string    `json:"version,omitempty"`
	Config  string    `json:"config,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Spool   uint64    `json:"spool,omitempty"`
	Lost    []lost    `json:"lost,omitempty"`    // messages, of the boots that were heard of last
	Earlier uint64    `json:"earlier,omitempty"` // likewise of those before
	Told    uint64    `json:"told,omitempty"`    // of all these, as was said

	lossSince, lossUntil time.Time // heartbeats between which messages were lost that were not told yet

	// Of files that are older than Lost and Lanes.
	Boot    event.Key `json:"boot,omitzero"`
	Dropped uint64    `json:"dropped,omitempty"`
	Queue   string    `json:"queue,omitempty"`
}

// streamKey names a stream's epoch within an agent.
type streamKey struct {
	id    event.Key
	epoch uint64
}

func newAgent(id event.Key, name string) *agent {
	return &agent{id: id, Name: name, streams: make(map[streamKey]*stream)}
}

func (a *agent) position(k streamKey) ledger.Position {
	return ledger.Position{Agent: a.id, Stream: k.id, Epoch: k.epoch}
}

// shown is the name under which a host is spoken of: its own if its certificate speaks for it, else the certificate's.
func (a *agent) shown() string {
	if slices.Contains(names(a.Name), a.Host) {
		return a.Host
	}
	return a.Name
}

func (a *agent) put() Put {
	text, _ := json.Marshal(a) // of strings, numbers and times within four digits of a year: it cannot fail
	return Put{bucketAgents, append([]byte(nil), a.id[:]...), text}
}

// boot is one start of an agent's process, as its batches show it.
type boot struct {
	ID    event.Key `json:"id"`
	First time.Time `json:"first"` // sealed, of the batch that came first
	Last  time.Time `json:"last"`  // newest sealed
	// Over has the boots that had begun when this one sealed a batch, later than their first one.
	Over []event.Key `json:"over,omitempty"`
}

// clones is two boots of one id that have both spoken after the other began.
type clones struct {
	A event.Key `json:"a"`
	B event.Key `json:"b"`
}

const (
	maxBoots = 8
	// tolerance is what a clock may be set back between two starts of one process.
	tolerance = 30 * time.Second
	// cloneFresh is how long two boots count as a clone after both have spoken.
	cloneFresh = 10 * time.Minute
)

// spoke notes that a boot has sealed a batch, and returns with which other boots it is a clone: each has sealed later
// than the other's first batch, after that had come.
func (a *agent) spoke(id event.Key, sealed time.Time) (with []event.Key) {
	if id.IsZero() {
		return nil
	}
	own := -1
	for i := range a.Boots {
		if a.Boots[i].ID == id {
			own = i
		}
	}
	if own < 0 {
		if len(a.Boots) == maxBoots {
			a.Boots = append(a.Boots[:0], a.Boots[1:]...)
		}
		a.Boots = append(a.Boots, boot{ID: id, First: sealed, Last: sealed})
		own = len(a.Boots) - 1
	}
	b := &a.Boots[own]
	if sealed.After(b.Last) {
		b.Last = sealed
	}
	for i := range a.Boots {
		o := &a.Boots[i]
		if i == own || !sealed.After(o.First.Add(tolerance)) {
			continue
		}
		if !slices.Contains(b.Over, o.ID) {
			b.Over = append(b.Over, o.ID)
		}
		if slices.Contains(o.Over, id) && a.tell(id, o.ID) {
			with = append(with, o.ID)
		}
	}
	return with
}

// tell reports whether a pair was not told yet, and notes that it is.
func (a *agent) tell(x, y event.Key) bool {
	for _, c := range a.Clones {
		if c.A == x && c.B == y || c.A == y && c.B == x {
			return false
		}
	}
	if len(a.Clones) == maxBoots*maxBoots {
		a.Clones = append(a.Clones[:0], a.Clones[1:]...)
	}
	a.Clones = append(a.Clones, clones{x, y})
	return true
}

// cloned reports whether two boots that were told as a clone both speak still.
func (a *agent) cloned() bool {
	last := func(id event.Key) (t time.Time) {
		for _, b := range a.Boots {
			if b.ID == id {
				t = b.Last
			}
		}
		return t
	}
	for _, c := range a.Clones {
		if x, y := last(c.A), last(c.B); a.Sealed.Sub(x) < cloneFresh && a.Sealed.Sub(y) < cloneFresh {
			return true
		}
	}
	return false
}

// Batch notes an agent's batch that has become durable, in the index or among the dead letters: from whom it came, in which queue, and when. It is to be called
// for each of them, and not for what an aggregator made of foreign events.
func (f *Fleet) Batch(m *batch.Manifest, name, queueName string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[m.Agent]
	if a == nil {
		if len(f.agents) >= maxAgents {
			return
		}
		a = newAgent(m.Agent, name)
		f.add(a)
	}
	sealed := m.Sealed
	if sealed.IsZero() || sealed.After(now) { // a clock that is ahead must not make the others silent
		sealed = now
	}
	f.dirty[a.id] = true
	a.Seen = now
	a.speaks(m.Lane, queueName, now)
	f.soon(a.id, shareBatches)
	if sealed.After(a.Sealed) {
		a.Sealed = sealed
	}
	f.queue(queueName).came(sealed, now, f.cfg.SilenceAfter/pauses)
	for _, other := range a.spoke(m.Boot, sealed) {
		f.sayClone(a, m.Boot, other, now)
	}
	for i := range m.Streams {
		s := &m.Streams[i]
		if st := f.stream(a, streamKey{s.ID, s.Epoch}); st != nil {
			st.came(s, queueName, sealed, now)
		}
	}
}

func (f *Fleet) sayClone(a *agent, x, y event.Key, now time.Time) {
	f.clones.Inc()
	f.log.Error("one agent id speaks from two boots at once", "agent", a.id.String(), "name", a.Name)
	e := Say(now, "belfry.clone", "clone-seen", fmt.Sprintf("%s: two processes speak as agent %s at once: "+
		"is this a copy of the machine? The boots are %s and %s", a.shown(), a.id, x, y))
	e.Set("host.name", a.shown())
	e.Set("belfry.clone.agent", a.id.String())
	e.Set("agent.name", a.Name)
	e.Set("belfry.clone.boots", strings.Join([]string{x.String(), y.String()}, " "))
	pair := []string{x.String(), y.String()}
	slices.Sort(pair)
	f.says = append(f.says, word{
		event: e, key: append([]string{"clone-seen", a.id.String()}, pair...),
		agents: map[event.Key]*agent{a.id: {Name: a.Name, Clones: []clones{{x, y}}}},
	})
}
