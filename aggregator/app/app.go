// Package app wires the aggregator together and runs it.
//
//	receive/amqp ─┐                                    ┌─▶ alert ─▶ notify/irc
//	              ├─▶ pipeline: ledger ─▶ parse ─▶ index ─┤
//	receive/http ─┘                                    └─▶ serve: live tail
//
// An input is acknowledged when the index has it on disk and the alerts have seen it. Stopping follows the data: the
// doors close first, then the index, then the alerts and the bot.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/alert"
	"belfry/aggregator/audit"
	"belfry/aggregator/ca"
	"belfry/aggregator/config"
	"belfry/aggregator/dead"
	"belfry/aggregator/enrich"
	"belfry/aggregator/fleet"
	"belfry/aggregator/index"
	"belfry/aggregator/notify/irc"
	"belfry/aggregator/parse"
	"belfry/aggregator/receive"
	amqpin "belfry/aggregator/receive/amqp"
	"belfry/aggregator/serve"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/ops"
	"belfry/shared/run"
)

// grace is how long an ordered stop may take. What was not acknowledged by then is sent again by who sent it.
const grace = 20 * time.Second

// manyAlerts is how many must wait to be worth a word: IRC takes one in two seconds.
const manyAlerts = 5

// Aggregator is a wired aggregator.
type Aggregator struct {
	cfg      *config.Config
	log      *slog.Logger
	set      *metrics.Set
	index    index.Index
	store    string // names the index: who writes to another must not share the queues
	outbox   alertStore
	shared   *outbox // is that, if other aggregators have a part in it; else nil
	alerts   *alert.Engine
	bot      *irc.Bot
	hub      *serve.Hub
	fleet    *fleet.Fleet
	gaps     *audit.Tracker
	pipe     *pipeline
	trail    *trail
	erasures erasures
	consume  *amqpin.Receiver
	publish  *amqpin.Publisher
	dead     *deadLetters
	graves   *dead.Queue  // the dead letters' store, if it is at the broker
	folder   *dead.Folder // that was it before there was a broker; else nil
	owed     owed
	follow   *follower // of the fleet and the gaps, if other aggregators have a part in them; else nil

	authority *ca.CA // nil: agents' certificates come from elsewhere
	process   Process
	actors    run.Group
	servers   []*ops.Server
	local     *http.ServeMux // of the unix socket
}

