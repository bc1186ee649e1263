package irc

import (
	"context"
	"sync"
	"time"
)

// The pace that servers allow: one message in two seconds, some more at once after a pause (RFC 2813, section 5.8).
const (
	every = 2 * time.Second
	burst = 4
)

// pace is a flood limit. The zero value is ready to use.
type pace struct {
	mu   sync.Mutex
	next time.Time // when the next message would be due if every message took its time
}

// wait blocks until a message may be sent.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	delay := p.next.Sub(now) - (burst-1)*every
	p.next = p.next.Add(every)
	p.mu.Unlock()
	if delay <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		p.next = p.next.Add(-every) // not used
		p.mu.Unlock()
		return ctx.Err()
	}
}
