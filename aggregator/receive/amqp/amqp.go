// Package amqp takes messages from the broker's queues, and publishes what an aggregator has to say.
//
// A message is acknowledged when its handler says that all of it is durable, and not before: were the aggregator to
// end in between, the broker would deliver it again, perhaps to another. A handler that fails for a reason of its own
// closes the queue's channel; all that was not acknowledged comes back after a pause, in order. What can never be taken
// is the handler's to put away.
//
// Consuming and publishing use connections of their own: a broker that is short of memory blocks the one, and the
// acknowledgements on the other are what ends the shortage.
package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/backoff"
	"belfry/shared/batch"
	"belfry/shared/broker"
)

// stopTimeout is how long a broker may take over the end of the consumption. A quorum queue without a leader answers
// nothing for a minute.
const stopTimeout = 3 * time.Second

// consumer is the tag of the one consumer of a channel.
const consumer = "belfry"

var errLost = errors.New("connection lost")

// prefetch is how many messages of one queue may be under way: with batches of up to 512 KiB, 8 MiB a queue.
const prefetch = 16

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
}

// Handler takes one message. Those of one queue come in order; done is called once, from any goroutine: with nil when
// the message is durable, with an error when it must come again.
type Handler func(ctx context.Context, m Message, done func(error))

// Receiver consumes the queues of events and of foreign messages.
type Receiver struct {
	cfg     broker.Config
	queues  []string
	publish *Publisher
	handle  Handler
	log     *slog.Logger

	mu     sync.Mutex
	faults map[string]error // why a queue is not consumed; "" is the connection

	messages, redelivered, failures *metrics.Counter
}

// New returns a receiver of a number of event queues. It connects in Run.
func New(cfg broker.Config, queues int, publish *Publisher, handle Handler, log *slog.Logger, set *metrics.Set) *Receiver {
	r := &Receiver{
		cfg: cfg, publish: publish, handle: handle, log: log, queues: []string{broker.Foreign},
		faults:      map[string]error{"": errors.New("not connected yet")},
		messages:    set.NewCounter("belfry_receive_amqp_messages_total"),
		redelivered: set.NewCounter("belfry_receive_amqp_redelivered_total"),
		failures:    set.NewCounter("belfry_receive_amqp_failures_total"),
	}
	for n := range queues {
		r.queues = append(r.queues, broker.EventQueue(n))
	}
	return r
}

// LastError says why something is not consumed, or nil.
func (r *Receiver) LastError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.faults[""]; err != nil {
		return fmt.Errorf("consuming: %w", broker.Classified(err))
	}
	for _, name := range r.queues {
		if err := r.faults[name]; err != nil {
			return fmt.Errorf("consuming %s: %w", name, broker.Classified(err))
		}
	}
	return nil
}

// note keeps why a queue is not consumed, or with nil that it is. It reports whether there was a fault before.
func (r *Receiver) note(queue string, err error) (failing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failing = r.faults[queue] != nil
	r.faults[queue] = err
	return failing
}

