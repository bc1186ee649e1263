package amqp

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var usual = newTiming(0, 0, 0)

// world is members that hear each other by a broker, in a time of its own.
type world struct {
	t     testing.TB
	now   time.Time
	order []string // ids, as they came
	nodes map[string]*node
	deaf  bool // the broker blocks publishing
}

// node is one process.
type node struct {
	*members
	inbox   []announcement
	stopped bool // by SIGSTOP
}

const queuesOfWorld = 8

func newWorld(t testing.TB) *world {
	return &world{t: t, now: time.Unix(1e9, 0), nodes: make(map[string]*node)}
}

func (w *world) start(id string) *node {
	n := &node{members: newMembers(Member{ID: id, Known: queuesOfWorld, Queues: []string{}}, usual)}
	n.listenAnew(w.now)
	w.nodes[id] = n
	w.order = append(w.order, id)
	return n
}

// Of two indexes the one that was there first has all queues, and the other one none, even when it is alone then: it would
// have a part of the events only. One that is started anew, alone, has all.
func TestOneIndexAlone(t *testing.T) {
	w := newWorld(t)
	a, b := w.start("z"), w.start("a")
	a.self.Store, b.self.Store, a.self.Started, b.self.Started = "one", "two", 1, 2
	has := func(n *node, want int) {
		t.Helper()
		for range 20 * looks {
			w.step()
		}
		if len(n.self.Queues) != want {
			t.Errorf("member %s has %d queues, want %d", n.self.ID, len(n.self.Queues), want)
		}
	}
	has(a, queuesOfWorld+1)
	has(b, 0)
	if b.rival == nil || b.rival.ID != "z" || a.rival != nil {
		t.Errorf("rivals %v and %v", b.rival, a.rival)
	}
	d := w.start("b") // its clock was wrong when it began
	d.self.Store, d.self.Started = "three", 0
	has(a, queuesOfWorld+1)
	has(d, 0)
	w.kill("b")
	w.kill("z")
	has(b, 0)
	c := w.start("y")
	c.self.Store, c.self.Started = "one", 3
	has(c, queuesOfWorld+1)
	has(b, 0)
}

func (w *world) kill(id string) {
	delete(w.nodes, id)
	w.order = slices.DeleteFunc(w.order, func(s string) bool { return s == id })
}

func (w *world) publish(a announcement) {
	if w.deaf {
		return
	}
	for _, n := range w.nodes {
		n.inbox = append(n.inbox, a)
	}
}

// step is what all do in one of the ticks; each that is not stopped looks.
func (w *world) step() {
	w.now = w.now.Add(usual.announce / looks)
	for _, id := range w.order {
		n := w.nodes[id]
		if n.stopped {
			continue
		}
		n.look(w.now)
		for _, a := range n.inbox {
			n.hear(w.now, a)
			n.look(w.now)
		}
		n.inbox = nil
		if a, due := n.speak(w.now); due {
			w.publish(a)
		}
	}
}

func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.step()
	}
}

// owners counts the owners of each queue.
func (w *world) owners() map[string]int {
	all := make(map[string]int)
	for _, n := range w.nodes {
		for _, q := range n.self.Queues {
			all[q]++
		}
	}
	return all
}

// shared reports why the queues are not each owned by one, and evenly.
func (w *world) shared() error {
	owners := w.owners()
	if len(owners) != queuesOfWorld+1 {
		return fmt.Errorf("%d queues are owned: %v", len(owners), owners)
	}
	for q, n := range owners {
		if n != 1 {
			return fmt.Errorf("%s has %d owners", q, n)
		}
	}
	for id, n := range w.nodes {
		if len(n.self.Queues) > queuesOfWorld/len(w.nodes)+1 {
			return fmt.Errorf("%s owns %d queues among %d", id, len(n.self.Queues), len(w.nodes))
		}
	}
	return nil
}

func (w *world) wantShared() {
	w.t.Helper()
	if err := w.shared(); err != nil {
		w.t.Fatal(err)
	}
}

