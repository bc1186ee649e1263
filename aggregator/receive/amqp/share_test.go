package amqp

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"belfry/shared/broker"
	"belfry/shared/e2e/stack"
)

// traffic is numbered messages over all slots.
type traffic struct {
	*rig
	t    *testing.T
	sent int // of each slot
}

// begin sends some more messages in each slot, in order there. The returned function waits until all are sent.
func (f *traffic) begin(more int) (wait func()) {
	from := f.sent
	f.sent += more
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	var all sync.WaitGroup
	errs := make(chan error, broker.Slots)
	for slot := range broker.Slots {
		all.Go(func() {
			for n := from; n < from+more; n++ {
				id := fmt.Sprintf("%s-%d", broker.SlotKey(slot), n)
				err := f.publish.Publish(ctx, broker.Events, broker.SlotKey(slot), Message{Body: []byte(id), MessageID: id})
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	return func() {
		f.t.Helper()
		all.Wait()
		cancel()
		close(errs)
		for err := range errs {
			f.t.Fatal(err)
		}
	}
}

// lost counts the messages that none of them has handled.
func (f *traffic) lost(receivers ...*process) int {
	seen := make(map[string]bool)
	for _, p := range receivers {
		for _, h := range p.handled() {
			seen[h.body] = true
		}
	}
	lost := 0
	for slot := range broker.Slots {
		for n := range f.sent {
			if !seen[fmt.Sprintf("%s-%d", broker.SlotKey(slot), n)] {
				lost++
			}
		}
	}
	return lost
}

// judge looks at everything that was handled: what comes for the first time comes once, and in the order of its slot.
func (f *traffic) judge(receivers ...*process) {
	first := make(map[string]bool)
	for _, p := range receivers {
		last := make(map[string]int)
		for _, h := range p.handled() {
			if h.again {
				continue
			}
			if first[h.body] {
				f.t.Errorf("%s came twice for the first time", h.body)
			}
			first[h.body] = true
			var n int
			slot, number, _ := strings.Cut(h.body, "-")
			if _, err := fmt.Sscan(number, &n); err != nil {
				f.t.Fatal(err)
			}
			if before, ok := last[slot]; ok && n <= before {
				f.t.Errorf("slot %s: %d came after %d", slot, n, before)
			}
			last[slot] = n
		}
	}
}

// shared: two processes share the queues, and what happens to one moves its share to the other and back.
func (r *rig) shared(t *testing.T) {
	link, err := stack.NewLink(r.rabbit.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	f := &traffic{rig: r, t: t}
	a, b := r.process(t, r.rabbit.URL), r.process(t, "amqps://"+link.Addr+"/")
	all := func(what string) { t.Helper(); until(t, what, func() bool { return f.lost(a, b) == 0 }) }
	both := func() { t.Helper(); until(t, "share the queues", func() bool { return sharedBy(a, b) }) }
	alone := func() { t.Helper(); until(t, "take over", func() bool { return len(a.owned()) == 5 }) }
	// halves sends messages while both are there, and looks at who takes how much.
	halves := func() {
		t.Helper()
		both()
		before, beforeB := len(a.handled()), len(b.handled())
		f.begin(3)()
		all("handle everything")
		forA, forB := len(a.handled())-before, len(b.handled())-beforeB
		t.Logf("measured: %d and %d of %d messages", forA, forB, 3*broker.Slots)
		if share := float64(forA) / float64(forA+forB); share < 0.3 || share > 0.7 {
			t.Errorf("one takes %d messages and the other %d", forA, forB)
		}
	}

	a.start()
	alone()
	b.start()
	halves()

	sent := f.begin(6)
	before := len(b.handled())
	until(t, "take some", func() bool { return len(b.handled()) > before })
	b.kill()
	sent()
	alone()
	all("handle what the killed one had")

	b.start()
	halves()

	// Stopped for so long that the other takes over, and at last the broker gives it what the stopped one held.
	sent = f.begin(6)
	before = len(b.handled())
	until(t, "take some", func() bool { return len(b.handled()) > before })
	b.signal(syscall.SIGSTOP)
	sent()
	alone()
	link.Cut()
	all("handle what the stopped one had")
	b.signal(syscall.SIGCONT)
	halves()

	b.stop()
	a.stop()
	f.judge(a, b)
	for _, line := range b.lines("owned") {
		if n := len(strings.Fields(line)); n > 3 {
			t.Errorf("one that was never alone owned %d queues", n)
		}
	}
}

// farewell: who stops in order says so, and the other need not wait until it is missed.
func (r *rig) farewell(t *testing.T) {
	a, b := r.process(t, r.rabbit.URL), r.process(t, r.rabbit.URL)
	a.order.Silent, b.order.Silent = time.Hour, time.Hour
	a.start()
	until(t, "begin", func() bool { return len(a.owned()) == 5 })
	b.start()
	until(t, "share the queues", func() bool { return sharedBy(a, b) })
	b.stop()
	until(t, "take over", func() bool { return len(a.owned()) == 5 })
	a.stop()
}

// killer: a message that ends the process is put away at last, and those around it are handled.
func (r *rig) killer(t *testing.T) {
	p := r.process(t, r.rabbit.URL)
	p.order.Hold = 20 * time.Millisecond
	innocent := numbers(0, 2*prefetch)
	r.send(t, broker.Events, "03", innocent[:3]...)
	r.send(t, broker.Events, "03", lastWord)
	r.send(t, broker.Events, "03", innocent[3:prefetch]...)
	r.send(t, broker.Events, "00", innocent[prefetch:]...)
	times := func() map[string]int {
		all := make(map[string]int)
		for _, h := range p.handled() {
			all[h.body]++
		}
		return all
	}
	done := func() bool { return len(times()) == len(innocent)+1 }
	ends := 0
	for !done() {
		p.start()
		until(t, "handle a message or end", func() bool { return done() || p.hasEnded() })
		if p.hasEnded() {
			ends++
		}
		if ends > 2*(suspectAfter+maxAttempts) {
			t.Fatalf("the process ended %d times", ends)
		}
	}
	if ends != suspectAfter+maxAttempts {
		t.Errorf("the process ended %d times, want %d", ends, suspectAfter+maxAttempts)
	}
	for _, h := range p.handled() {
		if want := map[bool]int{true: maxAttempts}[h.body == lastWord]; h.attempts != want {
			t.Errorf("%+v, want %d attempts", h, want)
		}
	}
	if crowd := p.lines("crowd"); len(crowd) > 0 {
		t.Errorf("there were others beside the suspects %q", crowd)
	}
	until(t, "forget the attempts", func() bool {
		files, err := os.ReadDir(filepath.Join(p.order.Dir, "attempts"))
		return err == nil && len(files) == 0
	})
	p.stop()
}
