package topology

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"belfry/shared/broker"
)

// lanes is how many agents are set up at once: a thousand take seconds, and the broker has other work.
const lanes = 8

// giveBack bounds how long slots that were held may take to be bound again after a failure.
const giveBack = 30 * time.Second

// Progress is told what happens. Its functions may be nil; they are called by one goroutine at a time.
type Progress struct {
	Done     func(Step)                                        // a step was done
	Waiting  func(queue string, ready, unacked, consumers int) // a queue is not known to be empty; now and then
	Restored func(Step)                                        // a slot that was held is bound where it was, after a failure
}

// errBlocked says that nothing was done.
var errBlocked = errors.New("something is in the way")

// Apply does the steps of a plan, each of which may be done again. When one fails, or ctx is done, the slots that were
// held are bound where they were. Then a new Plan goes on from there.
func (t *Topology) Apply(ctx context.Context, p *Plan, progress Progress) error {
	if all := p.Blocked(); len(all) > 0 {
		var errs []error
		for _, f := range all {
			errs = append(errs, errors.New(f.String()))
		}
		return fmt.Errorf("nothing was changed, %w: %w", errBlocked, errors.Join(errs...))
	}
	a := &applier{Topology: t, progress: progress, held: make(map[string]Step)}
	defer a.close()
	err := a.run(ctx, p.Steps)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("stopped before the end; run it again to go on: %w", ctx.Err()) // what it made fail tells nothing more
	}
	if err != nil && len(a.held) > 0 {
		err = errors.Join(err, a.restore(ctx))
	}
	return err
}

// applier does steps.
type applier struct {
	*Topology
	main lane
	held map[string]Step // by key: slots that were unbound and are to be bound again

	mu       sync.Mutex
	progress Progress
}

func (a *applier) close() { a.main.close() }

func (a *applier) run(ctx context.Context, steps []Step) error {
	for len(steps) > 0 {
		n, err := 1, error(nil)
		switch {
		case steps[0].lane != "":
			n = agentSteps(steps)
			err = a.agents(ctx, steps[:n])
		case steps[0].Do == drain:
			for n < len(steps) && steps[n].Do == drain {
				n++
			}
			err = a.drain(ctx, steps[:n])
		default:
			err = a.one(ctx, &a.main, steps[0])
		}
		if err != nil {
			return err
		}
		steps = steps[n:]
	}
	return nil
}

// one does one step that is no wait.
func (a *applier) one(ctx context.Context, l *lane, s Step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.note(s)
	var err error
	switch s.Do {
	case putUser:
		// Without a hash the broker makes up a password.
		err = a.client.do(ctx, "PUT", path("users", s.User), map[string]any{"password_hash": "", "tags": ""}, nil)
	case deleteUser:
		err = a.deleteUser(ctx, s.User)
	case permit:
		err = a.client.do(ctx, "PUT", path("permissions", s.VHost, s.User), s.Rights, nil)
	case forbid:
		err = a.client.do(ctx, "DELETE", path("permissions", s.VHost, s.User), nil, nil)
	default:
		err = l.do(ctx, a.cfg.Broker, s)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	a.done(s)
	return nil
}

// note keeps what is held, before it is tried: a step that fails may have been done. A slot that may be unbound is bound
// again; one that may be bound is left to the next plan.
func (a *applier) note(s Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case s.Do == hold:
		a.held[s.Key] = s
	case s.Do == bind && s.Exchange == broker.Events:
		delete(a.held, s.Key)
	}
}

func (a *applier) done(s Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.progress.Done != nil {
		a.progress.Done(s)
	}
}

// restore binds what is held where it was: its batches follow those that are there.
func (a *applier) restore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBack)
	defer cancel()
	for _, key := range sortedKeys(a.held) {
		s := a.held[key]
		s.Do = bind
		if err := a.main.do(ctx, a.cfg.Broker, s); err != nil {
			return fmt.Errorf("slots are left unbound, and their batches wait at the agents: run belfry topology apply again: %s: %w", s, err)
		}
		if a.progress.Restored != nil {
			a.progress.Restored(s)
		}
	}
	return nil
}

// agents does the steps of agents: those of one in order, several agents side by side.
func (a *applier) agents(ctx context.Context, steps []Step) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan []Step)
	var all sync.WaitGroup
	for range lanes {
		all.Go(func() {
			var l lane
			defer l.close()
			for mine := range work {
				for _, s := range mine {
					if err := a.one(ctx, &l, s); err != nil {
						cancel(err)
						break
					}
				}
			}
		})
	}
	for len(steps) > 0 && ctx.Err() == nil {
		n := 1
		for n < len(steps) && steps[n].lane == steps[0].lane {
			n++
		}
		work <- steps[:n]
		steps = steps[n:]
	}
	close(work)
	all.Wait()
	return context.Cause(ctx)
}
