package broker

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Exchange is one that must be there: durable, and without an alternate exchange, which would swallow what must come
// back.
type Exchange struct{ Name, Kind string }

// Exchanges are all that must be there.
func Exchanges() []Exchange {
	return []Exchange{
		{Events, amqp.ExchangeDirect}, {Foreign, amqp.ExchangeFanout}, {Acks, amqp.ExchangeDirect},
		{Members, amqp.ExchangeFanout}, {Live, amqp.ExchangeFanout}, {Signals, amqp.ExchangeDirect},
		{Dead, amqp.ExchangeFanout},
	}
}

// Declare declares it. It fails if it is there and is another.
func (x Exchange) Declare(ch *amqp.Channel) error {
	if err := ch.ExchangeDeclare(x.Name, x.Kind, true, false, false, false, nil); err != nil {
		return fmt.Errorf("declare exchange %s: %w", x.Name, Classified(err))
	}
	return nil
}

// Queue is one that must be there, durable, with the bindings that bring it its messages.
type Queue struct {
	Name     string
	Args     amqp.Table
	Exchange string   // that it is bound to
	Keys     []string // by these
}

// Declare declares it, without its bindings. It fails if it is there and is another.
func (q Queue) Declare(ch *amqp.Channel) error {
	if _, err := ch.QueueDeclare(q.Name, true, false, false, false, q.Args); err != nil {
		return fmt.Errorf("declare queue %s: %w", q.Name, Classified(err))
	}
	return nil
}

// AcksOf is the queue in which an agent finds what the index has of it: the last word counts. The agent is named as its
// certificate and the broker's user.
func AcksOf(agent string) Queue {
	return Queue{
		Name: AckQueue(agent), Exchange: Acks, Keys: []string{agent},
		Args: amqp.Table{"x-max-length": 1, "x-overflow": "drop-head"},
	}
}

// Topology is what must be declared before anything is published.
type Topology struct {
	Queues int      // of events
	Agents []string // that Apply gives a queue of acknowledgements; their names
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
	for _, x := range Exchanges() {
		if err := x.Declare(ch); err != nil {
			return err
		}
	}
	all := t.All(conn.Version())
	for _, name := range t.Agents {
		all = append(all, AcksOf(name))
	}
	for _, q := range all {
		if err := q.Declare(ch); err != nil {
			return err
		}
		for _, key := range q.Keys {
			if err := ch.QueueBind(q.Name, key, q.Exchange, false, nil); err != nil {
				return fmt.Errorf("bind queue %s to %s by %q: %w", q.Name, q.Exchange, key, Classified(err))
			}
		}
	}
	return nil
}

// Version is what the broker says it is, as "3.10.8".
func (c *Conn) Version() string {
	version, _ := c.Properties["version"].(string)
	return version
}

// deliveryLimit returns the arguments that switch the delivery limit of a quorum queue off: RabbitMQ 4.0 and later drop
// a message after 20 deliveries unless told -1, and those before, which have no limit, take -1 for "none at all" and
// drop a message that comes back once (seen with 3.10).
func deliveryLimit(version string) amqp.Table {
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n >= 4 {
		return amqp.Table{"x-delivery-limit": -1}
	}
	return nil
}

// SlotQueue names the queue of a slot.
func (t Topology) SlotQueue(slot int) string { return EventQueue(slot % t.Queues) }

// All are the queues that aggregators consume, at a broker of a version.
func (t Topology) All(version string) []Queue {
	quorum := func() amqp.Table {
		args := amqp.Table{"x-queue-type": "quorum"}
		maps.Copy(args, deliveryLimit(version))
		return args
	}
	shared := func() amqp.Table {
		args := quorum()
		args["x-single-active-consumer"] = true
		return args
	}
	all := []Queue{
		{Foreign, shared(), Foreign, []string{""}},
		{Dead, quorum(), Dead, []string{""}},
	}
	for n := range t.Queues {
		q := Queue{Name: EventQueue(n), Args: shared(), Exchange: Events}
		for slot := n; slot < Slots; slot += t.Queues {
			q.Keys = append(q.Keys, SlotKey(slot))
		}
		all = append(all, q)
	}
	return all
}
