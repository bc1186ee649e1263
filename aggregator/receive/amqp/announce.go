package amqp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/backoff"
	"belfry/shared/broker"
	"belfry/shared/event"
)

// maxAnnouncement bounds one announcement, in bytes: 257 names of queues are 5 KiB.
const maxAnnouncement = 64 << 10

// keepSpeaking announces this receiver when it is time to, until ctx is done. It says nothing before it hears: were
// there no such exchange, each announcement would cost the publisher its channel.
func (s *session) keepSpeaking(ctx context.Context) {
	for ctx.Err() == nil {
		var a announcement
		due := false
		if s.hearing.Load() {
			s.with(func(m *members) { a, due = m.speak(time.Now()) })
		}
		if due {
			ctx, cancel := context.WithTimeout(ctx, s.times.announce) // later it is not true any more
			// That it does not arrive is told by the publisher, and noticed by not being heard.
			_ = s.publish.announce(ctx, a)
			cancel()
		}
		select {
		case <-s.news:
		case <-ctx.Done():
		}
	}
}

// sayFarewell lets the others take over at once.
func (s *session) sayFarewell() {
	if !s.hearing.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewellTimeout)
	defer cancel()
	var a announcement
	s.with(func(m *members) { a = announcement{Member: m.self, Leaving: true} })
	if err := s.publish.announce(ctx, a); err != nil {
		s.log.Warn("the other aggregators were not told of the stop", "err", err)
	}
}

func (p *Publisher) announce(ctx context.Context, a announcement) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return p.send(ctx, broker.Message{
		Exchange: broker.Members, ID: event.RandomKey().String(), Type: "application/json", Body: text, Fleeting: true,
	})
}

// keepHearing hands on what is announced, until ctx is done. It says when it has begun to hear.
func (s *session) keepHearing(ctx context.Context, heard chan<- announcement, joined chan<- struct{}) {
	pause := backoff.Backoff{Min: 500 * time.Millisecond, Max: 30 * time.Second}
	failing := false
	for ctx.Err() == nil {
		err := s.hearSome(ctx, heard, func() {
			pause.Reset()
			failing = false
			s.note(faultMembers, nil)
			s.hearing.Store(true)
			select {
			case joined <- struct{}{}:
			default: // it has not yet seen that it was said
			}
		})
		if ctx.Err() != nil || s.conn.IsClosed() {
			return
		}
		s.hearing.Store(false)
		s.note(faultMembers, err)
		if !failing {
			failing = true
			s.log.Warn("the other aggregators are not heard, trying again", "class", string(broker.ClassOf(err)), "err", err)
		}
		pause.Wait(ctx)
	}
}

// hearSome hears over one channel, by a queue that ends with it.
func (s *session) hearSome(ctx context.Context, heard chan<- announcement, begun func()) error {
	user, err := s.cfg.Broker.Name()
	if err != nil {
		return err
	}
	ch, err := s.conn.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	defer ch.Close()
	// What one who was stopped has not heard is no news later.
	queue, err := ch.QueueDeclare(broker.Members+"."+event.RandomKey().String(), false, true, true, false,
		amqp.Table{"x-max-length": int32(maxMembers), "x-message-ttl": s.times.silent.Milliseconds()})
	if err != nil {
		return fmt.Errorf("declare a queue to hear by: %w", err)
	}
	if err := ch.QueueBind(queue.Name, "", broker.Members, false, nil); err != nil {
		return fmt.Errorf("bind to %s: %w", broker.Members, err)
	}
	deliveries, err := ch.Consume(queue.Name, consumer, true, true, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	begun()
	for {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return errors.New("the broker ended the consumption")
			}
			a, err := parseAnnouncement(&d, user)
			if err != nil {
				s.log.Warn("announcement is not understood", "user", d.UserId, "err", err)
				continue
			}
			select {
			case heard <- a:
			case <-ctx.Done():
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// parseAnnouncement reads an announcement. It is believed only if it comes from the broker's user of all aggregators.
func parseAnnouncement(d *amqp.Delivery, user string) (a announcement, err error) {
	if d.UserId != user {
		return a, fmt.Errorf("it is not from user %q", user)
	}
	if len(d.Body) > maxAnnouncement {
		return a, fmt.Errorf("%d bytes, at most %d", len(d.Body), maxAnnouncement)
	}
	if err := json.Unmarshal(d.Body, &a); err != nil {
		return a, err
	}
	if a.ID == "" || a.Known < 0 || a.Known > broker.Slots {
		return a, fmt.Errorf("member %q knows %d queues", a.ID, a.Known)
	}
	a.Self = false
	return a, nil
}
