package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"belfry/aggregator/audit"
	"belfry/aggregator/config"
	"belfry/aggregator/fleet"
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

// inherit lets the aggregator of the embedded engine know what those know that share an index.
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
	return h.settle()
}
