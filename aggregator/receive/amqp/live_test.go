package amqp

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/event"
)

// crowd is viewers of a live tail.
type crowd struct {
	mu      sync.Mutex
	readers int
	seen    []string
	missed  int
	stuck   chan struct{} // closed when showing goes on
}

func (c *crowd) Readers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readers
}

func (c *crowd) Publish(events []*event.Event) {
	c.mu.Lock()
	stuck := c.stuck
	for _, e := range events {
		c.seen = append(c.seen, e.Get("message"))
	}
	c.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
}

func (c *crowd) Miss(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed += n
}

func (c *crowd) set(readers int, stuck chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readers, c.stuck = readers, stuck
}

func (c *crowd) has(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.seen, text)
}

// total is what it was shown and what it was told to have missed.
func (c *crowd) total() (shown, missed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen), c.missed
}

func words(texts ...string) (all []*event.Event) {
	for _, text := range texts {
		e := new(event.Event)
		e.Set("message", text)
		all = append(all, e)
	}
	return all
}

// viewed is a receiver with viewers.
func (r *rig) viewed(t *testing.T) (*Receiver, *crowd) {
	c := new(crowd)
	set := metrics.NewSet()
	p := NewPublisher(r.cfg, silent, set)
	run(t, p.Run)
	v := New(Config{Broker: r.cfg, Queues: 4, Announce: 500 * time.Millisecond, Viewers: c}, p, new(inbox).take, silent, set)
	run(t, v.Run)
	return v, c
}

// live: what passes at one is seen by those who follow at the other.
func (r *rig) live(t *testing.T) {
	a, crowdA := r.viewed(t)
	b, crowdB := r.viewed(t)
	until(t, "hear each other", func() bool { return len(a.Members()) == 2 && len(b.Members()) == 2 })
	a.Show(words("before anybody follows"))
	if follows(a, b) {
		t.Error("somebody follows")
	}
	crowdB.set(1, nil)
	until(t, "see what passes elsewhere", func() bool { a.Show(words("try")); return crowdB.has("try") })
	b.Show(words("own")) // who shows it has shown it himself
	a.Show(words("one", "two"))
	until(t, "see more", func() bool { return crowdB.has("two") })
	crowdA.set(1, nil)
	until(t, "see it both ways", func() bool { b.Show(words("back")); return crowdA.has("back") })
	if crowdB.has("own") || crowdB.has("before anybody follows") || crowdA.has("one") {
		t.Errorf("seen at b: %q, at a: %q", crowdB.seen, crowdA.seen)
	}
	r.tooMuch(t, a, crowdB)
	crowdA.set(0, nil)
	crowdB.set(0, nil)
	until(t, "end it when nobody follows", func() bool { return !follows(a, b) })
}

// tooMuch: who sees too slowly is told how much was left out, by whomever; nobody waits for him.
func (r *rig) tooMuch(t *testing.T, from *Receiver, c *crowd) {
	shown, missed := c.total()
	if missed != 0 {
		t.Errorf("%d are missed already", missed)
	}
	stuck := make(chan struct{})
	c.set(1, stuck)
	passed := 0
	long := strings.Repeat("x", 1000)
	var lot []string
	for range 10_000 {
		lot = append(lot, long)
	}
	for range 20 { // 200 MB, ten times of what waits anywhere
		from.Show(words(lot...))
		passed += len(lot)
	}
	close(stuck)
	c.set(1, nil)
	tries := 0
	until(t, "come to the end", func() bool {
		if tries++; tries%100 == 1 { // by what comes behind it is known what was left out
			from.Show(words("end"))
			passed++
		}
		nowShown, nowMissed := c.total()
		return nowShown-shown+nowMissed == passed && nowMissed > 0
	})
	nowShown, nowMissed := c.total()
	t.Logf("measured: of %d events %d were seen, %d left out", passed, nowShown-shown, nowMissed)
}

// follows reports whether one of them sees what passes at the others.
func follows(all ...*Receiver) bool {
	for _, v := range all {
		v.mu.Lock()
		tails := v.members.self.Tails || v.live.audience.Load()
		v.mu.Unlock()
		if tails {
			return true
		}
	}
	return false
}
