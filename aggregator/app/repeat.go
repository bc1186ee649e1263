package app

import (
	"belfry/aggregator/index"
	"context"
	"errors"
	"log/slog"
	"time"
)

// chore is something that is done again and again.
type chore struct {
	every  time.Duration
	do     func(ctx context.Context) error
	level  slog.Level // of the first failure
	fails  string     // what is logged then
	mended string     // and when it works again
}

// repeat does a chore until ctx is done. It tells the first failure and the recovery.
func (a *Aggregator) repeat(ctx context.Context, c chore) error {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := c.do(ctx)
		switch {
		case ctx.Err() != nil, errors.Is(err, index.ErrClosed):
		case err != nil && !failing:
			a.log.Log(ctx, c.level, c.fails, "err", err)
		case err == nil && failing:
			a.log.Info(c.mended)
		}
		failing = err != nil
	}
}
