// Package topology brings RabbitMQ to what Belfry needs of it, and says what differs: exchanges, the queues of events
// with their slots, and of each agent a user, what it may do, and its queue of acknowledgements.
//
// What is there is read over the management API (net/http, no library of its own). What is to be done is a list of
// steps, in order; a dry run is that list, and Apply does exactly it. Exchanges, queues and bindings are declared over
// AMQP, users and permissions over the management API. Without the API, Apply declares all that is wanted over AMQP
// without having looked.
//
// # Moving slots
//
// Each slot is bound to one queue. When it is to be another, the order within an agent's lane must survive: the batches
// in the old queue have to be taken before those that will be in the new one. So
//
//  1. every slot of a queue that loses one is unbound from it ("hold"): the batches of agents come back to them, and
//     wait there. Were only the slots unbound that move, a busy queue would never be seen empty.
//  2. the queue drains: nothing is ready, and nothing with a consumer.
//  3. each slot is bound to its queue.
//
// The bindings are all the state there is. A slot that is found unbound has been held by somebody who did not come to
// the end, or has lost its binding; where its batches lie is not known: all other queues of events drain first, and are
// held for it. Who gives up before the end (Ctrl-C, a queue that does not drain) binds what it held where it was: that
// keeps the order as well.
//
// A Topology is for one goroutine. Two operators who apply different numbers of queues at once are not kept apart; a
// check tells what came of it, and the next Apply repairs it.
package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"belfry/shared/broker"
)

// Config says what is wanted, and where. Zero fields take defaults.
type Config struct {
	Broker     broker.Config
	Management *Management   // nil: nothing is looked at
	Queues     int           // of events; default 4
	Agents     []string      // common names; nil: agents are not looked at
	Drain      time.Duration // how long the queues may take to drain; default 10m
}

// ErrBlind says that something cannot be done without the management API.
var ErrBlind = errors.New("receive.amqp.management is not configured: without it nothing can be looked at")

// Topology is what is wanted of one broker.
type Topology struct {
	cfg    Config
	want   broker.Topology
	vhost  string
	user   string // of aggregators
	client *client

	news    time.Duration // see newsWithin
	growths int           // see freshGrowths
}

// New returns the topology of a broker. It connects to nothing.
func New(cfg Config) (*Topology, error) {
	cfg.Queues = cmp.Or(cfg.Queues, broker.DefaultQueues)
	cfg.Drain = cmp.Or(cfg.Drain, 10*time.Minute)
	if cfg.Queues < 1 || cfg.Queues > broker.Slots {
		return nil, fmt.Errorf("%d queues, want 1 to %d", cfg.Queues, broker.Slots)
	}
	t := &Topology{cfg: cfg, want: broker.Topology{Queues: cfg.Queues}, news: newsWithin, growths: freshGrowths}
	var err error
	if t.vhost, err = cfg.Broker.VHost(); err != nil {
		return nil, err
	}
	if t.user, err = cfg.Broker.Name(); err != nil {
		return nil, err
	}
	if cfg.Management == nil {
		if cfg.Agents != nil {
			return nil, fmt.Errorf("users of agents: %w", ErrBlind)
		}
		return t, nil
	}
	for _, name := range []string{t.user, cfg.Management.User} {
		if slices.Contains(cfg.Agents, name) {
			return nil, fmt.Errorf("agent %q has the name of a user that this configuration connects as", name)
		}
	}
	t.client, err = newClient(*cfg.Management)
	return t, err
}

// Plan looks at the broker and returns how it differs from what is wanted, and what is to be done. Without the
// management API that is all there is.
func (t *Topology) Plan(ctx context.Context) (*Plan, error) {
	if t.client == nil {
		version, err := t.blindly(ctx)
		if err != nil {
			return nil, err
		}
		return t.judge(&state{version: version}), nil
	}
	s, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	return t.judge(s), nil
}

// Check returns all that differs: what Plan finds, and what only a connection tells. What it could not look at is in
// the error; the findings are good all the same.
func (t *Topology) Check(ctx context.Context) ([]Finding, error) {
	if t.client == nil {
		return nil, ErrBlind
	}
	s, err := t.lookAgain(ctx)
	if err != nil {
		return nil, err
	}
	more, err := t.login(ctx, s)
	return append(t.judge(s).Findings, more...), err
}

// blindly connects, and refuses to declare another number of queues than there is: that would bind slots a second time.
func (t *Topology) blindly(ctx context.Context) (version string, err error) {
	conn, err := broker.Dial(ctx, t.cfg.Broker)
	if err != nil {
		return "", fmt.Errorf("%s: %w", broker.ClassOf(err), err)
	}
	defer conn.End()
	there := 0
	for n := range t.cfg.Queues + 1 {
		exists, err := conn.Exists(broker.EventQueue(n))
		if err != nil {
			return "", err
		}
		if !exists {
			break
		}
		there++
	}
	if there != 0 && there != t.cfg.Queues {
		return "", fmt.Errorf("%s exists and %s does not, %d queues are wanted: slots would have to move; %w",
			broker.EventQueue(there-1), broker.EventQueue(there), t.cfg.Queues, ErrBlind)
	}
	return conn.Version(), nil
}
