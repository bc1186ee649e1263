package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"belfry/aggregator/alert"
	"belfry/aggregator/index/embedded"
	"belfry/shared/conf"
	"belfry/shared/event"
	"belfry/shared/segment"
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
	keep := make(map[string]time.Duration, len(e.Retention))
	for class, d := range e.Retention {
		keep[class] = time.Duration(d)
	}
	all := keep[conf.Default]
	delete(keep, conf.Default)
	a.index, err = embedded.Open(embedded.Config{
		Dir: a.cfg.Dir("index"), Retention: all, Classes: keep, MaxBytes: int64(e.MaxBytes), Memory: int64(e.Memory), Names: e.Names,
	}, a.log, a.set, a.durable)
	return err
}

// runIndex runs the index until ctx is done. Alerts that its servers have not taken by then are not waited for.
func (a *Aggregator) runIndex(ctx context.Context) error {
	if a.shared != nil {
		defer context.AfterFunc(ctx, a.shared.hurry)()
	}
	return a.index.Run(ctx)
}

// indexID names the index: who writes to another must not share the queues.
func (a *Aggregator) indexID() (string, error) { return drawn(filepath.Join(a.cfg.Dir("index"), "id")) }

// drawn returns the name that a file holds, which is drawn at random when there is no such file.
func drawn(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return strings.TrimSpace(string(text)), err
	}
	id := event.RandomKey().String()
	return id, segment.ReplaceFile(path, []byte(id+"\n"), 0o640)
}
