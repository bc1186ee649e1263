package amqp

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/broker"
)

// overdue: a handler that keeps a message for too long loses its channel, nothing is consumed until it is ready, and
// then everything comes in order.
func (r *rig) overdue(t *testing.T) {
	var away, asked atomic.Bool
	away.Store(true)
	var mu sync.Mutex
	var got []string
	var held []func(error)
	tries := 0
	handle := func(_ context.Context, m Message, done func(error)) {
		mu.Lock()
		defer mu.Unlock()
		tries++
		if away.Load() {
			held = append(held, done)
			return
		}
		got = append(got, string(m.Body))
		go done(nil)
	}
	ready := func() error {
		asked.Store(true)
		if away.Load() {
			return errors.New("index is away")
		}
		return nil
	}
	set := metrics.NewSet()
	away.Store(false) // it goes away when everything is under way
	v := New(Config{Broker: r.cfg, Queues: 4, Announce: 500 * time.Millisecond, Unacked: 500 * time.Millisecond, Ready: ready},
		r.publish, handle, silent, set)
	defer run(t, v.Run)()
	r.send(t, broker.Events, "02", "first")
	until(t, "consume", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 1 })
	mu.Lock()
	got, tries = nil, 0
	mu.Unlock()
	away.Store(true)
	r.send(t, broker.Events, "02", numbers(0, 2*prefetch)...)
	until(t, "give up", func() bool { return v.overdue.Get() == 1 })
	until(t, "say so", func() bool {
		err := v.LastError()
		return err != nil && strings.Contains(err.Error(), "not settled in time")
	})
	mu.Lock()
	if tries != prefetch {
		t.Errorf("%d messages were tried, want %d", tries, prefetch)
	}
	for _, done := range held { // the index says at last that it did not take them
		go done(errors.New("gone"))
	}
	mu.Unlock()
	until(t, "say so", func() bool {
		err := v.LastError()
		return err != nil && strings.Contains(err.Error(), "not settled in time")
	})
	asked.Store(false)
	until(t, "ask for the index", asked.Load)
	mu.Lock()
	if tries != prefetch {
		t.Errorf("%d messages were tried while the index was away", tries)
	}
	mu.Unlock()
	away.Store(false)
	until(t, "take everything", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) >= 2*prefetch })
	mu.Lock()
	defer mu.Unlock()
	for i, s := range numbers(0, 2*prefetch) {
		if got[i] != s {
			t.Fatalf("came as %q", got)
		}
	}
	if err := v.LastError(); err != nil {
		t.Error(err)
	}
}

// until waits for something to happen.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("does not %s", what)
		}
	}
}
