package elastic

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/backoff"
)

// breaker leaves the servers alone for a while when all that is asked of them fails. Then one request is let through:
// if it succeeds, all are again; if not, the while gets longer. It is safe for concurrent use.
type breaker struct {
	log   *slog.Logger
	most  int // failures in a row after which it opens
	now   func() time.Time
	mu    sync.Mutex
	wait  backoff.Backoff
	fails int       // in a row
	until time.Time // it is open until then; zero: it is closed
	probe bool      // one request is on its way to try
	last  error     // the last failure
}

// How long the servers are left alone.
const (
	breakLeast = 500 * time.Millisecond
	breakMost  = 15 * time.Second
)

func newBreaker(nodes int, log *slog.Logger) *breaker {
	return &breaker{log: log, most: 2*nodes + 1, now: time.Now, wait: backoff.Backoff{Min: breakLeast, Max: breakMost}}
}

// outcome is what a request says of the servers.
type outcome int

const (
	unknown outcome = iota // nothing
	good                   // they answer
	bad                    // they do not
)

// enter lets a request through, whose outcome done is to be told, or says index.ErrAway.
func (b *breaker) enter() (done func(outcome, error), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return b.leave, nil
	}
	if b.probe || b.now().Before(b.until) {
		return nil, fmt.Errorf("%w: left alone for a while, as the last requests failed: %w", index.ErrAway, b.last)
	}
	b.probe = true
	return func(o outcome, err error) {
		b.mu.Lock()
		b.probe = false
		b.mu.Unlock()
		b.leave(o, err)
	}, nil
}

func (b *breaker) leave(o outcome, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch o {
	case good:
		if !b.until.IsZero() {
			b.log.Info("the servers of the index answer again", "failures", b.fails)
		}
		b.fails, b.until, b.last = 0, time.Time{}, nil
		b.wait.Reset()
	case bad:
		b.fails++
		b.last = err
		if b.fails < b.most {
			return
		}
		if b.until.IsZero() {
			b.log.Warn("the servers of the index do not answer", "failures", b.fails, "err", err)
		}
		b.until = b.now().Add(b.wait.Next())
	}
}

// open returns why the servers are left alone, or nil.
func (b *breaker) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return nil
	}
	return b.last
}
