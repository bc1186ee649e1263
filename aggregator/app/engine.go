package app

import (
	"context"

	"belfry/aggregator/alert"
	"belfry/aggregator/index/embedded"
)

// alertStore is where alerts wait.
type alertStore interface {
	alert.Store
	Close() error
}

// openIndex opens the engine that is configured, and the alerts' store that goes with it.
func (a *Aggregator) openIndex(_ context.Context) (err error) {
	if a.outbox, err = alert.OpenOutbox(a.cfg.Dir("alerts.db")); err != nil {
		return err
	}
	e := a.cfg.Index.Embedded
	a.index, err = embedded.Open(embedded.Config{
		Dir: a.cfg.Dir("index"), Retention: a.cfg.Index.Retention(), Memory: int64(e.Memory), Names: e.Names,
	}, a.log, a.set, a.durable)
	return err
}
