package elastic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/backoff"
	"belfry/shared/event"
)

// How many Writes become durable in the ledger together: those of so long a time, of so many agents.
const (
	ackEvery    = 200 * time.Millisecond // between two groups, when few agents are in one
	ackMost     = time.Second            // when many are
	manyAgents  = 32
	savesAtOnce = 8
)

// ackLoop makes the ledger durable for what was shown, and answers it, in order, until acks is closed.
func (x *Index) ackLoop(ctx context.Context) {
	var last time.Time // when the last group began
	agents := 0        // in it
	for p := range x.acks {
		group := []*pending{p}
		pause := ackEvery
		if agents > manyAgents {
			pause = ackMost
		}
		group = x.gather(ctx, group, time.Until(last.Add(pause)))
		last = time.Now()
		agents = x.ack(ctx, group)
	}
}

// gather adds to a group what comes within a time.
func (x *Index) gather(ctx context.Context, group []*pending, within time.Duration) []*pending {
	end := time.NewTimer(max(within, 0))
	defer end.Stop()
	for {
		select {
		case p, ok := <-x.acks:
			if !ok {
				return group
			}
			group = append(group, p)
			continue
		default:
		}
		if within <= 0 {
			return group
		}
		select {
		case p, ok := <-x.acks:
			if !ok {
				return group
			}
			group = append(group, p)
		case <-end.C:
			return group
		case <-x.life.Stop:
			return group
		case <-ctx.Done():
			return group
		}
	}
}

// ack makes the ledger of a group durable, and answers the group. It returns how many agents are in it.
func (x *Index) ack(ctx context.Context, group []*pending) int {
	begin := time.Now()
	agents, filed := x.touched(group)
	err := x.uniteAll(ctx, agents, filed)
	if err != nil && !errors.Is(err, index.ErrClosed) {
		x.life.Fail(err)
	}
	x.measures.ack.UpdateDuration(begin)
	for _, p := range group {
		x.answer(p, err)
	}
	return len(agents)
}

// touched returns the agents, and the positions with documents of their own, to which a group has added something.
func (x *Index) touched(group []*pending) (agents []event.Key, filed []ledger.Position) {
	seen := make(map[event.Key]bool)
	ended := make(map[ledger.Position]bool)
	for _, p := range group {
		if p.err != nil {
			continue
		}
		for i := range p.w.Ranges {
			pos := p.w.Ranges[i].Pos
			if x.filed(pos) {
				ended[pos] = true
				continue
			}
			seen[pos.Agent] = true
		}
	}
	for a := range seen {
		agents = append(agents, a)
	}
	for pos := range ended {
		filed = append(filed, pos)
	}
	slices.SortFunc(agents, func(a, b event.Key) int { return slices.Compare(a[:], b[:]) })
	return agents, filed
}

func (x *Index) filed(pos ledger.Position) bool { return x.hooks.Filed != nil && x.hooks.Filed(pos) }

// uniteAll makes the documents of agents and positions durable, some at a time.
func (x *Index) uniteAll(ctx context.Context, agents []event.Key, filed []ledger.Position) error {
	jobs := make([]func() error, 0, len(agents)+len(filed))
	for _, pos := range filed {
		jobs = append(jobs, func() error { return ledger.File(ctx, x.store, x.ledger, pos) })
	}
	for _, agent := range agents {
		jobs = append(jobs, func() error { return ledger.Unite(ctx, x.store, x.ledger, agent, x.filed) })
	}
	var wg sync.WaitGroup
	turns := make(chan struct{}, savesAtOnce)
	errs := make([]error, len(jobs))
	for i, job := range jobs {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			errs[i] = x.insist(ctx, job)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// insist does a job again while the servers are away. When ctx is done, it says index.ErrClosed.
func (x *Index) insist(ctx context.Context, job func() error) error {
	wait := backoff.Backoff{Min: 100 * time.Millisecond, Max: 15 * time.Second}
	who := &wait
	defer x.say(who, "")
	for {
		err := job()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: the ledger could not be written: %w", index.ErrClosed, err)
		case !mayPassLater(err):
			return fmt.Errorf("write the ledger: %w", err)
		}
		if x.say(who, "write the ledger: "+err.Error()) {
			x.log.Warn("the index waits to write the ledger", "err", err)
		}
		wait.Wait(ctx)
	}
}

// mayPassLater reports whether what keeps a document of our own from being written may pass: the servers are away or
// busy, or they refuse it for their own state.
func mayPassLater(err error) bool {
	var refusal *statusError
	return errors.Is(err, index.ErrAway) || errors.Is(err, ledger.ErrConflict) ||
		errors.As(err, &refusal) && !blames(refusal)
}
