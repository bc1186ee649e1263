package amqp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/backoff"
	"belfry/shared/batch"
	"belfry/shared/broker"
)

// consumer is the tag of the one consumer of a channel.
const consumer = "belfry"

const (
	// underWay bounds what one queue may have under way, in bytes before compression.
	underWay = 8 << 20
	// prefetch is the same as a number of messages, which is what the broker counts: asked for a number of bytes, it
	// closes the connection.
	prefetch = underWay / batch.MaxRaw
)

// readyEvery is how often is asked whether the handler can succeed again.
const readyEvery = 500 * time.Millisecond

// patience is how long the broker may take to let us consume before that is told: a quorum queue without a leader says
// nothing for a minute, and then costs the connection.
const patience = 5 * time.Second

var errSilent = errors.New("the broker does not answer; has the queue lost its leader?")

// errOverdue says that a message was with the handler for too long: the broker would have closed the channel.
var errOverdue = errors.New("a message was not settled in time, the index is slow or away")

// keepConsuming consumes one queue, again after each failure, until ctx is done.
func (s *session) keepConsuming(ctx context.Context, name string) {
	defer s.note(name, nil)
	pause := backoff.Backoff{Min: 200 * time.Millisecond, Max: 30 * time.Second}
	failing := false
	for s.awaitReady(ctx) {
		q := &queue{session: s, name: name}
		taken, err := q.consume(ctx)
		if ctx.Err() != nil || s.conn.IsClosed() {
			return
		}
		s.failures.Inc()
		if taken {
			pause.Reset()
			failing = false
		}
		if !q.begun { // else its messages cannot be taken, which is not the queue's fault
			s.note(name, err)
		}
		if !failing {
			failing = true
			s.log.Warn("queue is not consumed, trying again", "queue", name, "class", string(broker.ClassOf(err)), "err", err)
		}
		pause.Wait(ctx)
	}
}

// awaitReady waits until a message that is taken can be handled, and reports whether that is so; false when ctx is
// done. So a message does not come back again and again while the index is away.
func (s *session) awaitReady(ctx context.Context) bool {
	for s.cfg.Ready != nil && ctx.Err() == nil && s.cfg.Ready() != nil {
		select {
		case <-ctx.Done():
		case <-time.After(readyEvery):
		}
	}
	return ctx.Err() == nil
}

// queue is one consumption of a queue, over a channel of its own. Three goroutines work on it: one reads what the
// broker delivers, so that it is known since when we have it; one gives it to the handler, which may block; one
// acknowledges, since who calls done must not wait for the broker.
type queue struct {
	*session
	name    string
	channel *amqp.Channel
	arrived chan *amqp.Delivery
	settled chan settlement
	under   sync.WaitGroup // deliveries with the handler

	mu    sync.Mutex
	begun bool                 // the broker lets us consume it
	since map[uint64]time.Time // arrival of what is not acknowledged
	taken bool                 // something was acknowledged
	err   error                // the first failure
}

// settlement is what became of a delivery.
type settlement struct {
	tag   uint64
	err   error
	after func(error) // is called when it is settled
}

// consume consumes until ctx is done or something fails. All that the broker has delivered by the time that ctx is
// done is handled: it would come to the next owner behind what follows it. It returns when all of it is settled.
func (q *queue) consume(ctx context.Context) (taken bool, err error) {
	if q.channel, err = q.conn.Channel(); err != nil {
		return false, fmt.Errorf("open channel: %w", err)
	}
	defer q.channel.Close()
	if err := q.channel.Qos(prefetch, 0, false); err != nil {
		return false, fmt.Errorf("set prefetch: %w", err)
	}
	late := time.AfterFunc(patience, q.tellSilence)
	deliveries, err := q.channel.Consume(q.name, consumer, false, false, false, false, nil)
	late.Stop()
	if err != nil {
		return false, fmt.Errorf("consume: %w", err)
	}
	q.begin()
	// There are never more than prefetch that are not acknowledged: neither of the two is ever full.
	q.arrived, q.settled = make(chan *amqp.Delivery, prefetch), make(chan settlement, prefetch)
	q.since = make(map[uint64]time.Time)
	// No more deliveries come then, and those that are under way can still be acknowledged. It fails only with the channel.
	defer context.AfterFunc(ctx, func() { _ = q.channel.Cancel(consumer, false) })()
	q.work(deliveries)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = errors.New("the broker ended the consumption")
	}
	return q.taken, q.err
}

func (q *queue) begin() {
	q.mu.Lock()
	q.begun = true
	q.mu.Unlock()
	if q.note(q.name, nil) {
		q.log.Info("queue is consumed again", "queue", q.name)
	}
}