func TestMembersComeAndGo(t *testing.T) {
	w := newWorld(t)
	a := w.start("a")
	w.pass(2 * time.Second) // a lone one waits no longer
	if len(a.self.Queues) != queuesOfWorld+1 {
		t.Fatalf("a lone member owns %v", a.self.Queues)
	}
	b := w.start("b")
	for range 2 * looks {
		if w.step(); len(b.self.Queues) == queuesOfWorld+1 {
			t.Fatal("a newcomer claims everything")
		}
	}
	w.wantShared()
	w.kill("a")
	w.pass(usual.silent - usual.announce)
	if len(b.self.Queues) == queuesOfWorld+1 {
		t.Error("taken over too early")
	}
	w.pass(2 * usual.announce)
	w.wantShared()
	c := w.start("c")
	w.pass(2 * time.Second)
	w.wantShared()
	w.kill("c")
	w.publish(announcement{Member: c.self, Leaving: true})
	w.step()
	w.wantShared() // at once
}

// A newcomer knows everybody before it claims anything.
func TestMembersNewcomer(t *testing.T) {
	w := newWorld(t)
	for n := range 12 {
		m := w.start(fmt.Sprint("m", n))
		var claimed []string
		for range 2 * looks {
			if w.step(); claimed == nil && len(m.self.Queues) > 0 {
				claimed = slices.Clone(m.self.Queues)
			}
		}
		w.wantShared()
		w.pass(time.Duration(n) * 700 * time.Millisecond) // not all speak at the same time
		if !slices.Equal(claimed, m.self.Queues) {
			t.Errorf("among %d it claims %v and then %v", n, claimed, m.self.Queues)
		}
	}
}

// Who was stopped does not claim what others have, however long it slept; nor does one that hears nobody.
func TestMembersSleep(t *testing.T) {
	f := func(name string, long time.Duration, begin, end func(*world)) {
		t.Run(name, func(t *testing.T) {
			for n := range looks {
				w := newWorld(t)
				for _, id := range []string{"a", "b", "c"} {
					w.start(id)
					w.pass(2 * time.Second)
				}
				w.wantShared()
				a := w.nodes["a"]
				had := slices.Clone(a.self.Queues)
				begin(w)
				w.pass(long + time.Duration(n)*usual.announce/looks)
				end(w)
				for range 4 * looks {
					w.step()
					for _, q := range a.self.Queues {
						if !slices.Contains(had, q) {
							t.Fatalf("claims %s, had %v", q, had)
						}
					}
				}
				w.wantShared()
			}
		})
	}
	f("stopped", 10*time.Minute, func(w *world) { w.nodes["a"].stopped = true }, func(w *world) {
		w.nodes["a"].stopped = false
		w.nodes["a"].inbox = nil // the queue it hears by has a bound
	})
	f("connection lost", 10*time.Minute, func(w *world) { w.nodes["a"].stopped = true }, func(w *world) {
		a := w.nodes["a"]
		a.stopped, a.inbox, a.looked = false, nil, w.now
		a.listenAnew(w.now)
	})
	// Were it longer, each would help itself.
	f("publishing blocked", deafSilences*usual.silent-3*usual.announce, func(w *world) { w.deaf = true }, func(w *world) { w.deaf = false })
}

// Consuming ends a broker's shortage: it must begin even if nobody can announce anything.
func TestMembersWithoutAnnouncements(t *testing.T) {
	w := newWorld(t)
	w.deaf = true
	a := w.start("a")
	w.pass(usual.silent)
	if len(a.self.Queues) != queuesOfWorld+1 {
		t.Errorf("owns %v", a.self.Queues)
	}
	w.deaf = false
	w.start("b")
	w.pass(2 * time.Second)
	w.wantShared()
	w.deaf = true
	w.kill("b")
	w.pass(deafSilences*usual.silent + usual.announce)
	w.wantShared()
}

// Whatever happened, when it is over each queue has one owner.
func TestMembersSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(nil)
		started := 0
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			someone := func() *node {
				if len(w.order) == 0 {
					return nil
				}
				return w.nodes[rapid.SampledFrom(w.order).Draw(t, "who")]
			}
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0, 1:
				started++
				w.start(fmt.Sprintf("m%d", started))
			case 2:
				if n := someone(); n != nil {
					w.kill(n.self.ID)
				}
			case 3:
				if n := someone(); n != nil {
					n.stopped = !n.stopped
				}
			case 4:
				if n := someone(); n != nil {
					w.kill(n.self.ID)
					w.publish(announcement{Member: n.self, Leaving: true})
				}
			case 5:
				w.deaf = !w.deaf
			}
			w.pass(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "ms")) * time.Millisecond)
		}
		w.start("last")
		w.deaf = false
		for n := range maps.Values(w.nodes) {
			n.stopped = false
		}
		w.pass(2*usual.silent + usual.announce)
		if err := w.shared(); err != nil {
			t.Fatal(err)
		}
	})
}
