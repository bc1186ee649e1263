package topology

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/broker"
)

// traffic is an agent that publishes numbers, one slot after the other, and an aggregator that is slower than that, so
// that its queues are never empty while the agent is at work.
type traffic struct {
	t    *testing.T
	r    *rig
	stop func() // ends the publishing
	pub  sync.WaitGroup
	sub  sync.WaitGroup
	quit func() // ends the consuming

	gate sync.RWMutex // locked: nothing is taken

	mu   sync.Mutex
	sent map[string]int // by slot: how many were confirmed
	got  map[string]int // by slot: the highest that came
	bad  []string       // what came out of order
}

// busySlots are some of each residue that matters.
var busySlots = []int{0, 1, 2, 3, 5, 6, 7, 11, 100, 202, 255}

func (r *rig) traffic(t *testing.T, consume bool) *traffic {
	t.Helper()
	f := &traffic{t: t, r: r, sent: make(map[string]int), got: make(map[string]int)}
	ctx, stop := context.WithCancel(t.Context())
	f.stop = stop
	all, quit := context.WithCancel(t.Context())
	f.quit = quit
	p := broker.NewPublisher(r.broker("agent-1"), "test", silent, metrics.NewSet())
	f.sub.Go(func() { p.Run(all) })
	for _, slot := range busySlots {
		f.pub.Go(func() { f.publish(ctx, all, p, broker.SlotKey(slot)) })
	}
	if consume {
		f.consume(all)
	}
	t.Cleanup(func() {
		stop()
		quit()
		f.pub.Wait()
		f.sub.Wait()
	})
	return f
}

// backlog is how far the agent may be ahead of the aggregator in one slot: so far that order shows, and a drain is short.
const backlog = 20

func (f *traffic) ahead(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent[key] - f.got[key]
}

// publish sends one number after the other, each until it is confirmed.
func (f *traffic) publish(ctx, all context.Context, p *broker.Publisher, key string) {
	for n := 1; ctx.Err() == nil; n++ {
		for f.ahead(key) > backlog && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		for all.Err() == nil {
			result := make(chan error, 1)
			p.Send(all, broker.Message{Exchange: broker.Events, Key: key, ID: key + "-" + strconv.Itoa(n), Body: []byte(strconv.Itoa(n))},
				func(err error) { result <- err })
			if <-result == nil {
				f.mu.Lock()
				f.sent[key] = n
				f.mu.Unlock()
				break
			}
			time.Sleep(5 * time.Millisecond) // it came back
		}
	}
}

// consume takes from all queues that there are, as they come.
func (f *traffic) consume(ctx context.Context) {
	cfg := f.r.broker("belfry")
	for n := range 4 {
		f.sub.Go(func() {
			for ctx.Err() == nil {
				if conn, err := broker.Dial(ctx, cfg); err == nil {
					f.consumeOne(ctx, conn, broker.EventQueue(n))
					conn.End()
				}
				time.Sleep(100 * time.Millisecond) // there is no such queue yet, or no more
			}
		})
	}
}

func (f *traffic) consumeOne(ctx context.Context, conn *broker.Conn, name string) {
	ch, err := conn.Channel()
	if err != nil {
		return
	}
	defer ch.Close()
	if ch.Qos(8, 0, false) != nil {
		return
	}
	deliveries, err := ch.Consume(name, "", false, false, false, false, nil)
	if err != nil {
		return
	}
	for {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return
			}
			f.take(d)
		case <-ctx.Done():
			return
		}
	}
}

// take is slow: the order of what it notes is the order in which things are indexed.
func (f *traffic) take(d amqp.Delivery) {
	f.gate.RLock()
	defer f.gate.RUnlock()
	time.Sleep(2 * time.Millisecond)
	n, _ := strconv.Atoi(string(d.Body))
	f.mu.Lock()
	switch last := f.got[d.RoutingKey]; {
	case n == last+1:
		f.got[d.RoutingKey] = n
	case n > last:
		f.bad = append(f.bad, fmt.Sprintf("slot %s: %d came after %d", d.RoutingKey, n, last))
	}
	f.mu.Unlock()
	d.Ack(false)
}

// flows waits until each slot has brought something that was not yet sent.
func (f *traffic) flows() {
	f.t.Helper()
	f.mu.Lock()
	before := make(map[string]int)
	for key, n := range f.sent {
		before[key] = n
	}
	f.mu.Unlock()
	eventually(f.t, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, slot := range busySlots {
			if key := broker.SlotKey(slot); f.got[key] <= before[key] {
				return fmt.Errorf("slot %s: %d came, want more than %d", key, f.got[key], before[key])
			}
		}
		return nil
	})
}

// full has the aggregator take nothing, and waits until the agent is as far ahead as it goes. The func lets it go on.
func (f *traffic) full() (release func()) {
	f.t.Helper()
	f.gate.Lock()
	release = sync.OnceFunc(f.gate.Unlock)
	f.t.Cleanup(release)
	eventually(f.t, func() error {
		for _, slot := range busySlots {
			if key := broker.SlotKey(slot); f.ahead(key) <= backlog {
				return fmt.Errorf("slot %s: %d lie in its queue", key, f.ahead(key))
			}
		}
		return nil
	})
	return release
}

// settle ends the publishing, and waits until all has come that was confirmed: in order, nothing lost.
func (f *traffic) settle() {
	f.t.Helper()
	f.stop()
	f.pub.Wait()
	eventually(f.t, func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		for key, n := range f.sent {
			if f.got[key] < n {
				return fmt.Errorf("slot %s: %d of %d came\n%s", key, f.got[key], n, strings.Join(f.bad[:min(len(f.bad), 5)], "\n"))
			}
		}
		return nil
	})
	if len(f.bad) > 0 {
		f.t.Errorf("%d out of order, as %s", len(f.bad), strings.Join(f.bad[:min(len(f.bad), 5)], "\n"))
	}
	total := 0
	for _, n := range f.sent {
		total += n
	}
	f.t.Logf("%d messages, in order", total)
}
