package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"belfry/aggregator/audit"
	"belfry/aggregator/fleet"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

const (
	// followNotes is how often is read what others have to say, which queues they consume, and their gaps: little.
	followNotes = 5 * time.Second
	// followAll is how often is read what they know of agents, and their ledgers. Before a question is answered, and before a
	// queue is taken over, that is read as well.
	followAll = 30 * time.Second
	// fresh is how old what was read may be for an answer: who asks often must not make others wait.
	fresh = 500 * time.Millisecond
	// watchPatience bounds one round of judging where servers must answer: a question waits for its end.
	watchPatience = 30 * time.Second
)

// ledgers is what a follower needs of an engine that several aggregators write: each of them has a ledger of its own in
// memory, and its documents have what all of them know.
type ledgers interface {
	// CatchUp adds to the ledger what others have written since it was asked before, and returns where that was anything.
	CatchUp(ctx context.Context, now time.Time) ([]ledger.Position, error)
	// Read adds to the ledger what the documents have of a position.
	Read(ctx context.Context, p ledger.Position) error
}

// follower keeps the fleet and the gaps of an aggregator what all those know who share its index. Only who consumes a queue
// judges those who speak in it; all can answer.
type follower struct {
	fleet   *fleet.Fleet
	gaps    *audit.Tracker
	held    *ledger.Ledger
	ledgers ledgers
	// heartbeats calls fn for those in the index that came since a time, the oldest first.
	heartbeats func(ctx context.Context, since time.Time, fn func(*event.Event) error) error
	// say writes an event into the index, of the day of its event.created, by its event.id.
	say func(ctx context.Context, e *event.Event) error

	mu     sync.Mutex
	noted  time.Time // when the notes were read
	looked time.Time // when all was
}

// catchUp reads what others have written, unless that was done a moment ago.
func (w *follower) catchUp(ctx context.Context, now time.Time, least time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.looked) < least {
		return nil
	}
	err := errors.Join(w.fleet.Follow(ctx, now, true), w.gaps.Follow(ctx, now))
	if err != nil {
		return err
	}
	grown, err := w.ledgers.CatchUp(ctx, now)
	if err != nil {
		return fmt.Errorf("read what other aggregators have taken: %w", err)
	}
	w.fleet.AdoptSome(grown, w.held, now)
	w.looked, w.noted = now, now
	return nil
}

// glance reads the notes alone.
func (w *follower) glance(ctx context.Context, now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.noted) < followNotes {
		return nil
	}
	err := errors.Join(w.fleet.Follow(ctx, now, false), w.gaps.Follow(ctx, now))
	if err == nil {
		w.noted = now
	}
	return err
}

// step judges what is this aggregator's to judge: the queues that it consumes. What it says is in the index when it
// returns nil; what it could not do is due again.
func (w *follower) step(ctx context.Context, queues []string, now time.Time) error {
	if err := errors.Join(w.catchUp(ctx, now, followAll), w.glance(ctx, now)); err != nil {
		return err
	}
	if taken := w.fleet.New(queues); len(taken) > 0 {
		if err := w.takeOver(ctx, taken, now); err != nil {
			return err
		}
	}
	w.fleet.Own(queues, now)
	return errors.Join(w.fleet.Tick(now), w.gaps.Tick(ctx, now), w.fleet.Publish(ctx, now), w.speak(ctx, now))
}

// takeOver reads all that is known of the agents in queues that are to be judged here from now on, those that are silent
// too. What another aggregator had heard, and could not write before it ended, the index has.
func (w *follower) takeOver(ctx context.Context, queues []string, now time.Time) error {
	if err := w.catchUp(ctx, now, 1); err != nil {
		return err
	}
	err := w.heartbeats(ctx, w.fleet.Since(queues, now), func(e *event.Event) error {
		return w.fleet.Process(0, []*event.Event{e})
	})
	if err != nil {
		return fmt.Errorf("read the heartbeats that another aggregator has taken: %w", err)
	}
	return nil
}

// speak writes what is to be said into the index: what was judged here, and what another aggregator was about to say.
func (w *follower) speak(ctx context.Context, now time.Time) error {
	for _, from := range []interface {
		Sayings(ctx context.Context, now time.Time) ([]fleet.Saying, error)
		Spoken(ctx context.Context, id string) error
	}{w.fleet, w.gaps} {
		all, err := from.Sayings(ctx, now)
		if err != nil {
			return err
		}
		for _, s := range all {
			if err := w.say(ctx, s.Event); err != nil {
				return err
			}
			if err := from.Spoken(ctx, s.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
