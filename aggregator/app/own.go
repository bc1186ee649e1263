package app

import (
	"context"
	"errors"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// ownDatasets begins the datasets of what agents and aggregators say of themselves.
const ownDatasets = "belfry."

// ownAgent is the agent of all events that an aggregator makes itself, as of gaps. It ships nothing.
var ownAgent = event.HashKey("belfry", "own")

// ownPlace names an event of the aggregator's own by its key, so it is written once however often it is told, and by
// whichever of several aggregators.
func ownPlace(key []string) ledger.Position {
	return ledger.Position{Agent: ownAgent, Stream: event.HashKey(key...)}
}

// tell writes an event of the aggregator's own to the index, where the alerts see it, once for each key. It returns
// without waiting for that.
func (a *Aggregator) tell(ctx context.Context, key []string, e *event.Event) {
	a.tellThen(ctx, key, e, func(err error) {
		if err != nil && !errors.Is(err, index.ErrClosed) {
			a.log.Warn("event of our own not written", "dataset", e.Get("event.dataset"), "err", err)
		}
	})
}

// tellThen is like tell, and says what became of it.
func (a *Aggregator) tellThen(ctx context.Context, key []string, e *event.Event, done func(error)) {
	pos, now := ownPlace(key), time.Now().UTC().Format(time.RFC3339Nano)
	e.Default("@timestamp", now)
	e.Default("event.created", now)
	e.Set("event.ingested", now)
	e.Default("event.kind", "event")
	e.Set("event.id", event.ID(pos.Agent, pos.Stream, pos.Epoch, 0).String())
	a.index.Write(ctx, a.ownWrite(pos, e), func(_ index.Result, err error) { done(err) })
}

// ownWrite is an event of the aggregator's own to write. A ledger on this disk knows it for ever. One that several
// aggregators share would be read and written as a whole for each: there its id is looked for, in the index of the day on
// which it was made first, and in those of today and yesterday.
func (a *Aggregator) ownWrite(pos ledger.Position, e *event.Event) index.Write {
	if a.cfg.Index.Engine == config.EngineElastic {
		return index.Write{Items: []index.Item{{Event: e, Named: true, Day: index.DayOf(e.Get("event.created"))}}}
	}
	return index.Write{
		Items:  []index.Item{{Event: e, Pos: pos, Ranged: true}},
		Ranges: []index.Range{{Pos: pos, Kind: batch.Data, End: 1}},
	}
}
