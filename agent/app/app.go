// Package app wires the agent together and runs it.
//
//	input/file ───┐
//	              ├─▶ ship ─▶ ship/amqp or ship/https ─▶ receiver
//	input/syslog ─┘    │
//	   cursors ◀───────┘ confirmed
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
	"belfry/agent/ship"
	"belfry/agent/ship/amqp"
	"belfry/agent/ship/https"
	"belfry/shared/batch"
	"belfry/shared/event"
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
	var err error
	if a.id, err = loadIdentity(a.cfg.State, a.cfg.Namespace, thisMachine(), a.log); err != nil {
		return err
	}
	if a.road, err = newRoad(a.cfg, version, a.log, a.set); err != nil {
		return err
	}
	signer, err := a.cfg.Ship.Files().Signer()
	if err != nil {
		return err
	}
	builder, err := batch.NewBuilder(a.id, event.RandomKey(), 0, signer.Sign)
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
		in, err := syslog.New(c, newRelay(src, c, a.ship), a.log, a.set)
		if err != nil {
			return err
		}
		a.syslogs = append(a.syslogs, in)
	}
	return nil
}

func newRoad(cfg *config.Config, version string, log *slog.Logger, set *metrics.Set) (road, error) {
	if cfg.Ship.AMQP != nil {
		c := *cfg.Ship.AMQP
		c.AppID = "belfry-agent/" + version
		return amqp.New(c, log, set)
	}
	return https.New(*cfg.Ship.HTTPS, log, set)
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
