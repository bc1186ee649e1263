// Package app wires the agent together and runs it.
//
//	input/file ───┐
//	input/syslog ─┼─▶ ship ─▶ ship/amqp or ship/https ─▶ receiver
//	heartbeats ───┘    │                │
//	   cursors ◀───────┘ confirmed      │
//	   ends    ◀────────────────────────┘ indexed
//	     └─▶ rotate: what the index has may be deleted
//
// Starting and stopping follow the data: the inputs stop first, ship sends what they left, then the road ends.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/agent/config"
	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/agent/rotate"
	"belfry/agent/ship"
	"belfry/agent/ship/amqp"
	"belfry/agent/ship/https"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
	"belfry/shared/ops"
	"belfry/shared/run"
	"belfry/shared/segment"
)

// grace is how long an ordered stop may take before what is left is abandoned: it is read again after the start.
const grace = 10 * time.Second

// road is a way to the receiver that lives as long as its Run.
type road interface {
	ship.Transport
	Run(ctx context.Context) error
	LastError() error
}

// Agent is a wired agent.
type Agent struct {
	cfg     *config.Config
	grace   time.Duration
	id      event.Key
	log     *slog.Logger
	set     *metrics.Set
	lock    *os.File // held on the state folder
	road    road
	ship    *ship.Shipper
	files   *file.Input
	syslogs []*syslog.Input
	relays  []*relay
	pulse   *pulse
	rotator *rotate.Rotator // nil if nothing is to be rotated
}

