package topology

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What a queue's leader tells is out of date: it counts in intervals, and the API takes over its numbers in intervals of
// its own (five seconds both, unless configured otherwise). A number is only good evidence if the leader has counted
// after the last slot was unbound: its count of work done has then grown twice since. The third time is for messages
// that were under way, and for an API of several nodes that do not know the same.
const freshGrowths = 3

const (
	lookEvery   = 250 * time.Millisecond
	tellEvery   = 20 // looks, until it is told that a queue still holds messages
	maxFailures = 40 // looks in a row that fail: ten seconds
)

// watch is one queue that drains.
type watch struct {
	step  Step
	last  queue
	grown int // times since it drains
	fresh int // times after which it counts
	seen  bool
}

// observe takes what the API says now. It returns true when the queue is empty, and was heard of since it drains.
func (w *watch) observe(q queue) bool {
	switch {
	case q.Reductions == nil:
		w.grown = 0
	case !w.seen || w.last.Reductions == nil || *q.Reductions < *w.last.Reductions: // the first look, or another leader
		w.grown = 0
	case *q.Reductions > *w.last.Reductions:
		w.grown++
	}
	w.last, w.seen = q, true
	return w.grown >= w.fresh && q.Messages == 0
}

// stuck says why a queue did not drain, and what to do.
func (w *watch) stuck() error {
	name := w.step.Queue
	switch q := w.last; {
	case !w.seen || w.grown < w.fresh && !q.told():
		return fmt.Errorf("%s: its leader was not heard of: see belfry topology check", name)
	case q.Messages > 0 && q.Consumers == 0:
		return fmt.Errorf("%s: holds %d messages, and nobody consumes it: start an aggregator whose receive.amqp.queues is more than the "+
			"number of this queue", name, q.Messages)
	case q.Messages > 0:
		return fmt.Errorf("%s: holds %d messages, %d of them with its consumer, who does not take them: see belfry status of the "+
			"aggregators, and give it more time (--drain-timeout)", name, q.Messages, q.Unacked)
	}
	return fmt.Errorf("%s: was not heard of often enough: give it more time (--drain-timeout)", name)
}

// drain waits until queues to which nothing more is routed are empty.
func (a *applier) drain(ctx context.Context, steps []Step) error {
	if a.client == nil {
		return ErrBlind
	}
	late := time.After(a.cfg.Drain)
	var waiting []*watch
	for _, s := range steps {
		waiting = append(waiting, &watch{step: s, fresh: a.growths})
	}
	for look, failures := 0, 0; ; look++ {
		left, err := a.drained(ctx, waiting)
		waiting = left
		switch {
		case err == nil && len(waiting) == 0:
			return nil
		case err == nil:
			failures = 0
		case failures < maxFailures:
			failures++
		default:
			return err
		}
		if look%tellEvery == 0 {
			a.tell(waiting)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			errs := []error{fmt.Errorf("not empty after %v", a.cfg.Drain)}
			for _, w := range waiting {
				errs = append(errs, w.stuck())
			}
			return errors.Join(errs...)
		case <-time.After(lookEvery):
		}
	}
}

// drained looks once, and returns those that still wait.
func (a *applier) drained(ctx context.Context, waiting []*watch) (left []*watch, err error) {
	for i, w := range waiting {
		q, there, err := a.queue(ctx, w.step.Queue)
		if err != nil {
			return append(left, waiting[i:]...), err
		}
		if there && !w.observe(q) {
			left = append(left, w)
			continue
		}
		a.done(w.step) // a queue that is gone holds nothing
	}
	return left, nil
}

func (a *applier) tell(waiting []*watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range waiting {
		if a.progress.Waiting != nil && w.seen {
			a.progress.Waiting(w.step.Queue, w.last.Ready, w.last.Unacked, w.last.Consumers)
		}
	}
}
