package spool

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// room is the place that all queues share. Bytes are charged when a record is put, and given back when its segment is
// removed; what may be over the bound are the headers of segments, 20 bytes each.
type room struct {
	max, minFree int64
	free         func() (int64, error) // bytes of the file system that are free
	log          *slog.Logger

	held    atomic.Int64 // bytes that are charged
	blocked atomic.Int32 // how many wait
	low     atomic.Bool  // less is free than must be

	short chan struct{} // somebody waits: look at the disk

	mu     sync.Mutex
	eased  chan struct{} // closed when there may be room again
	looked time.Time
	told   bool // that it is full
	toldAt time.Time
	failed bool // free did, and that was told
}

const (
	tellEvery = time.Minute            // that it is full: that may come and go
	lookEvery = 100 * time.Millisecond // at the free space of the disk
	lookBytes = 1 << 20                // or after so many were put
)

func newRoom(cfg Config, free func() (int64, error), log *slog.Logger) *room {
	r := &room{max: cfg.maxBytes(), minFree: cfg.minFree(), free: free, log: log,
		short: make(chan struct{}, 1), eased: make(chan struct{})}
	r.look()
	return r
}

// freeBytes returns what the file system of dir has free for others than root.
func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(min(uint64(st.Bavail)*uint64(st.Bsize), 1<<62)), nil //nolint:unconvert // other systems have other types
}

// take charges n bytes if there is room for them.
func (r *room) take(n int64) bool {
	if r.low.Load() {
		return false
	}
	for {
		held := r.held.Load()
		if held+n > r.max {
			return false
		}
		if r.held.CompareAndSwap(held, held+n) {
			return true
		}
	}
}

// charge takes n bytes whether there is room or not; with n < 0 it gives them back.
func (r *room) charge(n int64) {
	r.held.Add(n)
	if n < 0 {
		r.ease()
	}
}

// wait charges n bytes, once there is room.
func (r *room) wait(ctx context.Context, n int64) error {
	r.blocked.Add(1)
	defer r.blocked.Add(-1)
	for {
		r.mu.Lock()
		eased := r.eased
		r.mu.Unlock()
		if r.take(n) {
			return nil
		}
		r.tell()
		signal(r.short)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-eased:
		}
	}
}

// stuck says why nothing is taken, "" if it is.
func (r *room) stuck() string {
	switch {
	case r.low.Load():
		return fmt.Sprintf("less of the disk is free than must stay free, %d bytes (spool.min_free)", r.minFree)
	case r.blocked.Load() > 0:
		return fmt.Sprintf("it is full: %d of %d bytes (spool.max_bytes)", r.held.Load(), r.max)
	}
	return ""
}

// scarce reports whether the disk must be looked at without anybody putting.
func (r *room) scarce() bool { return r.low.Load() }

// tell logs that the spool is full, once.
func (r *room) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); !r.told && now.Sub(r.toldAt) >= tellEvery {
		r.told, r.toldAt = true, now
		r.log.Warn("spool is full, senders wait", "bytes", r.held.Load(), "max_bytes", r.max, "disk_low", r.low.Load())
	}
}

// ease wakes who waits. An eighth must be free before it is said that there is room: it may come and go in small pieces.
func (r *room) ease() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.eased)
	r.eased = make(chan struct{})
	if r.told && !r.low.Load() && r.held.Load() < r.max-r.max/8 {
		r.told = false
		r.log.Info("spool has room again", "bytes", r.held.Load(), "max_bytes", r.max)
	}
}

// due looks at the disk if that was not done lately.
func (r *room) due() {
	r.mu.Lock()
	due := time.Since(r.looked) >= lookEvery
	r.mu.Unlock()
	if due {
		r.look()
	}
}

// look sees how much of the disk is free. What is low stays so until an eighth more is free.
func (r *room) look() {
	free, err := r.free()
	r.mu.Lock()
	r.looked = time.Now()
	if err != nil && !r.failed {
		r.log.Warn("cannot see how much of the disk is free", "err", err)
	}
	r.failed = err != nil
	r.mu.Unlock()
	need := r.minFree
	if r.low.Load() {
		need += need / 8
	}
	low := err == nil && free < need
	if was := r.low.Swap(low); was && !low {
		r.ease()
	}
}
