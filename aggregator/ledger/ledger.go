// Package ledger knows which bytes of which streams have arrived, and what became of them.
//
// For each epoch of each stream it keeps a mark, below which every byte is accounted for, and a bounded list of
// ranges beside it: what arrived ahead of a hole, and what below the mark is not data. A batch that was refused
// arrives after its successors, so a mark alone would lose it.
//
// Ranges only grow, and the order in which they are added does not matter: where two overlap, the stronger kind wins,
// data over dead over dropped over skipped. Only data makes a repeat: what was given up, passed over or put among the
// dead letters is taken in when it comes after all. One thing is forgotten: where the list would get too long,
// skipped ranges below the mark count as data, for a rule that skips every other line must not fill it.
//
// A Ledger is safe for concurrent use.
package ledger

import (
	"errors"
	"fmt"
	"sync"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// MaxRanges bounds the ranges that are kept beside the mark of one epoch of a stream.
const MaxRanges = 1024

// ErrFull says that a range would be one too many: the holes before it must be filled first.
var ErrFull = errors.New("ledger: too many ranges ahead of a hole")

// Position names an epoch of a stream of an agent: the place that an offset counts in.
type Position struct {
	Agent, Stream event.Key
	Epoch         uint64
}

// Ledger holds the ranges of every position. The zero value is not ready: use New.
type Ledger struct {
	mu     sync.RWMutex
	states map[Position]state
}

// New returns an empty ledger.
func New() *Ledger { return &Ledger{states: make(map[Position]state)} }

// Held reports whether the byte at offset is data that has arrived. It costs a binary search.
func (l *Ledger) Held(p Position, offset uint64) bool { return l.get(p).held(offset) }

// Add notes that the bytes [first, end) are of a kind. It returns ErrFull, and changes nothing, where that would keep
// more than MaxRanges.
func (l *Ledger) Add(p Position, kind batch.Kind, first, end uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.states[p].add(kind, first, end, MaxRanges)
	if err != nil {
		return err
	}
	l.states[p] = s
	return nil
}

func (l *Ledger) get(p Position) state {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.states[p]
}

func (l *Ledger) put(states map[Position]state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, s := range states {
		l.states[p] = s
	}
}

// Len returns the number of positions.
func (l *Ledger) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.states)
}

// Ranges returns what is known of a position, in order, without overlap, neighbours of one kind as one.
func (l *Ledger) Ranges(p Position) []batch.Range { return l.get(p).list() }

// Mark returns the offset below which every byte of a position is accounted for, of whatever kind.
func (l *Ledger) Mark(p Position) uint64 { return l.get(p).mark }

// Each calls fn for every position with its ranges, in no order. The ranges are fn's to keep. The ledger may change
// meanwhile: each position is told as it was at one moment, not all at the same.
func (l *Ledger) Each(fn func(p Position, ranges []batch.Range)) {
	for _, e := range l.entries() {
		fn(e.Position, e.list())
	}
}

// Positions returns every position, in no order.
func (l *Ledger) Positions() []Position {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := make([]Position, 0, len(l.states))
	for p := range l.states {
		all = append(all, p)
	}
	return all
}

type entry struct {
	Position
	state
}

func (l *Ledger) entries() []entry {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := make([]entry, 0, len(l.states))
	for p, s := range l.states {
		all = append(all, entry{p, s})
	}
	return all
}

// Change is a set of additions that is not part of the ledger yet: they are seen through the Change alone, and Commit
// makes them the ledger's. So a ledger never claims what is not on disk. Whoever began a Change and drops it without
// Commit has changed nothing. It is not safe for concurrent use, and nothing else may be added to what it was begun
// from between Begin and Commit.
type Change struct {
	parent parent
	states map[Position]state
}

type parent interface {
	get(Position) state
	put(map[Position]state)
}

// Begin returns an empty change of the ledger.
func (l *Ledger) Begin() *Change { return &Change{parent: l} }

// Begin returns an empty change of a change: what is committed to it becomes a part of c.
func (c *Change) Begin() *Change { return &Change{parent: c} }

// Held is like Ledger.Held, and sees what the change adds.
func (c *Change) Held(p Position, offset uint64) bool { return c.get(p).held(offset) }

// Add is like Ledger.Add.
func (c *Change) Add(p Position, kind batch.Kind, first, end uint64) error {
	old := c.get(p)
	s, err := old.add(kind, first, end, MaxRanges)
	if err != nil {
		return fmt.Errorf("stream %s: %w", p.Stream, err)
	}
	if s.equal(old) {
		return nil
	}
	if c.states == nil {
		c.states = make(map[Position]state)
	}
	c.states[p] = s
	return nil
}

// Empty reports whether the change changes nothing.
func (c *Change) Empty() bool { return len(c.states) == 0 }

// Commit makes the change a part of what it was begun from.
func (c *Change) Commit() {
	c.parent.put(c.states)
	c.states = nil
}

func (c *Change) get(p Position) state {
	if s, ok := c.states[p]; ok {
		return s
	}
	return c.parent.get(p)
}

func (c *Change) put(states map[Position]state) {
	if c.states == nil {
		c.states = make(map[Position]state, len(states))
	}
	for p, s := range states {
		c.states[p] = s
	}
}