// Run consumes until ctx is done.
func (r *Receiver) Run(ctx context.Context) error {
	pause := backoff.Backoff{Min: 500 * time.Millisecond, Max: 30 * time.Second}
	quiet := false
	for ctx.Err() == nil {
		conn, err := broker.Dial(ctx, r.cfg)
		r.note("", err)
		if err == nil {
			pause.Reset()
			quiet = false
			r.log.Info("consuming from the broker", "queues", len(r.queues))
			r.consumeAll(ctx, conn)
			conn.End()
			r.note("", errLost)
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

// consumeAll works on all queues until the connection ends or ctx is done.
func (r *Receiver) consumeAll(ctx context.Context, conn *broker.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	var all sync.WaitGroup
	for _, name := range r.queues {
		all.Go(func() { r.keepConsuming(ctx, conn, name) })
	}
	select {
	case err := <-closed:
		if err != nil {
			r.log.Warn("connection to the broker lost", "err", err)
		}
	case <-ctx.Done():
		defer time.AfterFunc(stopTimeout, conn.Cut).Stop()
	}
	cancel()
	all.Wait()
}

// keepConsuming consumes one queue, again after each failure, until ctx is done.
func (r *Receiver) keepConsuming(ctx context.Context, conn *broker.Conn, name string) {
	pause := backoff.Backoff{Min: 200 * time.Millisecond, Max: 30 * time.Second}
	failing := false
	for ctx.Err() == nil {
		q := &queue{Receiver: r, name: name}
		taken, err := q.consume(ctx, conn)
		if ctx.Err() != nil || conn.IsClosed() {
			return
		}
		r.failures.Inc()
		if taken {
			pause.Reset()
			failing = false
		}
		if !q.begun { // else its messages cannot be taken, which is not the queue's fault
			r.note(name, err)
		}
		if !failing {
			failing = true
			r.log.Warn("queue is not consumed, trying again", "queue", name, "class", string(broker.ClassOf(err)), "err", err)
		}
		pause.Wait(ctx)
	}
}

// queue is one consumption of a queue, over a channel of its own.
type queue struct {
	*Receiver
	name    string
	channel *amqp.Channel
	begun   bool // the broker lets us consume it

	mu    sync.Mutex
	taken bool  // something was acknowledged
	err   error // the first failure
}

func (q *queue) consume(ctx context.Context, conn *broker.Conn) (taken bool, err error) {
	if q.channel, err = conn.Channel(); err != nil {
		return false, fmt.Errorf("open channel: %w", err)
	}
	defer q.channel.Close()
	if err := q.channel.Qos(prefetch, 0, false); err != nil {
		return false, fmt.Errorf("set prefetch: %w", err)
	}
	deliveries, err := q.channel.Consume(q.name, consumer, false, false, false, false, nil)
	if err != nil {
		return false, fmt.Errorf("consume: %w", err)
	}
	q.begun = true
	if q.note(q.name, nil) {
		q.log.Info("queue is consumed again", "queue", q.name)
	}
	// No more deliveries come then, and those that are under way can still be acknowledged. It fails only with the channel.
	defer context.AfterFunc(ctx, func() { _ = q.channel.Cancel(consumer, false) })()
	var under sync.WaitGroup // deliveries with the handler
	defer under.Wait()
	for d := range deliveries {
		if q.failed() != nil || ctx.Err() != nil {
			continue // it comes again, behind what failed
		}
		under.Add(1)
		q.messages.Inc()
		if d.Redelivered {
			q.redelivered.Inc()
		}
		q.handle(ctx, message(q.name, &d), func(err error) {
			defer under.Done()
			q.settle(&d, err)
		})
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = errors.New("the broker ended the consumption")
	}
	return q.taken, q.err
}

func (q *queue) failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// settle acknowledges a delivery, or sees to it that it comes again.
func (q *queue) settle(d *amqp.Delivery, err error) {
	if err == nil {
		err = d.Ack(false)
	}
	q.mu.Lock()
	first := err != nil && q.err == nil
	if err != nil {
		q.err = errors.Join(q.err, err)
	} else {
		q.taken = true
	}
	q.mu.Unlock()
	if first {
		go q.channel.Close() // not from here: this may be the goroutine that the channel waits for
	}
}

// message copies what a delivery says.
func message(queue string, d *amqp.Delivery) Message {
	m := Message{
		Body: d.Body, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, MessageID: d.MessageId,
		UserID: d.UserId, Queue: queue, Exchange: d.Exchange, Key: d.RoutingKey, Redelivered: d.Redelivered, Headers: make(map[string]string),
	}
	for name, v := range d.Headers {
		if s, ok := v.(string); ok && name == batch.ManifestHeader {
			m.Manifest = []byte(s)
		} else if ok {
			m.Headers[name] = s
		}
	}
	return m
}
