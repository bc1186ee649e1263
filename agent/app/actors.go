package app

import (
	"context"
	"errors"
	"time"

	"belfry/agent/input/syslog"
)

// dropped returns how many messages the listeners have lost, with those that nobody was told of before.
func (a *Agent) dropped() uint64 {
	n := syslog.Dropped(a.syslogs)
	if a.relay != nil {
		n = a.relay.cuts.count(n)
	}
	return n
}

// together runs all side by side until each has ended. The first that fails ends the others.
func together(ctx context.Context, all []func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(all))
	for _, run := range all {
		go func() {
			err := run(ctx)
			if err != nil {
				cancel()
			}
			ended <- err
		}()
	}
	var errs []error
	for range all {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// listen takes syslog until ctx is done. All listeners stop side by side.
func (a *Agent) listen(ctx context.Context) error {
	var all []func(context.Context) error
	for _, in := range a.syslogs {
		all = append(all, in.Run)
	}
	return together(ctx, all)
}

// lookAtRoad is how often a stop looks whether the road goes. It waits for none that does not: what is not confirmed is sent
// after the next start.
const lookAtRoad = 250 * time.Millisecond

// lastConfirms is how long confirms are waited for when another agent follows at once: it sends again what they are missing
// for, and what arrives at the relay waits for it.
const lastConfirms = time.Second

// send ships by all lanes until they are closed and everything is confirmed.
func (a *Agent) send(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go a.abandon(ctx, cancel)
	var all []func(context.Context) error
	for _, s := range a.ships {
		all = append(all, s.Run)
	}
	return together(ctx, all)
}

// abandon waits for the end of the input, and gives up what is under way if the road does not go then, or if it is sent again
// at once.
func (a *Agent) abandon(ctx context.Context, give func()) {
	select {
	case <-a.closing:
	case <-ctx.Done():
		return
	}
	often := time.NewTicker(lookAtRoad)
	defer often.Stop()
	if a.yields.Load() {
		defer time.AfterFunc(lastConfirms, give).Stop()
	}
	for {
		select {
		case <-often.C:
			if a.road.LastError() != nil {
				give()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// closeShips ends the input of all lanes.
func (a *Agent) closeShips() {
	for _, s := range a.ships {
		s.Close()
	}
	close(a.closing)
}
