package broker

import (
	"context"
	"fmt"
	"time"
)

// follow is a queue that a Publisher listens to beside its work.
type follow struct {
	queue string
	again time.Duration
	fn    func(body []byte)
	err   error // why it does not; of the publisher's mu
}

// Follow has fn called with the body of each message of a queue, over a channel of its own of the same connection. A
// message counts as taken when it is delivered: it is for news of which the last tells all. A queue that cannot be followed
// may be declared one day: it is tried again and again. Call Follow before Run.
func (p *Publisher) Follow(queue string, again time.Duration, fn func(body []byte)) {
	p.follow = &follow{queue: queue, again: again, fn: fn}
}

// FollowError says why the queue is not followed, or nil. It begins with the Class.
func (p *Publisher) FollowError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.follow == nil || p.follow.err == nil {
		return nil
	}
	return Classified(p.follow.err)
}

// keepFollowing follows the queue over one connection until that ends.
func (p *Publisher) keepFollowing(ctx context.Context, conn *Conn) {
	for ctx.Err() == nil && !conn.IsClosed() {
		err := p.followOnce(ctx, conn)
		if ctx.Err() != nil {
			return
		}
		p.noteFollow(err)
		t := time.NewTimer(p.follow.again)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
}

func (p *Publisher) noteFollow(err error) {
	p.mu.Lock()
	first := err != nil && (p.follow.err == nil || ClassOf(p.follow.err) != ClassOf(err))
	p.follow.err = err
	p.mu.Unlock()
	if first {
		p.log.Warn("queue cannot be followed", "queue", p.follow.queue, "class", string(ClassOf(err)), "err", err)
	}
}

func (p *Publisher) followOnce(ctx context.Context, conn *Conn) error {
	ch, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	defer ch.Close()
	messages, err := ch.Consume(p.follow.queue, "", true, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("follow queue %s: %w", p.follow.queue, err)
	}
	p.noteFollow(nil)
	for {
		select {
		case m, ok := <-messages:
			if !ok {
				return errLost
			}
			p.follow.fn(m.Body)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
