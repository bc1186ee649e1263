package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/aggregator/query"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// sharedIndex is an engine whose index several aggregators write.
type sharedIndex interface {
	index.Index
	ledgers
	// Docs returns the documents of a kind.
	Docs(ctx context.Context, name string) (index.Docs, error)
	// Classes returns the retention classes that there are now, whoever wrote them.
	Classes(ctx context.Context) ([]string, error)
}

// The kinds of documents: of the fleet, and of the alerts that wait.
const (
	docsAgents = "agents"
	docsNotes  = "notes"
	docsGaps   = "gaps"
	docsAlerts = "alerts"
)

// openFollower shares the fleet and the gaps with the other aggregators of an index. Nothing is read yet.
func (a *Aggregator) openFollower(ctx context.Context, x sharedIndex) error {
	var docs [3]index.Docs
	for i, name := range []string{docsAgents, docsNotes, docsGaps} {
		var err error
		if docs[i], err = x.Docs(ctx, name); err != nil {
			return err
		}
	}
	if err := a.openTracker(); err != nil {
		return err
	}
	a.fleet.Share(docs[0], docs[1], time.Now())
	a.gaps.Share(docs[2], x.Read)
	a.follow = &follower{
		fleet: a.fleet, gaps: a.gaps, held: a.index.Ledger(), ledgers: x, heartbeats: a.heartbeatsSince, say: a.writeSaid,
	}
	return nil
}

// writeSaid writes an event that is kept in a document until it is in the index. What the index refuses is cut short, for it
// would hold up all others.
func (a *Aggregator) writeSaid(ctx context.Context, e *event.Event) error {
	write := func() error {
		e.Set("event.ingested", time.Now().UTC().Format(time.RFC3339Nano))
		return wait(ctx, func(done func(error)) {
			a.index.Write(ctx, a.ownWrite(ledger.Position{}, e), func(_ index.Result, err error) { done(err) })
		})
	}
	err := write()
	if errors.Is(err, index.ErrBadWrite) {
		id, dataset, action := e.Get("event.id"), e.Get("event.dataset"), e.Get("event.action")
		a.log.Error("event of our own is cut short", "dataset", dataset, "action", action, "err", err)
		index.Reduce(e, err)
		e.Set("event.id", id)
		e.Set("event.dataset", dataset)
		e.Set("event.action", action)
		err = write()
	}
	return err
}

// clockDistance is how far the clock of an agent may be from the aggregators', for its heartbeats to be found.
const clockDistance = 24 * time.Hour

// heartbeatsSince calls fn for each heartbeat that came since a time, by the clock of the aggregator that took it.
func (a *Aggregator) heartbeatsSince(ctx context.Context, since time.Time, fn func(*event.Event) error) error {
	since = since.Add(-clockSkew)
	x, err := query.Parse(fmt.Sprintf(`event.dataset:%s AND event.ingested:>="%s"`, heartbeat.Dataset, since.UTC().Format(time.RFC3339Nano)))
	if err != nil {
		return err
	}
	s := index.Search{Span: index.Span{Query: x, From: since.Add(-clockDistance)}, Oldest: true, Limit: -1}
	return a.index.Search(ctx, s, func(e *event.Event, _ index.Cursor) error { return fn(e) })
}

// stepShared judges what this aggregator consumes.
func (a *Aggregator) stepShared(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	return a.follow.step(ctx, a.ownQueues(), now)
}

// ownQueues returns what this aggregator consumes: without a broker, what comes over HTTPS.
func (a *Aggregator) ownQueues() []string {
	if a.consume == nil {
		return []string{""}
	}
	for _, m := range a.consume.Members() {
		if m.Self {
			return m.Queues
		}
	}
	return nil
}

// caughtUp lets an answer have what other aggregators know. What cannot be known is not answered.
func (a *Aggregator) caughtUp(ctx context.Context) error {
	if a.follow == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	return a.follow.catchUp(ctx, time.Now(), fresh)
}

// handOver writes what is not in the documents yet, so that who takes over need not find out.
func (a *Aggregator) handOver() error {
	if a.follow == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), handOverPatience)
	defer cancel()
	now := time.Now()
	return errors.Join(a.fleet.PublishAll(ctx, now), a.follow.speak(ctx, now))
}

// handOverPatience bounds it: who takes over can find out.
const handOverPatience = 5 * time.Second
