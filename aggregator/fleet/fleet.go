// Package fleet knows who ships, and how far each stream is said to reach.
//
// It learns from the manifests of the batches that have become durable (Batch) and from the heartbeats among the events
// (Process). Of that it tells who is silent, whose id is used twice, and up to where an agent's streams are held. What
// has arrived is the ledger's knowledge, not this package's; package audit compares the two.
//
// Who an agent id belongs to (Claim) is on the disk before Claim returns. All else is exact in memory, and written every
// few seconds: after a kill the heartbeats are read again from Cursor on, and a batch that was missed shows by its
// stream's next one, by a heartbeat, or by Adopt.
//
// Silence is judged in the time of the data, not by the clock: a queue's time is the newest moment at which an agent in
// it has sealed a batch. So a queue that stands still makes nobody silent. A queue in which nobody speaks is judged by
// the clock, and is one complaint.
//
// An agent that relays speaks by several queues, a lane each. Its heartbeats come by that of lane 0, and where they are
// due it is missed; another lane may have nothing to say. A stream is judged in the time of the queue that it came by. One
// of which nothing has come is judged by the slowest of those by which it may: a lane that is behind makes no gaps.
//
// A Fleet is safe for concurrent use. It starts no goroutine: Tick is to be called about once a second.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

// Config says where the fleet is kept and what it judges by. Zero fields take defaults.
type Config struct {
	Path         string        // of the file; no default
	Self         event.Key     // the agent of what the aggregator says of itself
	SilenceAfter time.Duration // of its queue's time, until a host counts as silent; default 5 minutes
	Retention    time.Duration // how long a stream that says nothing any more is judged; default 90 days
}

// Bounds of what is remembered, so that nobody fills the memory with names.
const (
	maxIDs     = 1000    // agent ids of one certificate name
	maxAgents  = 100_000 // agent ids
	maxStreams = 50_000  // streams of one certificate name, of all its ids

	maxAllStreams = 2_000_000 // streams of all
)

// ErrTaken says that an agent id belongs to somebody else.
var ErrTaken = errors.New("agent id belongs to another name")

// ErrTooMany says that a name has claimed more ids than a host ever has.
var ErrTooMany = errors.New("too many agent ids")

// Fleet is all agents that have spoken, and those that are expected to.
type Fleet struct {
	cfg    Config
	db     *DB
	log    *slog.Logger
	opened time.Time

	writing sync.Mutex // of what changes the file; taken before mu, so that nobody waits with mu for the disk

	mu       sync.Mutex
	agents   map[event.Key]*agent
	ids      map[string]int // agents of a name
	streams  int            // of all agents
	named    map[string]int // streams, by name of their agent
	queues   map[string]*queue
	expected map[string]*expectation
	adopted  map[event.Key]map[ledger.Position]bool // of each agent; not named yet
	touched  map[ledger.Position]struct{}           // changed since Touched was asked
	dirty    map[event.Key]bool                     // agents whose record is to be written
	stale    map[ledger.Position]bool               // likewise of streams
	says     []word                                 // to be written with what made them
	at       uint64                                 // position of the newest events that were looked at
	settled  uint64                                 // at, some seconds ago: the batches up to there were noted too
	since    time.Time                              // when settled was at
	saved    time.Time
	full     bool // the bound of streams was told

	documents // where several aggregators share them

	heartbeats, unread, clones *metrics.Counter
}

// Open opens the fleet at cfg.Path, or makes a new one. Set may be nil.
func Open(cfg Config, now time.Time, log *slog.Logger, set *metrics.Set) (*Fleet, error) {
	if set == nil {
		set = metrics.NewSet()
	}
	cfg.SilenceAfter = cmp.Or(cfg.SilenceAfter, 5*time.Minute)
	cfg.Retention = cmp.Or(cfg.Retention, 90*24*time.Hour)
	db, err := openDB(cfg.Path, cfg.Self)
	if err != nil {
		return nil, err
	}
	f := &Fleet{
		cfg: cfg, db: db, log: log, opened: now, saved: now, since: now, at: db.cursor(), settled: db.cursor(),
		agents: make(map[event.Key]*agent), ids: make(map[string]int), named: make(map[string]int), queues: make(map[string]*queue),
		expected: make(map[string]*expectation), adopted: make(map[event.Key]map[ledger.Position]bool), touched: make(map[ledger.Position]struct{}),
		dirty: make(map[event.Key]bool), stale: make(map[ledger.Position]bool),
		heartbeats: set.NewCounter("belfry_fleet_heartbeats_total"),
		unread:     set.NewCounter("belfry_fleet_heartbeat_faults_total"),
		clones:     set.NewCounter("belfry_fleet_clones_total"),
	}
	if err := f.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", cfg.Path, err), db.Close())
	}
	set.NewGauge("belfry_fleet_hosts", func() float64 { return float64(f.count("")) })
	set.NewGauge("belfry_fleet_certificates_expiring", func() float64 { return float64(f.expiring(time.Now())) })
	set.NewGauge("belfry_fleet_hosts_silent", func() float64 { return float64(f.count(Silent)) })
	return f, nil
}

