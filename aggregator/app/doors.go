package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"belfry/aggregator/config"
	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/aggregator/receive"
	amqpin "belfry/aggregator/receive/amqp"
	httpin "belfry/aggregator/receive/http"
	"belfry/aggregator/serve"
	"belfry/aggregator/token"
	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/event"
	"belfry/shared/ops"
	"belfry/shared/run"
)

// Connections to the TLS door at a time, now that anybody may knock: enough for some thousand agents, of which some share
// an address.
const (
	maxConns     = 8192
	maxPeerConns = 512
	// To the plain door everybody on this machine may connect, from as many addresses as 127.0.0.0/8 has: it must not
	// take the descriptors that the other doors need.
	maxPlainConns = 512
)

// addDoors opens the listeners.
func (a *Aggregator) addDoors(g *run.Group) error {
	a.process.sockets.Retain(addresses(a.cfg)...)
	sink, err := a.sink()
	if err != nil {
		return err
	}
	tokens, err := token.Open(a.cfg.Dir(tokensFile))
	if err != nil {
		return err
	}
	doors := httpin.New(sink, tokens, a.ready, a.log, a.set)
	doors.Acks, doors.Alive = a.writeAcks, a.process.supervisor.Alive
	if a.authority != nil {
		doors.Revoked = a.authority.Refuses
	}
	if plain := a.cfg.Receive.HTTP.Plain; plain != "off" {
		if err := a.listen(g, "receive/http plain", ops.Config{
			Listen: plain, Handler: doors.Plain(), MaxConns: maxPlainConns, MaxPeerConns: maxPlainConns,
		}); err != nil {
			return err
		}
	}
	callers := newTokenDoor(tokens, a.log, a.set)
	api := serve.New(a.index, a.hub, a.status, a.trail.note, a.log)
	a.dead.addRoutes(api)
	a.serveTokens(api, tokens)
	a.serveEnrollment(api, tokens)
	a.addWatched(api)
	a.addErasing(api)
	a.addBackup(api)
	enroller := a.newEnroller(tokens, callers)
	if t := a.cfg.Receive.HTTP.TLS; t != nil {
		tls, err := t.Files.AskingServer()
		if err != nil {
			return fmt.Errorf("receive.http.tls: %w", err)
		}
		if err := a.listen(g, "receive/http tls", ops.Config{
			Listen: t.Listen, Handler: encrypted(doors, api, callers, enroller), TLS: tls, MaxConns: maxConns, MaxPeerConns: maxPeerConns,
		}); err != nil {
			return err
		}
	}
	measures := ops.Handler(a.set, a.process.supervisor.Alive, a.ready)
	if m := a.cfg.Serve.Metrics; m != "" {
		if err := a.listen(g, "metrics", ops.Config{Listen: m, Handler: measures}); err != nil {
			return err
		}
	}
	a.local = http.NewServeMux()
	api.Register(a.local, fromSocket)
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		a.local.Handle("GET "+path, measures)
	}
	g.AddWorker("trail", a.trail.run) // behind the doors
	return nil
}

// addresses are where a configuration has doors.
func addresses(cfg *config.Config) []string {
	all := []string{cfg.Receive.HTTP.Plain, cfg.Serve.Metrics}
	if t := cfg.Receive.HTTP.TLS; t != nil {
		all = append(all, t.Listen)
	}
	return all
}

// Handler answers at the unix socket.
func (a *Aggregator) Handler() http.Handler { return a.local }

// encrypted is the door for all who are elsewhere: those who bring events, those who want to, and with a token for it those who
// ask.
func encrypted(doors *httpin.Doors, api *serve.API, callers *tokenDoor, enroller *enroller) http.Handler {
	mux := http.NewServeMux()
	enroller.register(mux)
	api.Register(mux, callers.who)
	mux.Handle("/", doors.TLS())
	return mux
}

func (a *Aggregator) listen(g *run.Group, name string, c ops.Config) error {
	c.Sockets = a.process.sockets
	srv, err := ops.New(c, a.log)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.servers = append(a.servers, srv)
	g.AddWorker(name, srv.Run)
	a.log.Info("listening", "as", name, "addr", srv.Addr().String())
	return nil
}

// sink is where the HTTP doors lead: to the broker where there is one, so that all goes one road, else to the index.
func (a *Aggregator) sink() (httpin.Sink, error) {
	if a.publish == nil {
		return burying{direct{a.pipe}, a.dead, false}, nil
	}
	signer, err := a.cfg.Receive.AMQP.Signer()
	if err != nil {
		return nil, err
	}
	q, err := newQueued(a.publish, signer.Sign)
	return burying{q, a.dead, true}, err
}

// direct takes what came over HTTP into the index at once.
type direct struct{ pipe *pipeline }

// Batch waits until the batch is durable.
func (d direct) Batch(ctx context.Context, b httpin.Batch) (bool, error) {
	return false, wait(ctx, func(done func(error)) {
		d.pipe.batch(ctx, delivery{manifest: b.Manifest, proof: b.Proof, body: b.Body}, done)
	})
}