// New wires an aggregator, opens its index and its listeners, and lets the alerts see what they had not seen when it stopped.
// It waits for the servers of an index that has some, until ctx is done. It starts nothing; see Run. When it fails, nothing
// stays open.
func New(ctx context.Context, cfg *config.Config, process Process, log *slog.Logger) (*Aggregator, error) {
	if err := os.MkdirAll(cfg.State, 0o750); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	a := &Aggregator{cfg: cfg, log: log, set: metrics.NewSet(), hub: serve.NewHub(), process: process}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	if err := a.addActors(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	process.supervisor.Measure(a.set, "belfry")
	return a, nil
}

func (a *Aggregator) open(ctx context.Context) error {
	rules, err := alert.LoadRules(a.cfg.Alert.Rules)
	if err != nil {
		return err
	}
	custom, err := parse.LoadCustom(a.cfg.Parse.Parsers)
	if err != nil {
		return err
	}
	notify, err := a.openNotify()
	if err != nil {
		return err
	}
	if a.fleet, err = openFleet(a.cfg, a.log, a.set); err != nil { // the index is not open yet
		return err
	}
	if err := a.openIndex(ctx); err != nil {
		return err
	}
	a.alerts = alert.NewEngine(rules, a.outbox, notify, a.log, a.set)
	if err := a.index.Since(a.outbox.Cursor()+1, a.alerts.Process); err != nil {
		return fmt.Errorf("show the alerts what they had not seen: %w", err)
	}
	if err := a.openGaps(ctx); err != nil {
		return err
	}
	masker, err := a.openMask()
	if err != nil {
		return err
	}
	parser := parse.New(parse.Config{
		Retention: a.cfg.Index.Retention(), Mask: masker, Custom: custom, Past: past{a.index},
	}, a.set)
	if err := a.remember(parser); err != nil {
		return err
	}
	if err := a.openAuthority(); err != nil {
		return err
	}
	prover, err := newProver(a.cfg, a.authority)
	if err != nil {
		return err
	}
	speaks := &speakers{entries: a.cfg.Receive.Senders, tell: a.tell}
	if a.pipe, err = newPipeline(prover, speaks, parser, a.index, a.log, a.set); err != nil {
		return err
	}
	a.pipe.fleet = a.fleet
	a.trail = newTrail(a.index, a.log, a.set)
	if a.pipe.enrich, err = enrich.Open(a.cfg.Enrich, a.log, a.set); a.pipe.enrich == nil {
		return err
	} else if err != nil { // a list that somebody else wrote must not keep the logs out
		a.log.Error("enrichment begins without some of its files", "err", err)
	}
	if err := a.openBroker(); err != nil {
		return err
	}
	a.measure()
	return a.openDead()
}

func (a *Aggregator) openNotify() (func(context.Context, alert.Alert) error, error) {
	if a.cfg.Notify.IRC == nil {
		return func(_ context.Context, al alert.Alert) error {
			a.log.Warn("alert", "rule", al.Title, "level", al.Level, "host", al.Host, "summary", al.Summary)
			return nil
		}, nil
	}
	bot, err := irc.New(*a.cfg.Notify.IRC, a.log, a.set)
	if err != nil {
		return nil, err
	}
	a.bot = bot
	return func(ctx context.Context, al alert.Alert) error {
		waiting := ""
		if n := a.outbox.Pending() - 1; n >= manyAlerts {
			waiting = fmt.Sprintf(" (%d more wait)", n)
		}
		return bot.Send(ctx, fmt.Sprintf("[%s] %s%s: %s", al.Level, al.Title, waiting, al.Summary))
	}, nil
}

func (a *Aggregator) openBroker() error {
	c := a.cfg.Receive.AMQP
	if c == nil {
		return nil
	}
	b := c.Config
	b.AppID = "belfry"
	a.publish = amqpin.NewPublisher(b, a.log, a.set)
	a.consume = amqpin.New(amqpin.Config{
		Broker: b, Queues: c.Queues, Attempts: a.cfg.Dir("attempts"), Store: a.store, Ready: a.indexWorks, Viewers: a.hub,
	}, a.publish, a.message, a.log, a.set)
	return nil
}

// durable is called by the index, in order, with what has reached the disk.
func (a *Aggregator) durable(position uint64, events []*event.Event) error {
	a.hub.Publish(events)
	if a.consume != nil {
		a.consume.Show(events)
	}
	if err := a.alerts.Process(position, events); err != nil {
		return err
	}
	if err := a.fleet.Process(position, events); err != nil {
		return err
	}
	a.index.AlertsAt(a.seenTo())
	return nil
}

// message takes what a queue brought: a batch of an agent, one that an aggregator took for it, or foreign JSON.
func (a *Aggregator) message(ctx context.Context, m amqpin.Message, done func(error)) {
	settled := func(err error) {
		if errors.Is(err, errPoison) {
			a.dead.putAway(ctx, m, err, done)
			return
		}
		done(err)
	}
	if m.Exhausted {
		a.dead.putAway(ctx, m, fmt.Errorf("%w: handling it ended the process %d times", errExhausted, m.Attempts), done)
		return
	}
	if len(m.Manifest) == 0 {
		from := receive.Origin{Sender: senderOf(m), Key: m.MessageID, Now: time.Now()}
		a.pipe.foreign(ctx, m.Body, m.ContentEncoding, from, settled)
		return
	}
	proof, err := batch.ProofOf(func(name string) string { return m.Headers[name] })
	if err != nil {
		settled(&poison{reason: err})
		return
	}
	masked := m.UserID == aggregatorUser && m.Headers[dead.MaskedHeader] != ""
	a.pipe.batch(ctx, delivery{manifest: m.Manifest, proof: proof, body: m.Body, masked: masked, queue: m.Queue}, settled)
}

// Run works until ctx is done, then stops in order.
func (a *Aggregator) Run(ctx context.Context) error {
	a.log.Info("aggregator runs", "state", a.cfg.State)
	err := errors.Join(a.actors.Run(ctx, grace), a.Close())
	a.log.Info("aggregator has stopped")
	return err
}

// addActors opens the listeners, and lists all that is to run in the order in which it stops.
func (a *Aggregator) addActors() error {
	g := &a.actors
	if err := a.addDoors(g); err != nil {
		return err
	}
	if a.consume != nil {
		g.AddWorker("receive/amqp", a.consume.Run)
		g.AddWorker("publish", a.publish.Run)
		g.AddWorker("dead", a.graves.Run)
		g.AddWorker("acks", a.acknowledge)
		g.AddWorker("dead of the folder", a.moveLetters)
	}
	if a.authority != nil {
		g.AddWorker("ca", a.tellAuthority)
	}
	g.AddWorker("watch", a.watch)
	g.AddWorker("parse", a.overdue)
	g.AddWorker("enrich", func(ctx context.Context) error { a.pipe.enrich.Run(ctx); return nil })
	g.AddWorker("index", a.runIndex)
	g.AddWorker("alert", a.alerts.Run)
	if a.shared != nil {
		g.AddWorker("alerts of others", a.lookAround)
	}
	if a.bot != nil {
		g.AddWorker("notify/irc", a.bot.Run)
	}
	return nil
}

// Close closes the state, and the listeners of an aggregator that did not run.
func (a *Aggregator) Close() error {
	var errs []error
	for _, srv := range a.servers {
		if err := srv.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.shared != nil { // it is kept where the index is
		errs = append(errs, a.shared.Close())
	}
	if a.index != nil {
		errs = append(errs, a.index.Close())
	}
	if a.fleet != nil {
		errs = append(errs, a.fleet.Close())
	}
	if a.outbox != nil && a.shared == nil {
		errs = append(errs, a.outbox.Close())
	}
	return errors.Join(errs...)
}

// ready says why the aggregator cannot take anything, or nil.
func (a *Aggregator) ready() error { return a.readyBy(a.index.Stats()) }

// readyBy is ready for who has asked the index how it is.
func (a *Aggregator) readyBy(s index.Stats) error {
	switch {
	case s.Failure != "":
		return fmt.Errorf("index: %s", s.Failure)
	case s.DiskFull:
		return fmt.Errorf("index: the disk is nearly full, %d bytes are free", s.DiskFree)
	case s.Trouble != "":
		return fmt.Errorf("index: %s", s.Trouble)
	case a.publish != nil:
		return errors.Join(a.publish.LastError(), a.consume.LastError())
	}
	return nil
}

// indexWorks says why it is of no use to try the index, or nil. A full disk is no such reason: only a write notices
// that it is full no longer. Servers that are away are: what waits for them notices when they are back.
func (a *Aggregator) indexWorks() error {
	switch s := a.index.Stats(); {
	case s.Failure != "":
		return fmt.Errorf("index: %s", s.Failure)
	case s.Trouble != "":
		return fmt.Errorf("index: %s", s.Trouble)
	}
	return nil
}
