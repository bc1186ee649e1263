package admit

import (
	"context"
	"sync"

	"belfry/aggregator/index"
)

// Gate lets in so many bytes at a time, in the order of arrival. It is safe for concurrent use.
type Gate struct {
	turn  chan struct{} // whose turn it is to wait for room
	freed chan struct{}
	mu    sync.Mutex
	room  int64
	size  int64
}

// NewGate returns a gate for size bytes.
func NewGate(size int64) *Gate {
	return &Gate{turn: make(chan struct{}, 1), freed: make(chan struct{}, 1), room: size, size: size}
}

// Enter returns when there is room for n bytes; for more than there ever is, when nothing else is in. It ends with the
// context's error, or with index.ErrClosed when stop is closed.
func (g *Gate) Enter(ctx context.Context, stop <-chan struct{}, n int64) error {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-stop:
		return index.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	for !g.take(n) {
		select {
		case <-g.freed:
		case <-stop:
			return index.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (g *Gate) take(n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n > g.room && g.room < g.size {
		return false
	}
	g.room -= n
	return true
}

// Leave gives the room of n bytes back.
func (g *Gate) Leave(n int64) {
	g.mu.Lock()
	g.room += n
	g.mu.Unlock()
	select {
	case g.freed <- struct{}{}:
	default:
	}
}

// Taken returns how many bytes are in.
func (g *Gate) Taken() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.size - g.room
}