// Events waits until the events are durable.
func (d direct) Events(ctx context.Context, events []*event.Event) (httpin.Taken, error) {
	var known []int
	err := wait(ctx, func(done func(error)) {
		d.pipe.foreignEvents(ctx, events, func(r index.Result, err error) {
			known = r.Known
			done(err)
		})
	})
	if err != nil { // if it was given up, known may still be written
		return httpin.Taken{}, err
	}
	return httpin.Taken{Known: known}, nil
}

func wait(ctx context.Context, begin func(done func(error))) error {
	result := make(chan error, 1)
	begin(func(err error) { result <- err })
	select {
	case err := <-result:
		if errors.Is(err, errPoison) {
			return fmt.Errorf("%w: %w", httpin.ErrPoison, err)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// queued hands what came over HTTP to the broker, so that it goes the one road. Foreign events become batches of a
// stream of this process's own: then the ledger knows a repeat of them as it knows one of an agent's. An event that its
// sender has named keeps the id of that name.
type queued struct {
	publish *amqpin.Publisher

	mu      sync.Mutex
	agent   event.Key
	builder *batch.Builder
	place   batch.Place
	offset  uint64
	holes   int // in the offsets, at most
}

// maxHoles is how many holes the stream may have: a ledger holds so many ranges ahead of one, and refuses what is more.
const maxHoles = ledger.MaxRanges / 2

// newQueued returns one that signs as the aggregator.
func newQueued(p *amqpin.Publisher, sign batch.Sign) (*queued, error) {
	agent := event.RandomKey()
	builder, err := batch.NewBuilder(agent, event.RandomKey(), 0, sign)
	if err != nil {
		return nil, err
	}
	return &queued{
		publish: p, agent: agent, builder: builder,
		place: batch.Place{Stream: event.RandomKey(), Class: "default"},
	}, nil
}

// Batch publishes an agent's batch in its slot, as it came.
func (q *queued) Batch(ctx context.Context, b httpin.Batch) (bool, error) {
	m, err := batch.ParseManifest(b.Manifest)
	if err != nil {
		return false, fmt.Errorf("%w: %w", httpin.ErrPoison, err)
	}
	return true, q.send(ctx, m, b.Manifest, b.Body, b.Proof)
}

// Events publishes foreign events. Who sends them may send them again, and need not wait for a broker that is away.
func (q *queued) Events(ctx context.Context, events []*event.Event) (httpin.Taken, error) {
	err := q.publish.LastError()
	if class := broker.ClassOf(err); class == broker.Network || class == broker.TLS {
		return httpin.Taken{}, err
	}
	batches, err := q.seal(events)
	if err != nil {
		return httpin.Taken{}, err
	}
	for i, b := range batches {
		if err := q.send(ctx, b.Manifest, b.Header, b.Body, b.Proof); err != nil {
			q.lost(len(batches) - i)
			return httpin.Taken{}, err
		}
	}
	return httpin.Taken{Queued: true}, nil
}

// lost notes that batches may never come: their sender makes others. What follows too many of them is a new epoch.
func (q *queued) lost(batches int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.holes += batches; q.holes >= maxHoles {
		q.place.Epoch++
		q.offset, q.holes = 0, 0
	}
}

// seal gives events their places in this process's stream.
func (q *queued) seal(events []*event.Event) ([]*batch.Sealed, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.place.Day = time.Now().UTC().Format(time.DateOnly)
	var all []*batch.Sealed
	for _, e := range events {
		if !receive.Named(e) {
			e.Set("event.id", event.ID(q.agent, q.place.Stream, q.place.Epoch, q.offset).String())
		}
		e.Set("log.offset", strconv.FormatUint(q.offset, 10))
		line := e.AppendJSON(nil)
		if !q.builder.Fits(q.place, len(line)) {
			b, err := q.builder.Seal()
			if err != nil {
				return nil, err
			}
			all = append(all, b)
		}
		q.builder.Add(q.place, q.offset, q.offset+1, line)
		q.offset++
	}
	b, err := q.builder.Seal()
	return append(all, b), err
}

func (q *queued) send(ctx context.Context, m *batch.Manifest, manifest, body []byte, proof batch.Proof) error {
	return q.publish.Publish(ctx, broker.Events, batch.Slot(m.Agent, m.Lane), amqpin.Message{
		Manifest: manifest, Body: body, MessageID: m.ID.String(), Headers: proof.Headers(),
		ContentType: batch.ContentType, ContentEncoding: batch.ContentEncoding,
	})
}

// Status is the answer of /v1/status.
type Status struct {
	Ready         string      `json:"ready"` // "ok", or why nothing is taken
	AlertsPending int         `json:"alerts_pending"`
	Index         index.Stats `json:"index"`
	DeadLetters   int         `json:"dead_letters"`

	Members []amqpin.Member `json:"members,omitempty"` // the aggregators that share the broker's queues
}

func (a *Aggregator) status() any {
	s := Status{Ready: "ok", AlertsPending: a.outbox.Pending(), Index: a.index.Stats(), DeadLetters: a.dead.store.Count()}
	if err := a.readyBy(s.Index); err != nil {
		s.Ready = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if a.consume != nil {
		s.Members = a.consume.Members()
	}
	return s
}
