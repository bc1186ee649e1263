package http

import (
	"errors"
	"fmt"
	"sync"

	"belfry/aggregator/receive"
)

// What may be under way at a time. The bytes are those of the bodies, decompressed; their events take some times that
// in memory. One sender cannot take it all.
const (
	maxRequests     = 256
	maxBytes        = 96 << 20
	maxPeerRequests = 32
	maxPeerBytes    = receive.MaxText + 2<<20
)

// limits is what may be under way at a time.
type limits struct {
	requests, peerRequests int
	bytes, peerBytes       int64
}

var (
	eventLimits = limits{maxRequests, maxPeerRequests, maxBytes, maxPeerBytes}
	// An agent has a window of batches under way, of some 100 KiB each, and of 10 MiB if it is up to no good. So many
	// agents share an aggregator that the bytes alone are a bound.
	batchLimits = limits{1 << 20, 1 << 20, 256 << 20, 64 << 20}
)

// errBusy says that a request must come again later.
var errBusy = errors.New("too much is under way")

// inflight counts what is under way.
type inflight struct {
	limits
	mu    sync.Mutex
	all   usage
	peers map[string]*usage
}

type usage struct {
	requests int
	bytes    int64
}

func newInflight(l limits) *inflight { return &inflight{limits: l, peers: make(map[string]*usage)} }

// ticket is one request that is under way.
type ticket struct {
	in    *inflight
	peer  string
	bytes int64
}

// enter lets a request in, or returns errBusy. leave must be called once it is over.
func (f *inflight) enter(peer string) (*ticket, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.peers[peer]
	switch {
	case f.all.requests >= f.limits.requests:
		return nil, fmt.Errorf("%w: %d requests", errBusy, f.limits.requests)
	case u == nil:
		u = new(usage)
		f.peers[peer] = u
	case u.requests >= f.peerRequests:
		return nil, fmt.Errorf("%w: %d requests of %s", errBusy, f.peerRequests, peer)
	}
	f.all.requests++
	u.requests++
	return &ticket{in: f, peer: peer}, nil
}

// grow counts n more bytes, or returns errBusy.
func (t *ticket) grow(n int) error {
	f := t.in
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.peers[t.peer]
	switch {
	case f.all.bytes+int64(n) > f.limits.bytes:
		return fmt.Errorf("%w: %d bytes", errBusy, f.all.bytes)
	case u.bytes+int64(n) > f.peerBytes:
		return fmt.Errorf("%w: %d bytes of %s", errBusy, u.bytes, t.peer)
	}
	f.all.bytes += int64(n)
	u.bytes += int64(n)
	t.bytes += int64(n)
	return nil
}

func (t *ticket) leave() {
	f := t.in
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.peers[t.peer]
	f.all.requests--
	f.all.bytes -= t.bytes
	u.requests--
	u.bytes -= t.bytes
	if u.requests == 0 {
		delete(f.peers, t.peer)
	}
}

// taken returns how many bytes are under way.
func (f *inflight) taken() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all.bytes
}
