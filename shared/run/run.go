// Package run starts the actors of a daemon and stops them in order.
//
// Actors are added in data-flow order: the first produces, the last consumes.
// Stopping follows the data: the first actor is told to stop and is waited
// for, then the second, so that each one drains what the one before it left.
// If that takes longer than the grace period, the context of all is cancelled.
package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Group is a list of actors. The zero value is ready to use.
type Group struct {
	actors []*actor
}

type actor struct {
	name string
	run  func(context.Context) error
	stop func() // ends the input of run; must be safe before and after run
	done chan struct{}
	err  error
}

// Add appends an actor. Run must return nil once its input has ended, and
// promptly when its context is cancelled; stop ends its input.
func (g *Group) Add(name string, run func(context.Context) error, stop func()) {
	g.actors = append(g.actors, &actor{name: name, run: run, stop: stop, done: make(chan struct{})})
}

// Run starts every actor and blocks until all have returned. It begins to stop
// them when ctx is done or when any actor returns.
func (g *Group) Run(ctx context.Context, grace time.Duration) error {
	hard, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	first := make(chan struct{}, len(g.actors))
	for _, a := range g.actors {
		go func() {
			defer close(a.done)
			a.err = a.run(hard)
			first <- struct{}{}
		}()
	}
	select {
	case <-ctx.Done():
	case <-first:
	}
	t := time.AfterFunc(grace, abort)
	defer t.Stop()
	var errs []error
	for _, a := range g.actors {
		a.stop()
		<-a.done
		if a.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.name, a.err))
		}
	}
	return errors.Join(errs...)
}

// AddWorker appends an actor that has no input to end: it works until its
// context is done, and stopping it cancels that. An error that only says that
// the context was cancelled is none.
func (g *Group) AddWorker(name string, work func(context.Context) error) {
	stopped := make(chan struct{})
	run := func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-stopped:
				cancel()
			case <-ctx.Done():
			}
		}()
		err := work(ctx)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return nil
		}
		return err
	}
	g.Add(name, run, sync.OnceFunc(func() { close(stopped) }))
}