// tellSilence tells that the broker does not answer, if it has not by now.
func (q *queue) tellSilence() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.begun && !q.note(q.name, errSilent) {
		q.log.Warn("queue is not consumed", "queue", q.name, "err", errSilent)
	}
}

// work handles deliveries until there are no more, and returns when all are settled.
func (q *queue) work(deliveries <-chan amqp.Delivery) {
	ctx, abandon := context.WithCancel(q.hard)
	var all sync.WaitGroup
	all.Go(func() { q.read(deliveries) })
	all.Go(func() {
		for s := range q.settled {
			q.settle(s)
		}
	})
	all.Go(func() { q.watch(ctx, abandon) })
	for d := range q.arrived {
		m := message(q.name, d)
		if m.Deliveries < suspectAfter {
			q.take(ctx, d.DeliveryTag, m)
		} else {
			q.takeAlone(ctx, d.DeliveryTag, m)
		}
	}
	q.under.Wait()
	abandon()
	close(q.settled)
	all.Wait()
}

func (q *queue) read(deliveries <-chan amqp.Delivery) {
	defer close(q.arrived)
	for d := range deliveries {
		q.mu.Lock()
		q.since[d.DeliveryTag] = time.Now()
		q.mu.Unlock()
		q.arrived <- &d
	}
}

// watch gives up before the broker does.
func (q *queue) watch(ctx context.Context, abandon context.CancelFunc) {
	tick := time.NewTicker(q.unacked / 10)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if now.Sub(q.oldest(now)) >= q.unacked {
				q.overdue.Inc()
				q.note(q.name, errOverdue) // at once: what the handler has may not come back before the index does
				q.fail(errOverdue)
				abandon() // a handler that still waits to begin need not any more
				return
			}
		}
	}
}

// oldest is when the first of what is not acknowledged arrived.
func (q *queue) oldest(now time.Time) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.since {
		if t.Before(now) {
			now = t
		}
	}
	return now
}

// take gives a message to the handler.
func (q *queue) take(ctx context.Context, tag uint64, m Message) {
	q.alone.RLock()
	q.give(ctx, tag, m, func(error) { q.alone.RUnlock() })
}

// takeAlone gives a message to the handler while nobody has another, and waits until it is settled.
func (q *queue) takeAlone(ctx context.Context, tag uint64, m Message) {
	q.alone.Lock()
	defer q.alone.Unlock()
	if q.failed() != nil {
		return
	}
	q.suspects.Inc()
	before, err := q.attempts.begin(&m)
	if err != nil {
		q.fail(err)
		return
	}
	m.Attempts, m.Exhausted = before, before >= maxAttempts
	done := make(chan struct{})
	q.give(ctx, tag, m, func(err error) {
		defer close(done)
		if m.Exhausted && err != nil {
			return // it was not put away
		}
		if err := q.attempts.end(&m); err != nil {
			q.log.Warn("message may be taken for one that ends the process", "queue", q.name, "message", m.MessageID, "err", err)
		}
	})
	<-done
}

// give gives a message to the handler, unless something failed before it: then it comes again, behind that.
func (q *queue) give(ctx context.Context, tag uint64, m Message, after func(error)) {
	if err := q.failed(); err != nil {
		after(err)
		return
	}
	q.under.Add(1)
	q.messages.Inc()
	if m.Redelivered {
		q.redelivered.Inc()
	}
	q.handle(ctx, m, func(err error) { q.settled <- settlement{tag, err, after} })
}

// settle acknowledges a delivery, or sees to it that it comes again.
func (q *queue) settle(s settlement) {
	defer q.under.Done()
	err := s.err
	if err == nil {
		err = q.channel.Ack(s.tag, false)
	}
	s.after(err)
	if err != nil {
		q.fail(err)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = true
	delete(q.since, s.tag)
}

func (q *queue) failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// fail ends the consumption. All that is not acknowledged comes again, in order; a nack would put it behind the rest.
func (q *queue) fail(err error) {
	q.mu.Lock()
	first := q.err == nil
	q.err = errors.Join(q.err, err)
	q.mu.Unlock()
	if first {
		go q.channel.Close() // not from here: the library may wait for this goroutine
	}
}

// message copies what a delivery says.
func message(queue string, d *amqp.Delivery) Message {
	m := Message{
		Body: d.Body, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, MessageID: d.MessageId,
		UserID: d.UserId, Queue: queue, Exchange: d.Exchange, Key: d.RoutingKey, Redelivered: d.Redelivered, Headers: make(map[string]string),
	}
	m.Deliveries, _ = d.Headers["x-delivery-count"].(int64)
	for name, v := range d.Headers {
		if s, ok := v.(string); ok && name == batch.ManifestHeader {
			m.Manifest = []byte(s)
		} else if ok {
			m.Headers[name] = s
		}
	}
	return m
}
