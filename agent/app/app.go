// Package app wires the agent together and runs it.
//
//	input/file ────────────┐
//	input/journal ─────────┤
//	input/syslog ─▶ spool ─┼─▶ ship ─▶ ship/amqp or ship/https ─▶ receiver
//	heartbeats ────────────┘    │                │
//	   cursors ◀────────────────┘ confirmed      │
//	   ends    ◀─────────────────────────────────┘ indexed
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
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/agent/config"
	"belfry/agent/enroll"
	"belfry/agent/input/file"
	"belfry/agent/input/journal"
	"belfry/agent/input/syslog"
	"belfry/agent/rotate"
	"belfry/agent/ship"
	"belfry/agent/ship/amqp"
	"belfry/agent/ship/https"
	"belfry/agent/spool"
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
	cfg      *config.Config
	grace    time.Duration
	id       event.Key
	log      *slog.Logger
	set      *metrics.Set
	lock     *os.File // held on the state folder
	road     road
	ships    []*ship.Shipper // one a lane; all but syslog goes by the first
	files    *file.Input
	journals []*journal.Input
	syslogs  []*syslog.Input
	closing  chan struct{} // closed when nothing more is to be shipped
	relay    *relay        // nil if there is no syslog to relay, nor any left of before
	pulse    *pulse
	rotator  *rotate.Rotator // nil if nothing is to be rotated
	renewer  *enroll.Renewer // nil if the certificate came by another way than enrolment
	metrics  *ops.Server     // nil if nobody is to have them but at the unix socket
	process  Process
	yields   atomic.Bool // another agent follows in this process
}

// New wires an agent and opens its state and its listeners. It starts nothing; see Run. When it fails, nothing stays open.
func New(cfg *config.Config, process Process, log *slog.Logger) (*Agent, error) {
	if err := os.MkdirAll(cfg.State, 0o750); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	// Two agents that write one state would spoil it.
	lock, err := segment.Lock(filepath.Join(cfg.State, "lock"))
	if err != nil {
		return nil, fmt.Errorf("take state folder: %w", err)
	}
	a := &Agent{cfg: cfg, grace: grace, log: log, set: metrics.NewSet(), lock: lock, closing: make(chan struct{}), process: process}
	if err := a.wire(process.Version); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	process.supervisor.Measure(a.set, "belfry_agent")
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
	if a.cfg.Ship.Enrolled {
		a.renewer = enroll.NewRenewer(enroll.In(a.cfg.State), a.cfg.Host, a.renewed, a.log, a.set)
	}
	signer, err := a.cfg.Ship.Files().Signer()
	if err != nil {
		return err
	}
	boot := event.RandomKey()
	for lane := range max(a.cfg.Ship.Lanes, 1) {
		builder, err := batch.NewBuilder(a.id, boot, lane, signer.Sign)
		if err != nil {
			return err
		}
		a.ships = append(a.ships, ship.New(ship.Config{}, builder, a.road, a.confirmed, a.log, a.set))
	}
	src := file.Source{Agent: a.id, Version: version, Host: a.cfg.Host, Zone: zone(a.cfg.Zone)}
	if len(a.cfg.Inputs.Files) > 0 {
		a.files, err = file.Open(filepath.Join(a.cfg.State, "files"), a.cfg.Inputs.Files, src, a.ships[0], a.log, a.set)
		if err != nil {
			return err
		}
	}
	if err := errors.Join(a.wireJournals(src), a.wireRelay(src)); err != nil {
		return err
	}
	a.pulse = newPulse(src, boot, a.cfg.Hash, a.cfg.Ship.Files(), a.ships[0], a.log)
	a.pulse.doubts = a.doubts
	if err := a.wireRotation(); err != nil {
		return err
	}
	if a.relay != nil {
		a.pulse.spool, a.pulse.told, a.pulse.heard = a.relay.spool.Waiting, a.relay.cuts.told, a.relay.cuts.hear
		a.relay.dropped, a.relay.roadErr = a.dropped, a.road.LastError
	}
	a.pulse.streams, a.pulse.dropped = a.streams, a.dropped
	a.measure()
	return a.wireMetrics()
}

// wireMetrics opens the listener for Prometheus.
func (a *Agent) wireMetrics() (err error) {
	a.process.sockets.Retain(a.cfg.Metrics)
	if a.cfg.Metrics == "" {
		return nil
	}
	a.metrics, err = ops.New(ops.Config{Listen: a.cfg.Metrics, Handler: a.measures(), Sockets: a.process.sockets}, a.log)
	return err
}

// wireJournals opens the journals, each with its state.
func (a *Agent) wireJournals(src file.Source) error {
	for _, c := range a.cfg.Inputs.Journal {
		in, err := journal.Open(filepath.Join(a.cfg.State, "journal"), c, journal.Source(src), a.ships[0], a.log, a.set)
		if err != nil {
			return err
		}
		a.journals = append(a.journals, in)
	}
	return nil
}

