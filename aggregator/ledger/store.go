package ledger

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"belfry/shared/event"
)

// Name names a document: that of an agent, or, so that the agent's stays small, that of one of its streams' epochs that
// has ended.
type Name struct {
	Agent    event.Key
	Finished bool
	Stream   event.Key // and Epoch: only if Finished
	Epoch    uint64
}

// String returns the name as text, which ParseName reads: AGENT, or AGENT-STREAM-EPOCH.
func (n Name) String() string {
	text := n.Agent.String()
	if n.Finished {
		text += "-" + n.Stream.String() + "-" + strconv.FormatUint(n.Epoch, 10)
	}
	return text
}

// ParseName reads what String returned.
func ParseName(text string) (n Name, err error) {
	parts := strings.Split(text, "-")
	if n.Agent, err = event.ParseKey(parts[0]); err != nil || len(parts) == 1 {
		return n, err
	}
	if len(parts) != 3 {
		return n, errors.New("not the name of a ledger")
	}
	n.Finished = true
	if n.Stream, err = event.ParseKey(parts[1]); err != nil {
		return n, err
	}
	n.Epoch, err = strconv.ParseUint(parts[2], 10, 64)
	return n, err
}

// Of returns the name of the document of a position that has ended.
func (p Position) Of() Name {
	return Name{Agent: p.Agent, Finished: true, Stream: p.Stream, Epoch: p.Epoch}
}

// Version is the state of a document that was loaded, as Elasticsearch has it: sequence number and primary term. The
// zero value is that of a document that is not there.
type Version struct{ Seq, Term uint64 }

// ErrConflict says that a document is not in the state any more in which it was loaded: somebody else has written it.
var ErrConflict = errors.New("ledger: somebody else has written the document")

// Store keeps the documents of a ledger that several aggregators write. A document is a snapshot (Marshal).
type Store interface {
	// Load returns a document and its version; nil and the zero version if there is none.
	Load(ctx context.Context, n Name) (document []byte, v Version, err error)
	// Save replaces a document that is in this version, durably. ErrConflict says that it is not.
	Save(ctx context.Context, n Name, document []byte, v Version) error
	// Names calls fn for each document that there is.
	Names(ctx context.Context, fn func(Name) error) error
}

// maxConflicts bounds how often a document is written again: each conflict means that somebody else got on.
const maxConflicts = 100

// Unite makes the document of an agent and the ledger know the same: all that either of them did. Nobody is ever stopped
// by another's writing: ranges only grow, so what was read is united with what is known, and written again.
//
// Positions that filed reports stay out of it: they have documents of their own, which File must have written. Those
// that somebody else still had in the agent's document are filed first.
func Unite(ctx context.Context, s Store, l *Ledger, agent event.Key, filed func(Position) bool) error {
	return unite(ctx, s, l, Name{Agent: agent}, func(other *Ledger) (*Ledger, error) {
		for _, p := range other.Positions() {
			if filed(p) {
				if err := File(ctx, s, l, p); err != nil {
					return nil, err
				}
			}
		}
		return l.only(func(p Position) bool { return p.Agent == agent && !filed(p) }), nil
	})
}

// File makes the document of a position that has ended and the ledger know the same. It is to be called once it has
// ended, and whenever it has grown since.
func File(ctx context.Context, s Store, l *Ledger, p Position) error {
	return unite(ctx, s, l, p.Of(), func(*Ledger) (*Ledger, error) {
		return l.only(func(q Position) bool { return q == p }), nil
	})
}

// unite joins what the store has to the ledger, and writes what content makes of it, given what was read, until nobody
// has written in between.
func unite(ctx context.Context, s Store, l *Ledger, n Name, content func(read *Ledger) (*Ledger, error)) error {
	for range maxConflicts {
		document, v, err := s.Load(ctx, n)
		if err != nil {
			return err
		}
		read, err := l.join(n, document)
		if err != nil {
			return err
		}
		next, err := content(read)
		if err != nil {
			return err
		}
		text := next.Marshal()
		if document == nil && len(next.states) == 0 || string(text) == string(document) {
			return nil
		}
		if err := s.Save(ctx, n, text, v); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("unite the ledger of agent %s: %d times in a row: %w", n.Agent, maxConflicts, ErrConflict)
}

// Read adds to the ledger what a store has of the agents that mine reports, those that are silent too: so a new owner
// begins.
func Read(ctx context.Context, s Store, l *Ledger, mine func(agent event.Key) bool) error {
	return s.Names(ctx, func(n Name) error {
		if !mine(n.Agent) {
			return nil
		}
		document, _, err := s.Load(ctx, n)
		if err != nil {
			return err
		}
		_, err = l.join(n, document)
		return err
	})
}

// join adds what a document says, and returns that.
func (l *Ledger) join(n Name, document []byte) (read *Ledger, err error) {
	read = New()
	if document == nil {
		return read, nil
	}
	if err := read.Unmarshal(document); err != nil {
		return nil, fmt.Errorf("document of agent %s: %w", n.Agent, err)
	}
	return read, l.Join(read)
}

// Join adds all that another ledger knows. It never refuses: a list may grow beyond MaxRanges by it, for nothing that
// somebody has acknowledged may be lost.
func (l *Ledger) Join(other *Ledger) error {
	_, err := l.Grow(other)
	return err
}

// Grow is Join, and returns the positions of which more is known by it.
func (l *Ledger) Grow(other *Ledger) (grown []Position, err error) {
	for _, e := range other.entries() {
		l.mu.Lock()
		was := l.states[e.Position]
		s, err := was, error(nil)
		for _, sp := range e.explicit() {
			if s, err = s.add(kinds[sp.rank], sp.first, sp.end, math.MaxInt); err != nil {
				break
			}
		}
		if err == nil && !s.equal(was) {
			l.states[e.Position] = s
			grown = append(grown, e.Position)
		}
		l.mu.Unlock()
		if err != nil {
			return grown, err
		}
	}
	return grown, nil
}

// Clone returns a ledger that knows what this one knows now.
func (l *Ledger) Clone() *Ledger { return l.only(func(Position) bool { return true }) }

// only returns a ledger of some of the positions.
func (l *Ledger) only(belongs func(Position) bool) *Ledger {
	out := New()
	for _, e := range l.entries() {
		if belongs(e.Position) {
			out.states[e.Position] = e.state
		}
	}
	return out
}
