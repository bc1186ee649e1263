package broker

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Topology is what must be declared before anything is published.
type Topology struct {
	Queues int // of events
}

// Apply declares exchanges, queues and bindings. What is there already stays as it is; what is there otherwise is an
// error that names it. A slot is bound to queue number slot mod Queues; a binding to another queue is left in place.
func (t Topology) Apply(conn *Conn) error {
	if t.Queues < 1 || t.Queues > Slots {
		return fmt.Errorf("topology: %d queues, want 1 to %d", t.Queues, Slots)
	}
	ch, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("topology: open channel: %w", err)
	}
	defer ch.Close()
	for _, x := range []struct{ name, kind string }{
		{Events, amqp.ExchangeDirect}, {Foreign, amqp.ExchangeFanout}, {Acks, amqp.ExchangeDirect},
		{Members, amqp.ExchangeFanout}, {Live, amqp.ExchangeFanout}, {Signals, amqp.ExchangeDirect},
		{Dead, amqp.ExchangeFanout},
	} {
		if err := ch.ExchangeDeclare(x.name, x.kind, true, false, false, false, nil); err != nil {
			return fmt.Errorf("declare exchange %s: %w", x.name, Classified(err))
		}
	}
	for _, q := range t.queues(deliveryLimit(conn)) {
		if _, err := ch.QueueDeclare(q.name, true, false, false, false, q.args); err != nil {
			return fmt.Errorf("declare queue %s: %w", q.name, Classified(err))
		}
		for _, key := range q.keys {
			if err := ch.QueueBind(q.name, key, q.exchange, false, nil); err != nil {
				return fmt.Errorf("bind queue %s to %s by %q: %w", q.name, q.exchange, key, Classified(err))
			}
		}
	}
	return nil
}

type queue struct {
	name, exchange string
	keys           []string
	args           amqp.Table
}

// deliveryLimit returns the arguments that switch the delivery limit of a quorum queue off: RabbitMQ 4.0 and later drop
// a message after 20 deliveries unless told -1, and those before, which have no limit, take -1 for "none at all" and
// drop a message that comes back once (seen with 3.10).
func deliveryLimit(conn *Conn) amqp.Table {
	version, _ := conn.Properties["version"].(string)
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n >= 4 {
		return amqp.Table{"x-delivery-limit": -1}
	}
	return nil
}

func (t Topology) queues(limit amqp.Table) []queue {
	quorum := func() amqp.Table {
		args := amqp.Table{"x-queue-type": "quorum"}
		maps.Copy(args, limit)
		return args
	}
	shared := func() amqp.Table {
		args := quorum()
		args["x-single-active-consumer"] = true
		return args
	}
	all := []queue{
		{Foreign, Foreign, []string{""}, shared()},
		{Dead, Dead, []string{""}, quorum()},
	}
	for n := range t.Queues {
		q := queue{EventQueue(n), Events, nil, shared()}
		for slot := n; slot < Slots; slot += t.Queues {
			q.keys = append(q.keys, SlotKey(slot))
		}
		all = append(all, q)
	}
	return all
}
