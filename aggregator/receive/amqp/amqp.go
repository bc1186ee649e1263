// Package amqp takes messages from the broker's queues, and publishes what an aggregator has to say.
//
// The aggregators share the queues: each announces itself, and over those that are heard each queue has one owner (see
// members), who consumes it. One who owns it no longer takes no more of it, and lets go when all that it was given is
// settled. The broker gives a queue to one consumer at a time, so that a moment with two does no harm.
//
// A message is acknowledged when its handler says that all of it is durable, and not before: were the aggregator to
// end in between, the broker would deliver it again, perhaps to another. A handler that fails closes the queue's
// channel; all that was not acknowledged comes back after a pause, in order. So does what a handler keeps for so long
// that the broker would lose patience. A message that seems to end the process is tried alone, and a few times only:
// see attempts.
//
// Consuming and publishing use connections of their own: a broker that is short of memory blocks the one, and the
// acknowledgements on the other are what ends the shortage.
package amqp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/backoff"
	"belfry/shared/broker"
	"belfry/shared/event"
)

// Config says what to consume, and how. Zero fields take defaults; the times are for tests.
type Config struct {
	Broker   broker.Config
	Queues   int          // of events
	Attempts string       // folder of this process's own, for messages that may end it; "" to try them for ever
	Store    string       // which index the events go to: only those of one share the queues; "" for anybody's
	Viewers  Viewers      // who follow the live tail here; nil: nobody ever does
	Ready    func() error // why no handler can succeed, or nil; nothing is consumed before it says nil without having been tried

	Announce time.Duration // between two announcements; default 5s
	Silent   time.Duration // a member not heard for so long is gone; default three announcements
	Listen   time.Duration // for other members before queues are claimed; default a tenth of Announce
	Unacked  time.Duration // most that a message may be with the handler; default 20m, the broker allows 30
}

// Message is one message, to take or to publish.
type Message struct {
	Manifest        []byte // of a batch, as JSON; nil for what is none
	Body            []byte
	ContentType     string
	ContentEncoding string
	MessageID       string
	UserID          string            // who published it, as the broker has checked; not set when publishing
	Headers         map[string]string // others, of type string
	Queue           string            // where it lay
	Exchange, Key   string            // how it came there; not used when publishing
	Redelivered     bool              // it was delivered before
	Deliveries      int64             // how often, to whomever and for whatever reason it came back
	Attempts        int               // how many of those that were made of it alone never came back: the process ended
	Exhausted       bool              // these are too many: it must be put away, not be tried again
}

// Handler takes one message. Those of one queue come in order. It may block; ctx is done when nobody waits for it any
// more. done is called once, from any goroutine, and does not block: with nil when the message is durable, with an
// error when it must come again.
type Handler func(ctx context.Context, m Message, done func(error))

// Receiver consumes the queues of events and of foreign messages, as far as they are its own.
type Receiver struct {
	cfg      Config
	times    timing
	unacked  time.Duration
	publish  *Publisher
	handle   Handler
	attempts attempts
	live     *live
	log      *slog.Logger

	// What is tried alone holds it for writing, everything else for reading: were two with the handler when the process
	// ends, both would be blamed.
	alone sync.RWMutex

	mu      sync.Mutex
	members *members
	faults  map[string]error // why a queue of our own is not consumed, or one of the two below

	messages, redelivered, failures, overdue, suspects *metrics.Counter
	seen, missed                                       *metrics.Counter // of the live tail, from others
}

// Faults that are none of a queue's.
const (
	faultConnection = ""
	faultMembers    = broker.Members
)

var errLost = errors.New("connection lost")