// New wires an agent and opens its state and its listeners. It starts nothing; see Run. When it fails, nothing stays open.
func New(cfg *config.Config, version string, log *slog.Logger) (*Agent, error) {
	if err := os.MkdirAll(cfg.State, 0o750); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	// Two agents that write one state would spoil it.
	lock, err := segment.Lock(filepath.Join(cfg.State, "lock"))
	if err != nil {
		return nil, fmt.Errorf("take state folder: %w", err)
	}
	a := &Agent{cfg: cfg, grace: grace, log: log, set: metrics.NewSet(), lock: lock}
	if err := a.wire(version); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// wire builds the stages from the receiver back to the inputs. What it has opened when it fails is close's.
func (a *Agent) wire(version string) error {
	name, err := a.cfg.Ship.Files().CommonName()
	if err != nil {
		return err
	}
	if a.id, err = loadIdentity(a.cfg.State, a.cfg.Namespace, name, thisMachine(), a.log); err != nil {
		return err
	}
	if a.road, err = a.newRoad(version); err != nil {
		return err
	}
	signer, err := a.cfg.Ship.Files().Signer()
	if err != nil {
		return err
	}
	boot := event.RandomKey()
	builder, err := batch.NewBuilder(a.id, boot, 0, signer.Sign)
	if err != nil {
		return err
	}
	a.ship = ship.New(ship.Config{}, builder, a.road, a.confirmed, a.log, a.set)
	src := file.Source{Agent: a.id, Version: version, Host: a.cfg.Host, Zone: zone(a.cfg.Zone)}
	if len(a.cfg.Inputs.Files) > 0 {
		a.files, err = file.Open(filepath.Join(a.cfg.State, "files"), a.cfg.Inputs.Files, src, a.ship, a.log, a.set)
		if err != nil {
			return err
		}
	}
	for _, c := range a.cfg.Inputs.Syslog {
		r := newRelay(src, c, a.ship)
		in, err := syslog.New(c, r, a.log, a.set)
		if err != nil {
			return err
		}
		a.syslogs, a.relays = append(a.syslogs, in), append(a.relays, r)
	}
	a.pulse = newPulse(src, boot, a.cfg.Hash, a.cfg.Ship.Files(), a.ship, a.log)
	if a.files != nil {
		a.pulse.doubts = a.files.Doubts
	}
	if err := a.wireRotation(); err != nil {
		return err
	}
	a.pulse.streams, a.pulse.dropped = a.streams, func() uint64 { return syslog.Dropped(a.syslogs) }
	return nil
}

// wireRotation rotates what the configuration names. What no input reads the index never has, so it is never deleted.
func (a *Agent) wireRotation() (err error) {
	if len(a.cfg.Rotate) == 0 {
		return nil
	}
	var index rotate.Index
	if a.files != nil {
		index = a.files
	}
	a.rotator, err = rotate.Open(filepath.Join(a.cfg.State, "rotate"), a.cfg.Rotate, index, a.log, a.set)
	return err
}

func (a *Agent) newRoad(version string) (road, error) {
	if a.cfg.Ship.AMQP != nil {
		c := *a.cfg.Ship.AMQP
		c.AppID = "belfry-agent/" + version
		return amqp.New(c, a.acknowledged, a.log, a.set)
	}
	return https.New(*a.cfg.Ship.HTTPS, a.indexed, a.acknowledged, a.log, a.set)
}

// streams returns all streams of which the index has not acknowledged the end.
func (a *Agent) streams() (all []heartbeat.Stream) {
	if a.files != nil {
		all = a.files.Ends()
	}
	for _, r := range a.relays {
		end := r.end()
		end.Final = a.pulse.last()
		all = append(all, end)
	}
	return all
}

// indexed notes that the index has a batch, as an aggregator without a broker says at once.
func (a *Agent) indexed(m *batch.Manifest) {
	for _, s := range m.Streams {
		if a.files != nil {
			a.files.IndexedRanges(s)
		}
	}
}

// acknowledged notes how far the index is, as an aggregator says by way of the broker.
func (a *Agent) acknowledged(ack *heartbeat.Ack) {
	if ack.Agent != a.id {
		return // of one that had this certificate before
	}
	for _, s := range ack.Streams {
		if a.files != nil {
			a.files.IndexedTo(s.ID, s.Epoch, s.End)
		}
	}
}

// confirmed tells the inputs what the receiver has taken. Streams of sockets have no cursor.
func (a *Agent) confirmed(m *batch.Manifest) {
	for _, s := range m.Streams {
		if a.files != nil {
			a.files.Confirmed(s)
		}
	}
}

// Run works until ctx is done, then stops in order.
func (a *Agent) Run(ctx context.Context) error {
	var g run.Group
	for i, in := range a.syslogs {
		g.AddWorker(fmt.Sprintf("input/syslog[%d]", i), in.Run)
	}
	if a.files != nil {
		g.AddWorker("input/file", a.files.Run)
	}
	if a.rotator != nil {
		g.AddWorker("rotate", a.rotator.Run)
	}
	g.Add("heartbeat", a.pulse.Run, a.pulse.stop)
	g.Add("ship", a.ship.Run, a.ship.Close)
	g.AddWorker("road", a.road.Run)
	for name, addr := range map[string]string{"status": "unix:" + SocketPath(a.cfg.State), "metrics": a.cfg.Metrics} {
		if addr == "" {
			continue
		}
		srv, err := ops.New(ops.Config{Listen: addr, Handler: a.handler()}, a.log)
		if err != nil {
			return errors.Join(err, a.close())
		}
		g.AddWorker(name, srv.Run)
	}
	a.log.Info("agent runs", "agent", a.id.String(), "host", a.cfg.Host)
	ops.Notify(ops.Ready)
	err := g.Run(ctx, a.grace)
	ops.Notify(ops.Stopping)
	err = errors.Join(err, a.close())
	a.log.Info("agent has stopped")
	return err
}

// close closes the state, and the listeners of an agent that did not run.
func (a *Agent) close() error {
	var errs []error
	for _, in := range a.syslogs {
		if err := in.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.files != nil {
		errs = append(errs, a.files.Close())
	}
	if a.rotator != nil {
		errs = append(errs, a.rotator.Close())
	}
	return errors.Join(append(errs, a.lock.Close())...)
}

// SocketPath is where a running agent answers "belfry-agent status".
func SocketPath(state string) string { return filepath.Join(state, "agent.sock") }

func (a *Agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", ops.Handler(a.set, a.road.LastError))
	mux.HandleFunc("GET /status", a.status)
	return mux
}
