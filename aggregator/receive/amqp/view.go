package amqp

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/backoff"
	"belfry/shared/broker"
	"belfry/shared/event"
)

// The bounds of the queue by which a member sees what passes elsewhere. What does not fit is left out: the oldest first.
const (
	viewPrefetch = 16       // messages
	viewBytes    = 16 << 20 // of the queue
	viewTTL      = 30 * time.Second
)

// viewLinger is how long it is looked on after the last reader has gone: the next may come at once.
const viewLinger = 5 * time.Second

// keepViewing lets the readers of the live tail see what passes elsewhere, as long as there are any, until ctx is done.
func (s *session) keepViewing(ctx context.Context) {
	pause := backoff.Backoff{Min: 500 * time.Millisecond, Max: 30 * time.Second}
	tick := time.NewTicker(s.times.announce / looks)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.cfg.Viewers.Readers() == 0 {
			continue
		}
		err := s.viewSome(ctx, func() {
			pause.Reset()
			failing = false
			s.sayViewing(true)
		})
		s.sayViewing(false)
		if ctx.Err() != nil || s.conn.IsClosed() {
			return
		}
		if err == nil {
			continue
		}
		if !failing {
			failing = true
			s.log.Warn("the live tail does not show what other aggregators take, trying again", "class", string(broker.ClassOf(err)), "err", err)
		}
		pause.Wait(ctx)
	}
}

// sayViewing lets the others know, at once, whether to show what passes there.
func (s *session) sayViewing(viewing bool) {
	s.with(func(m *members) {
		m.answer = m.answer || m.self.Tails != viewing
		m.self.Tails = viewing
	})
}

// viewSome shows over one channel, by a queue that ends with it, until there are no readers any more.
func (s *session) viewSome(ctx context.Context, begun func()) error {
	v := &viewing{self: s.live.self, viewers: s.cfg.Viewers, code: s.live.code, next: make(map[string]uint64), seen: s.seen, missed: s.missed}
	var err error
	if v.user, err = s.cfg.Broker.Name(); err != nil {
		return err
	}
	ch, err := s.conn.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	defer ch.Close()
	deliveries, err := view(ch)
	if err != nil {
		return err
	}
	begun()
	tick := time.NewTicker(s.times.announce / looks)
	defer tick.Stop()
	for last := time.Now(); time.Since(last) < viewLinger; {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return errors.New("the broker ended the consumption")
			}
			if err := v.take(&d); err != nil {
				s.log.Warn("events of the live tail are not understood", "user", d.UserId, "err", err)
			}
			if err := d.Ack(false); err != nil {
				return fmt.Errorf("acknowledge: %w", err)
			}
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.cfg.Viewers.Readers() > 0 {
			last = time.Now()
		}
	}
	return nil
}

// view begins to consume what all aggregators show. It is acknowledged, so that what is too much waits at the broker, where
// it is bounded.
func view(ch *amqp.Channel) (<-chan amqp.Delivery, error) {
	if err := ch.Qos(viewPrefetch, 0, false); err != nil {
		return nil, fmt.Errorf("set prefetch: %w", err)
	}
	queue, err := ch.QueueDeclare(broker.Live+"."+event.RandomKey().String(), false, true, true, false,
		amqp.Table{"x-max-length-bytes": int32(viewBytes), "x-overflow": "drop-head", "x-message-ttl": viewTTL.Milliseconds()})
	if err != nil {
		return nil, fmt.Errorf("declare a queue for the live tail: %w", err)
	}
	if err := ch.QueueBind(queue.Name, "", broker.Live, false, nil); err != nil {
		return nil, fmt.Errorf("bind to %s: %w", broker.Live, err)
	}
	deliveries, err := ch.Consume(queue.Name, consumer, false, true, false, false, nil)
	if err != nil {
		return nil, fmt.Errorf("consume: %w", err)
	}
	return deliveries, nil
}
