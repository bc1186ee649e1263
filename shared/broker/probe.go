package broker

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// errNoLeader says that nobody speaks for a quorum queue.
var errNoLeader = errors.New("no leader answers")

// Prove asks whether the broker takes this connection for the user of that name: it publishes a message in that name
// that no queue takes. The error of one who is taken for another holds both names.
func (c *Conn) Prove(ctx context.Context, name string) error {
	ch, err := c.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	defer ch.Close()
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	if err := ch.Confirm(false); err != nil {
		return fmt.Errorf("ask for confirms: %w", err)
	}
	confirm, err := ch.PublishWithDeferredConfirm(Acks, "", false, false, amqp.Publishing{UserId: name})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	select {
	case err := <-closed:
		return lost(err)
	case <-confirm.Done():
		if !confirm.Acked() {
			return lost(<-closed) // the end of a channel ends its confirms as well
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Led asks for the leader of a queue with a single active consumer. Without one the broker says nothing for 65 seconds,
// and then ends the connection: the answer is an error when ctx is done, and the connection is of no use then. It is
// for such queues only: of another, it would take a message.
func (c *Conn) Led(ctx context.Context, queue string) error {
	ch, err := c.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	answer := make(chan error, 1)
	go func() {
		_, _, err := ch.Get(queue, false)
		answer <- err
	}()
	select {
	case err := <-answer:
		var e *amqp.Error
		if errors.As(err, &e) && e.Code == amqp.ResourceLocked {
			return nil // only the leader can know that this is not allowed
		}
		ch.Close() // what it has got comes back
		return err
	case <-ctx.Done():
		return errNoLeader
	}
}

// Leaderless reports whether an error is that of a queue without a leader.
func Leaderless(err error) bool { return errors.Is(err, errNoLeader) }

// NoMechanism reports whether the broker does not offer the way in which we say who we are.
func NoMechanism(err error) bool { return errors.Is(err, amqp.ErrSASL) }

// Exists reports whether there is a queue.
func (c *Conn) Exists(queue string) (bool, error) {
	ch, err := c.Channel()
	if err != nil {
		return false, fmt.Errorf("open channel: %w", err)
	}
	defer ch.Close()
	_, err = ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if ClassOf(err) == NotFound {
		return false, nil
	}
	return err == nil, Classified(err)
}
