// Package elastic is the index of several machines: Elasticsearch 8, or OpenSearch 2, with one index a retention class
// and day, and documents whose id is the event's, so that an event that comes again meets itself.
//
// # Writing
//
// Write makes the documents and queues them. Several workers send what is queued, as bulk requests of "create": a
// document that was not there is new, one that was is a repeat. What the servers refuse for now, they are sent again;
// what they refuse for good, as the raw line alone (index.Reduce), into the same index; what even that does not help, is
// put among the dead letters. While the servers are away nothing is answered, and Write blocks.
//
// One loop takes the Writes whose documents are durable, in order: it shows their events to who watches, and adds their
// ranges to the ledger. Another loop makes the ledger durable, for many Writes at a time, one document an agent, and
// answers them. Where two aggregators write the ledger of an agent, what both did is united.
//
// # Indices
//
// PREFIX-CLASS-YYYY.MM.DD holds the events of a class and day, as the agent wrote these; the alias PREFIX is all of
// them. PREFIX-state-NAME hold documents of our own: the ledger, who keeps house, and what others keep by Docs. The
// mapping is static, and described in schema.go and document.go.
//
// An Index is safe for concurrent use. It starts no goroutine before Run.
package elastic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/index"
	"belfry/aggregator/index/admit"
	"belfry/aggregator/ledger"
)

// Index is an open index.
type Index struct {
	*reader // answers questions

	cfg      Config
	hooks    Hooks
	log      *slog.Logger
	now      func() time.Time
	c        *client
	ledger   *ledger.Ledger
	store    *ledgerStore
	house    *house
	gate     *admit.Gate
	clock    clock // of belfry.order
	makers   sync.Pool
	measures measures

	enter sync.Mutex // held while a Write gets its position: both queues have the same order
	parts chan *part
	order chan *pending // all Writes, in order of position
	acks  chan *pending // what was shown to who watches
	next  uint64        // position of the next Write
	trouble
	catching catching

	life *admit.Life

	docSize  atomic.Int64  // of the last documents, and some more
	position atomic.Uint64 // of the last Write that is durable
	stats    atomic.Pointer[index.Stats]
}

var _ index.Index = (*Index)(nil)

// The bounds of the queue.
const (
	queueBytes = 64 << 20 // of documents that wait to be answered
	queueLeast = 4 << 10  // what even an empty Write counts for
	rangeCost  = 64       // what a range counts for
)

// Open connects to the servers, waits until they answer, makes the index templates and reads the ledger. ctx bounds
// this alone. It calls none of the hooks: Run does.
func Open(ctx context.Context, cfg Config, hooks Hooks, log *slog.Logger, set *metrics.Set) (*Index, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("index.elastic: %w", err)
	}
	cfg = cfg.withDefaults()
	if set == nil {
		set = metrics.NewSet()
	}
	c, err := newClient(cfg, log)
	if err != nil {
		return nil, err
	}
	x := &Index{
		cfg: cfg, hooks: hooks, log: log, now: time.Now, c: c, ledger: ledger.New(), gate: admit.NewGate(queueBytes),
		parts: make(chan *part, 2*queueBytes/queueLeast), order: make(chan *pending, queueBytes/queueLeast),
		acks: make(chan *pending, queueBytes/queueLeast), next: hooks.First + 1, life: admit.NewLife(log),
		measures: newMeasures(set),
	}
	x.reader = newReader(c, log, x.life.Gone)
	x.makers.New = func() any { return newMaker() }
	x.clock.begin()
	x.position.Store(hooks.First)
	if err := c.await(ctx, x.open); err != nil {
		return nil, fmt.Errorf("open the index: %w", errors.Join(err, c.close()))
	}
	x.gauges(set)
	return x, nil
}

// open may be called again if the servers do not answer all of it.
func (x *Index) open(ctx context.Context) error {
	if err := x.c.learn(ctx); err != nil {
		return err
	}
	if err := x.c.install(ctx); err != nil {
		return err
	}
	docs, err := openDocs(ctx, x.c, "ledger")
	if err != nil {
		return err
	}
	x.store = &ledgerStore{docs: docs, conflicts: x.measures.conflicts}
	if x.house, err = newHouse(ctx, x); err != nil {
		return err
	}
	if err := x.store.docs.refresh(ctx); err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	if err := x.store.join(ctx, x.ledger, time.Time{}); err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	days, err := x.days(ctx) // who asks at once for the classes must not be told that there are none
	if err != nil {
		return err
	}
	x.stats.Store(statsOf(&x.cfg, days))
	return nil
}

// Await calls fn until the servers answer what it asks. It ends with the context's error, or when they refuse.
func (x *Index) Await(ctx context.Context, fn func(context.Context) error) error {
	return x.c.await(ctx, fn)
}

// Docs opens the documents of a name, 1 to 32 of a-z, 0-9 and _, which every aggregator of this prefix shares. It waits
// until the servers answer, as Open does.
func (x *Index) Docs(ctx context.Context, name string) (d index.Docs, err error) {
	err = x.c.await(ctx, func(ctx context.Context) (err error) {
		d, err = openDocs(ctx, x.c, name)
		return err
	})
	return d, err
}

// Held reports whether the event at offset is durable, or was a part of a batch that is.
func (x *Index) Held(pos ledger.Position, offset uint64) bool { return x.ledger.Held(pos, offset) }

// Ledger returns the ledger, for reading: what this aggregator knows of it.
func (x *Index) Ledger() *ledger.Ledger { return x.ledger }

// Since has nothing to tell: what was not answered comes again.
func (x *Index) Since(uint64, index.Watch) error { return nil }

// AlertsAt changes nothing: there is no log to be cut.
func (x *Index) AlertsAt(uint64) {}

// Close ends Run, and lets go of the servers.
func (x *Index) Close() error {
	if !x.life.Close(x.refuseQueued) {
		return nil
	}
	return x.c.close()
}
