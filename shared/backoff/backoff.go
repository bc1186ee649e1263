// Package backoff spaces out attempts: the wait before each is drawn at random below a bound that doubles ("full
// jitter"), so that a thousand clients that lost one server do not come back at once.
package backoff

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is the state of one series of attempts. Zero fields take defaults. It is not safe for concurrent use.
type Backoff struct {
	Min time.Duration // first bound; default 500ms
	Max time.Duration // last bound; default 60s

	tries int
}

// Next returns how long to wait before the next attempt.
func (b *Backoff) Next() time.Duration {
	least, most := cmp.Or(b.Min, 500*time.Millisecond), cmp.Or(b.Max, time.Minute)
	bound := most
	if b.tries < 30 && least<<b.tries < most {
		bound = least << b.tries
	}
	b.tries++
	return rand.N(bound) + 1
}

// Reset begins a new series: an attempt has succeeded.
func (b *Backoff) Reset() { b.tries = 0 }

// Wait waits before the next attempt, or until ctx is done.
func (b *Backoff) Wait(ctx context.Context) {
	t := time.NewTimer(b.Next())
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
