package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"belfry/aggregator/alert"
	"belfry/aggregator/config"
	"belfry/aggregator/index"
	"belfry/aggregator/index/elastic"
	"belfry/aggregator/index/embedded"
	"belfry/aggregator/ledger"
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
func (a *Aggregator) openIndex(ctx context.Context) error {
	if a.cfg.Index.Engine == config.EngineElastic {
		return a.openElastic(ctx)
	}
	return a.openEmbedded()
}

// openElastic opens an index on servers, which others may write, too. Its positions go on where the fleet has seen those
// of the process before.
func (a *Aggregator) openElastic(ctx context.Context) error {
	x, err := elastic.Open(ctx, *a.cfg.Index.Elastic, elastic.Hooks{
		First: a.fleet.Cursor(), Watch: a.durable,
		Dead: func(ctx context.Context, it index.Item, end uint64, reason error) error {
			return a.dead.buryItem(ctx, it, end, reason)
		},
	}, a.log, a.set)
	if err != nil {
		return err
	}
	a.index = x
	alerts, err := x.Docs(ctx, docsAlerts)
	if err != nil {
		return err
	}
	if err := a.openShared(alerts); err != nil {
		return err
	}
	return x.Await(ctx, func(ctx context.Context) (err error) {
		a.store, err = indexID(ctx, x)
		return err
	})
}

// indexID names the index on servers that this prefix has there: drawn by the first aggregator that opens it.
func indexID(ctx context.Context, x *elastic.Index) (string, error) {
	docs, err := x.Docs(ctx, "about")
	if err != nil {
		return "", err
	}
	for {
		body, v, err := docs.Load(ctx, aboutDoc)
		if err != nil {
			return "", fmt.Errorf("name the index: %w", err)
		}
		var about aboutIndex
		if body != nil {
			err := json.Unmarshal(body, &about)
			return about.ID, err
		}
		about.ID = event.RandomKey().String()
		if body, err = json.Marshal(about); err != nil {
			return "", fmt.Errorf("name the index: %w", err)
		}
		err = docs.Save(ctx, aboutDoc, body, v)
		if err != nil && !errors.Is(err, ledger.ErrConflict) {
			return "", fmt.Errorf("name the index: %w", err)
		}
	}
}

// aboutDoc is the document of an index that says what it is.
const aboutDoc = "index"

type aboutIndex struct {
	ID string `json:"id"`
}

func (a *Aggregator) openEmbedded() (err error) {
	if a.outbox, err = alert.OpenOutbox(a.cfg.Dir(alertsFile)); err != nil {
		return err
	}
	if a.index, err = embedded.Open(embeddedConfig(a.cfg), a.log, a.set, a.durable); err != nil {
		return err
	}
	a.store, err = drawn(filepath.Join(a.cfg.Dir("index"), "id"))
	return err
}

// embeddedConfig returns what the configuration says of the embedded index.
func embeddedConfig(cfg *config.Config) embedded.Config {
	e := cfg.Index.Embedded
	keep := make(map[string]time.Duration, len(e.Retention))
	for class, d := range e.Retention {
		keep[class] = time.Duration(d)
	}
	all := keep[conf.Default]
	delete(keep, conf.Default)
	return embedded.Config{
		Dir: cfg.Dir("index"), Retention: all, Classes: keep, MaxBytes: int64(e.MaxBytes), Memory: int64(e.Memory), Names: e.Names,
	}
}

// openShared opens the alerts' store that several aggregators have in common. What an outbox of one alone still holds, from
// before there were several, moves there.
func (a *Aggregator) openShared(docs index.Docs) error {
	home, err := drawn(a.cfg.Dir(homeFile))
	if err != nil {
		return err
	}
	a.shared = openOutbox(docs, home, a.log)
	a.outbox = a.shared
	path := a.cfg.Dir(alertsFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	alone, err := alert.OpenOutbox(path)
	if err != nil {
		return err
	}
	return errors.Join(moveAlerts(alone, a.shared), alone.Close())
}

// moveAlerts moves the alerts that wait from one store to another.
func moveAlerts(from, to alert.Store) error {
	for {
		w, ok, err := from.Oldest()
		if err != nil || !ok {
			return err
		}
		err = takeOver(to, w.Alert, w.Taken)
		if err == nil {
			err = from.Delivered(w.Alert.ID)
		}
		if err != nil {
			return fmt.Errorf("move the alerts that wait: %w", err)
		}
	}
}

// lookAround lets the alerts of aggregators that are gone be delivered, until ctx is done.
func (a *Aggregator) lookAround(ctx context.Context) error {
	return a.repeat(ctx, chore{
		every: lookEvery, do: func(ctx context.Context) error {
			news, err := a.shared.lookAround(ctx)
			if news {
				a.alerts.Wake()
			}
			return err
		},
		level: slog.LevelWarn, fails: "the alerts of other aggregators cannot be seen, trying again",
		mended: "the alerts of other aggregators are seen again",
	})
}

// runIndex runs the index until ctx is done. Alerts that its servers have not taken by then are not waited for.
func (a *Aggregator) runIndex(ctx context.Context) error {
	if a.shared != nil {
		defer context.AfterFunc(ctx, a.shared.hurry)()
	}
	return a.index.Run(ctx)
}

// drawn returns the name that a file holds, which is drawn at random when there is no such file.
func drawn(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return strings.TrimSpace(string(text)), err
	}
	id := event.RandomKey().String()
	return id, segment.ReplaceFile(path, []byte(id+"\n"), 0o640)
}
