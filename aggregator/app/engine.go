package app

import (
	"time"

	"belfry/aggregator/alert"
	"belfry/aggregator/index/embedded"
)

// alertStore is where alerts wait.
type alertStore interface {
	alert.Store
	Close() error
}

// openIndex opens the engine that is configured, and the alerts' store that goes with it.
func (a *Aggregator) openIndex() (err error) {
	if a.outbox, err = alert.OpenOutbox(a.cfg.Dir("alerts.db")); err != nil {
		return err
	}
	e := a.cfg.Index.Embedded
	a.index, err = embedded.Open(embedded.Config{
		Dir: a.cfg.Dir("index"), Retention: a.cfg.Index.Retention(), Memory: int64(e.Memory), Names: e.Names,
	}, a.log, a.set, a.durable)
	return err
}

// dayOf is the day by which an event of the aggregator's own meets itself when it is written again: that on which it was
// made.
func dayOf(created string) string {
	t, err := time.Parse(time.RFC3339Nano, created)
	if err != nil {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
