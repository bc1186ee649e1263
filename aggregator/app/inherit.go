package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"belfry/aggregator/alert"
	"belfry/aggregator/audit"
	"belfry/aggregator/config"
	"belfry/aggregator/fleet"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
)

// heir takes what aggregators that share an index know of hosts and gaps into the file of one that works alone, as that
// goes the other way when they start: an audit that knows of no host finds nothing missing.
type heir struct {
	fleet *fleet.Fleet
	gaps  *audit.Heir
	log   *slog.Logger
}

func openHeir(cfg *config.Config, log *slog.Logger) (*heir, error) {
	if err := os.MkdirAll(cfg.State, 0o750); err != nil {
		return nil, err
	}
	f, err := openFleet(cfg, log, nil)
	if err != nil {
		return nil, err
	}
	gaps, err := audit.OpenHeir(f.DB())
	if err != nil {
		return nil, errors.Join(err, f.DB().Close())
	}
	return &heir{f, gaps, log}, nil
}

// take takes in a document of a kind. One that cannot be read holds up no other.
func (h *heir) take(kind, id string, body []byte) {
	var err error
	switch kind {
	case docsAgents:
		err = h.fleet.InheritAgent(id, body)
	case docsNotes:
		err = h.fleet.InheritNote(id, body)
	case docsGaps:
		err = h.gaps.Inherit(id, body)
	}
	if err != nil {
		h.log.Error("document cannot be read", "kind", kind, "id", id, "err", err)
	}
}

// settle writes what was taken in, and closes the file.
func (h *heir) settle() error {
	return errors.Join(h.gaps.Settle(), h.fleet.Settle(time.Now()), h.fleet.Close())
}

// close gives up what was taken in.
func (h *heir) close() error { return h.fleet.DB().Close() }

// inherit lets the aggregator of the embedded engine know what those know that share an index, and gives it the alerts that
// wait there.
func inherit(ctx context.Context, cfg *config.Config, from sharedIndex, log *slog.Logger) error {
	h, err := openHeir(cfg, log)
	if err != nil {
		return err
	}
	for _, kind := range []string{docsAgents, docsNotes, docsGaps} {
		docs, err := from.Docs(ctx, kind)
		if err == nil {
			err = docs.Each(ctx, time.Time{}, func(id string, body []byte, _ ledger.Version) error {
				h.take(kind, id, body)
				return nil
			})
		}
		if err != nil {
			return errors.Join(fmt.Errorf("read the documents %s: %w", kind, err), h.close())
		}
	}
	if err := h.settle(); err != nil {
		return err
	}
	docs, err := from.Docs(ctx, docsAlerts)
	if err == nil {
		err = inheritAlerts(ctx, cfg, docs)
	}
	if err != nil {
		return fmt.Errorf("move the alerts that wait: %w", err)
	}
	return nil
}

// inheritAlerts moves the alerts that wait in documents into the outbox of one alone.
func inheritAlerts(ctx context.Context, cfg *config.Config, docs index.Docs) (err error) {
	alone, err := alert.OpenOutbox(cfg.Dir(alertsFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alone.Close()) }()
	var waits []held
	err = docs.Each(ctx, time.Time{}, func(id string, body []byte, v ledger.Version) error {
		d, ok, err := waiting(id, body)
		if ok {
			waits = append(waits, held{d, v})
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(waits, func(x, y held) int { return x.Taken.Compare(y.Taken) })
	for _, h := range waits {
		if err := takeOver(alone, h.Alert, h.Taken); err != nil {
			return err
		}
		h.Delivered = true
		body, err := json.Marshal(h.alertDoc)
		if err == nil {
			err = docs.Save(ctx, h.id(), body, h.version)
		}
		if err != nil && !errors.Is(err, ledger.ErrConflict) { // else somebody has it who delivers it, too
			return err
		}
	}
	return nil
}

// waiting reads the document of an alert; ok is false if it is none, or was delivered.
func waiting(id string, body []byte) (d alertDoc, ok bool, err error) {
	if !strings.HasPrefix(id, alertPrefix) {
		return d, false, nil
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return d, false, fmt.Errorf("%s: %w", id, err)
	}
	return d, !d.Delivered, nil
}

// takeOver puts an alert that waits elsewhere into a store, which takes each once.
func takeOver(to alert.Store, al alert.Alert, taken time.Time) error {
	p, err := to.Take([]alert.Alert{al}, 0, taken)
	if err == nil && p.Left > 0 {
		err = errors.New("too many alerts wait")
	}
	return err
}
