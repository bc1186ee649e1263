package admit

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"belfry/aggregator/index"
)

// Life is whether an engine takes Writes, and why it does not any more. It is safe for concurrent use.
type Life struct {
	Stop  chan struct{} // closed when no Write is taken any more
	Ended chan struct{} // closed when Run has returned
	log   *slog.Logger

	mu      sync.RWMutex // guards what follows
	reason  error        // why no Write is taken any more
	fault   error        // after which nothing is written any more
	closed  bool
	running bool
}

// NewLife returns the life of an engine that takes Writes and does not run yet.
func NewLife(log *slog.Logger) *Life {
	return &Life{Stop: make(chan struct{}), Ended: make(chan struct{}), log: log}
}

// Begin lets Run begin, once. Whoever runs closes Ended.
func (l *Life) Begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running || l.reason != nil {
		return fmt.Errorf("run index: %w", errors.Join(l.reason, errors.New("it runs once")))
	}
	l.running = true
	return nil
}

// Take calls take, which must not block, if a Write is taken; else it says why not.
func (l *Life) Take(take func()) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.reason == nil {
		take()
	}
	return l.reason
}

// Failure returns the fault after which nothing is written any more, if there was one.
func (l *Life) Failure() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.fault
}

// Fail notes a fault: no more Writes are taken, and nothing is written any more. The first one stays.
func (l *Life) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		return
	}
	l.fault = err
	l.stop(err)
	l.log.Error("index writes no more", "err", err)
}

// Halt makes the engine take no more Writes, for a reason; the first one stays. It returns the one that counts.
func (l *Life) Halt(reason error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop(reason)
	return l.reason
}

// stop is Halt for who holds mu.
func (l *Life) stop(reason error) {
	if l.reason == nil {
		l.reason = reason
		close(l.Stop)
	}
}

// Close ends Run, and waits for it; where none runs, refuse answers what is queued. It reports whether it is the first.
func (l *Life) Close(refuse func()) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.closed = true
	running := l.running
	l.stop(index.ErrClosed)
	l.mu.Unlock()
	if running {
		<-l.Ended
	} else {
		refuse()
	}
	return true
}

// Gone says that the engine is closed, or nil.
func (l *Life) Gone() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return index.ErrClosed
	}
	return nil
}