// wireRelay opens the spool and the listeners. What a former configuration left in the spool is sent also without any.
func (a *Agent) wireRelay(src file.Source) (err error) {
	dir := filepath.Join(a.cfg.State, "spool")
	left, err := spool.Names(dir)
	if err != nil {
		return err
	}
	handed := a.process.handed
	handed.Retain(a.cfg.Inputs.Syslog)
	if len(a.cfg.Inputs.Syslog) > 0 || len(left) > 0 {
		if a.relay, err = openRelay(dir, a.cfg.Spool, a.classes(), src, a.ships, a.log, a.set); err != nil {
			return err
		}
	}
	for _, c := range a.cfg.Inputs.Syslog {
		in, err := syslog.New(c, handed, a.relay.ear(c.Class), a.log, a.set)
		if err != nil {
			return err
		}
		a.syslogs = append(a.syslogs, in)
	}
	for _, name := range handed.Left() {
		a.log.Warn("a socket that systemd opened is of no input in the configuration", "socket", name)
	}
	return nil
}

// classes are those of what the listeners bring.
func (a *Agent) classes() (all []string) {
	for _, c := range a.cfg.Inputs.Syslog {
		if c.Class == "" {
			all = append(all, classAuth, classDefault)
		} else {
			all = append(all, c.Class)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// doubts returns what is in doubt, each once.
func (a *Agent) doubts() (all []file.Doubt) {
	if a.files != nil {
		all = a.files.Doubts()
	}
	if a.relay != nil {
		all = append(all, a.relay.cuts.doubts()...)
	}
	return all
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

// renewed has the road go on with the new certificate, if it asks for that: an aggregator lets nobody in by one that has
// expired, however long the connection was open. A broker asks no more.
func (a *Agent) renewed() {
	if r, ok := a.road.(*https.Road); ok {
		r.Reconnect()
	}
}

// streams returns all streams of which the index has not acknowledged the end.
func (a *Agent) streams() (all []heartbeat.Stream) {
	if a.files != nil {
		all = a.files.Ends()
	}
	for _, j := range a.journals {
		all = append(all, j.Ends()...)
	}
	if a.relay != nil {
		all = append(all, a.relay.ends()...)
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

// confirmed tells the inputs what the receiver has taken. Each lane calls it by itself.
func (a *Agent) confirmed(m *batch.Manifest) {
	for _, s := range m.Streams {
		if a.files != nil {
			a.files.Confirmed(s)
		}
		for _, j := range a.journals {
			j.Confirmed(s)
		}
		if a.relay != nil {
			a.relay.confirmed(s)
		}
		a.pulse.confirmed(s)
	}
}

// Run works until ctx is done, then stops in order.
func (a *Agent) Run(ctx context.Context) error {
	var g run.Group
	if len(a.syslogs) > 0 {
		g.AddWorker("input/syslog", a.listen)
	}
	if a.relay != nil {
		g.Add("relay", a.relay.Run, a.relay.stop)
	}
	for i, j := range a.journals {
		g.AddWorker(fmt.Sprintf("input/journal[%d]", i), j.Run)
	}
	if a.files != nil {
		g.AddWorker("input/file", a.files.Run)
	}
	if a.rotator != nil {
		g.AddWorker("rotate", a.rotator.Run)
	}
	if a.renewer != nil {
		g.AddWorker("enroll", a.renewer.Run)
	}
	g.Add("heartbeat", a.pulse.Run, a.pulse.stop)
	g.Add("ship", a.send, sync.OnceFunc(a.closeShips))
	g.AddWorker("road", a.road.Run)
	if a.metrics != nil {
		g.AddWorker("metrics", a.metrics.Run)
	}
	if a.relay != nil && len(a.relay.cuts.times) > 0 {
		a.log.Warn("the relay was cut off: what it had not kept is lost, and will be told", "times", len(a.relay.cuts.times))
	}
	a.log.Info("agent runs", "agent", a.id.String(), "host", a.cfg.Host)
	err := errors.Join(g.Run(ctx, a.grace), a.Close())
	a.log.Info("agent has stopped")
	return err
}

// Close closes the state, and the listeners of an agent that did not run.
func (a *Agent) Close() error {
	var errs []error
	closed := func(err error) {
		if !errors.Is(err, net.ErrClosed) { // by its Run
			errs = append(errs, err)
		}
	}
	for _, in := range a.syslogs {
		closed(in.Close())
	}
	if a.metrics != nil {
		closed(a.metrics.Close())
	}
	if a.relay != nil {
		a.dropped() // those of the stop too
		errs = append(errs, a.relay.Close(slices.ContainsFunc(a.syslogs, (*syslog.Input).CutOff)))
	}
	for _, j := range a.journals {
		errs = append(errs, j.Close())
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

// Handler answers at the unix socket.
func (a *Agent) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", a.measures())
	mux.HandleFunc("GET /status", a.status)
	return mux
}

// measures answers for Prometheus and to who asks whether the agent works.
func (a *Agent) measures() http.Handler {
	return ops.Handler(a.set, a.process.supervisor.Alive, a.road.LastError)
}