// DB returns the file, for what belongs into the same transactions.
func (f *Fleet) DB() *DB { return f.db }

// Retention returns how long a stream that says nothing any more is judged.
func (f *Fleet) Retention() time.Duration { return f.cfg.Retention }

// Probe returns when the fleet is free: be the servers of its documents away, it is.
func (f *Fleet) Probe() {
	f.mu.Lock()
	defer f.mu.Unlock()
}

// Close writes what is not written yet, and closes the file.
func (f *Fleet) Close() error {
	f.mu.Lock()
	f.settled = f.at
	f.mu.Unlock()
	return errors.Join(f.Save(time.Now()), f.db.Close())
}

// Claim notes that an agent id belongs to a certificate's name, on the disk, if it belongs to nobody yet. If it is
// another's the error is an ErrTaken that names both.
func (f *Fleet) Claim(ctx context.Context, id event.Key, name string) error {
	if known, err := f.claimed(id, name); known || err != nil {
		return err
	}
	if f.docs != nil {
		return f.claimShared(ctx, id, name)
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	if known, err := f.claimed(id, name); known || err != nil {
		return err
	}
	a := newAgent(id, name)
	if err := f.db.Write([]Put{a.put()}, nil); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.agents[id] == nil {
		f.add(a)
	}
	return nil
}

// claimed reports whether an id is a name's already; the error says why it cannot be.
func (f *Fleet) claimed(id event.Key, name string) (known bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	switch {
	case a != nil && a.Name == name:
		return true, nil
	case a != nil:
		return false, fmt.Errorf("%w: %s is the id of %q, and %q speaks for it (belfry hosts forget frees it)", ErrTaken, id, a.Name, name)
	case f.ids[name] >= maxIDs || len(f.agents) >= maxAgents:
		return false, fmt.Errorf("%w: %q would be one more, and has %d of %d", ErrTooMany, name, f.ids[name], len(f.agents))
	}
	return false, nil
}

func (f *Fleet) add(a *agent) {
	f.agents[a.id] = a
	f.ids[a.Name]++
}

// counts notes that an agent has more streams, or fewer.
func (f *Fleet) counts(a *agent, more int) {
	f.streams += more
	if f.named[a.Name] += more; f.named[a.Name] == 0 {
		delete(f.named, a.Name)
	}
}

// room reports whether an agent may have one more stream: nobody may leave none for others.
func (f *Fleet) room(a *agent) bool { return f.named[a.Name] < maxStreams && f.streams < maxAllStreams }

// Owner returns the name that an agent id belongs to.
func (f *Fleet) Owner(id event.Key) (name string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.agents[id]; a != nil {
		return a.Name, true
	}
	return "", false
}

// Forget takes a host out, by the name in its certificate or the host that this names: its ids may be claimed by another name, its streams are judged no more, and it is not
// expected any more. It returns the number of ids and whether the name was known at all.
func (f *Fleet) Forget(ctx context.Context, name string, now time.Time) (ids int, known bool, err error) {
	if f.docs != nil {
		return f.forgetShared(ctx, name, now)
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	var puts []Put
	if _, known = f.expected[name]; known {
		puts = append(puts, Put{bucketExpected, []byte(name), nil})
	}
	var gone []*agent
	for _, a := range f.agents {
		if a.Name == name || slices.Contains(names(a.Name), name) {
			gone = append(gone, a)
			puts = append(puts, Put{bucketAgents, a.id[:], nil})
			for k := range a.streams {
				key := PositionKey(a.position(k))
				puts = append(puts, Put{bucketStreams, key, nil}, Put{bucketForgotten, key, []byte{}})
			}
		}
	}
	if len(gone) == 0 && !known {
		return 0, false, nil
	}
	said := Say(now, "belfry.silence", "host-forgotten", fmt.Sprintf("%s is not a host of this fleet any more", name))
	said.Set("host.name", name)
	if err := f.db.Write(puts, []*event.Event{said}); err != nil {
		return 0, true, err
	}
	delete(f.expected, name)
	for _, a := range gone {
		f.drop(a)
	}
	return len(gone), true, nil
}

// TouchAll makes Touched return every position.
func (f *Fleet) TouchAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.touchAll()
}

func (f *Fleet) touchAll() {
	for _, a := range f.agents {
		for k := range a.streams {
			f.touched[a.position(k)] = struct{}{}
		}
	}
}

// Touched returns the positions that have changed since it was asked before.
func (f *Fleet) Touched() []ledger.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]ledger.Position, 0, len(f.touched))
	for p := range f.touched {
		all = append(all, p)
	}
	clear(f.touched)
	return all
}