// New returns a receiver. It connects in Run. publish must run beside it: by it, it announces itself.
func New(cfg Config, publish *Publisher, handle Handler, log *slog.Logger, set *metrics.Set) *Receiver {
	host, _ := os.Hostname() // it is for people
	self := Member{ID: event.RandomKey().String(), Host: host, PID: os.Getpid(), Known: cfg.Queues, Queues: []string{},
		Store: cfg.Store, Started: time.Now().UnixNano()}
	times := newTiming(cfg.Announce, cfg.Silent, cfg.Listen)
	r := &Receiver{
		cfg: cfg, times: times, unacked: cmp.Or(cfg.Unacked, 20*time.Minute),
		publish: publish, handle: handle, attempts: attempts{cfg.Attempts}, log: log,
		live:        newLive(self.ID, publish, set),
		members:     newMembers(self, times),
		faults:      map[string]error{faultConnection: errors.New("not connected yet")},
		messages:    set.NewCounter("belfry_receive_amqp_messages_total"),
		redelivered: set.NewCounter("belfry_receive_amqp_redelivered_total"),
		failures:    set.NewCounter("belfry_receive_amqp_failures_total"),
		overdue:     set.NewCounter("belfry_receive_amqp_overdue_total"),
		suspects:    set.NewCounter("belfry_receive_amqp_suspects_total"),
		seen:        set.NewCounter("belfry_receive_live_seen_total"),
		missed:      set.NewCounter("belfry_receive_live_missed_total"),
	}
	set.NewGauge("belfry_receive_amqp_members", func() float64 { return float64(len(r.Members())) })
	set.NewGauge("belfry_receive_amqp_queues", func() float64 { return float64(cfg.Queues + 1) }) // of events, and the foreign one
	set.NewGauge("belfry_receive_amqp_owned_queues", func() float64 { return float64(len(r.owned())) })
	return r
}

// Members returns the aggregators that share the queues, this one among them, in the order of their ids.
func (r *Receiver) Members() []Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members.all()
}

// owned is the queues of this receiver, in order. Nobody changes the slice.
func (r *Receiver) owned() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members.self.Queues
}

// LastError says why something that is ours to consume is not consumed, or nil.
func (r *Receiver) LastError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.faults[faultConnection]; err != nil {
		return fmt.Errorf("consuming: %w", broker.Classified(err))
	}
	if err := r.faults[faultMembers]; err != nil {
		return fmt.Errorf("hearing the other aggregators: %w", broker.Classified(err))
	}
	if o := r.members.rival; o != nil {
		return fmt.Errorf("consuming: another aggregator (%s, process %d) was there first and has an index of its own, and "+
			"only one may have such an index: this one takes nothing from the queues until it is started again without that one",
			o.Host, o.PID)
	}
	for _, name := range r.members.self.Queues {
		if err := r.faults[name]; err != nil {
			return fmt.Errorf("consuming %s: %w", name, broker.Classified(err))
		}
	}
	return nil
}

// note keeps why something does not work, or with nil that it does. It reports whether there was a fault before.
func (r *Receiver) note(what string, err error) (failing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failing = r.faults[what] != nil
	r.faults[what] = err
	return failing
}

// Run consumes until ctx is done. Then it lets the others know, and takes a few seconds to settle what it was given.
func (r *Receiver) Run(ctx context.Context) error {
	showing, enough := context.WithCancel(ctx)
	var live sync.WaitGroup
	live.Go(func() { r.live.run(showing) })
	defer live.Wait()
	defer enough()
	pause := backoff.Backoff{Min: 500 * time.Millisecond, Max: 30 * time.Second}
	quiet := false
	for ctx.Err() == nil {
		conn, err := broker.Dial(ctx, r.cfg.Broker)
		r.note(faultConnection, err)
		if err == nil {
			pause.Reset()
			quiet = false
			r.log.Info("connected to the broker's queues", "member", r.members.self.ID)
			newSession(r, conn).run(ctx)
			conn.End()
			r.note(faultConnection, errLost)
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil && !quiet {
			quiet = true
			r.log.Warn("no connection to the broker", "class", string(broker.ClassOf(err)), "err", err)
		}
		pause.Wait(ctx)
	}
	return nil
}
