package reload

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// door hands requests to a daemon until it is shut: a daemon that ends is asked nothing any more.
type door struct {
	handler http.Handler

	mu     sync.Mutex
	shut   bool
	inside int
	empty  chan struct{} // closed when it is shut, and nobody is inside
	over   chan struct{} // closed when those inside shall end
}

func newDoor(h http.Handler) *door {
	return &door{handler: h, empty: make(chan struct{}), over: make(chan struct{})}
}

// Bounds of a stop, for requests under way: a live tail would never end.
const (
	hurryAfter = 1500 * time.Millisecond
	leaveAfter = 3 * time.Second
)

// ServeHTTP is http.Handler's.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d == nil || !d.enter() {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "it is starting, stopping, or loading its configuration anew", http.StatusServiceUnavailable)
		return
	}
	defer d.leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-d.over:
			cancel()
		case <-ctx.Done():
		}
	}()
	d.handler.ServeHTTP(w, r.WithContext(ctx))
}

func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return false
	}
	d.inside++
	return true
}

func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside--; d.shut && d.inside == 0 {
		close(d.empty)
	}
}

// close lets nobody in any more, and waits a while for those inside.
func (d *door) close() {
	d.mu.Lock()
	d.shut = true
	if d.inside == 0 {
		close(d.empty)
	}
	d.mu.Unlock()
	hurry := time.AfterFunc(hurryAfter, func() { close(d.over) })
	defer hurry.Stop()
	select {
	case <-d.empty:
	case <-time.After(leaveAfter):
	}
}
