package file

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// What happens to a host follows from its seed, when it happens also from the machine: another seed is another history.
var (
	firstSeed = flag.Uint64("seed", 1, "of the first simulated host of each family; the others follow")
	simHosts  = flag.Uint64("hosts", 5, "how many hosts of each family are simulated")
	simSteps  = flag.Int("steps", 80, "how many steps each simulated host takes")
)

// turns are the hosts that live at once: with more of them, each would wait for the others and not for what it asks for.
var turns = make(chan struct{}, 40)

// Whatever happens to a host, each line arrives, and under one id: all but those that nobody could read.
func TestHosts(t *testing.T) {
	t.Parallel()
	f := func(name string, ops []string, set ...func(*simHost)) {
		for n := range *simHosts {
			seed := *firstSeed + n
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				t.Parallel()
				turns <- struct{}{}
				defer func() { <-turns }()
				h := randomHost(t, seed)
				for _, s := range set {
					s(h)
				}
				h.live(ops, *simSteps)
			})
		}
	}
	header := func(lines int) func(*simHost) { return func(h *simHost) { h.headers = lines } }
	slow := func(h *simHost) { h.slow = 90 }
	dated := func(h *simHost) { h.dated = true }
	liveOnly := func(h *simHost) { h.cfg.Paths = []string{filepath.Join(h.dir, "app.log")} }
	oldDir := func(h *simHost) {
		h.old = filepath.Join(h.dir, "old")
		h.cfg.Paths = append(h.cfg.Paths, filepath.Join(h.old, "*"))
	}
	trims := func(h *simHost) { h.trims = true }
	every := slices.Sorted(maps.Keys(simOps))
	some := []string{"rename", "delay", "gznow", "rm", "hl", "edit"}

	f("rename", []string{"rename"})
	f("delay", []string{"delay"})
	f("gznow", []string{"gznow"})
	f("ct", []string{"ct"})
	f("ctdelay", []string{"ctdelay"})
	f("ctgz", []string{"ctgz"})
	f("rename+hdr", []string{"rename"}, header(4))
	f("delay+hdr", []string{"delay"}, header(4))
	f("gznow+hdr", []string{"gznow"}, header(4))
	f("ct+hdr", []string{"ct"}, header(4))
	f("ctgz+hdr", []string{"ctgz"}, header(4))
	if *strict { // a header that is longer than the evidence: nobody can tell the logs apart that have no more yet
		f("ct+hdr90", []string{"ct"}, header(90))
		f("delay+hdr90", []string{"delay"}, header(90))
	}
	f("cp", []string{"cp", "delay"})
	f("cp+ct", []string{"cp", "ct"})
	f("edit", []string{"edit", "rename"})
	f("rm", []string{"rm"})
	f("rm+hdr", []string{"rm"}, header(4))
	f("hl", []string{"hl", "rename"})
	f("empty", []string{"empty", "anew"})
	f("empty+hdr", []string{"empty", "anew"}, header(4))
	f("trim", []string{"trim"}, trims)
	f("trimcat", []string{"trimcat"}, trims)
	f("olddir", []string{"delay", "gznow"}, oldDir)
	f("olddir ct", []string{"ctdelay", "ctgz"}, oldDir)
	f("date", []string{"delay", "gznow"}, dated)
	f("date ct", []string{"ctdelay", "ctgz"}, dated)
	f("live delay", []string{"delay", "gznow"}, liveOnly)
	f("live ct", []string{"ct", "ctgz"}, liveOnly)
	f("some", some)
	f("some+hdr", some, header(4))
	f("all", every, trims)
	f("all live", every, liveOnly, trims)
	f("stall", []string{"ctdelay", "ctgz", "gznow", "cp"}, func(h *simHost) { h.stalls = true })
	f("slow ct", []string{"ct", "ctgz"}, slow)
	f("slow ct+hdr", []string{"ct", "ctgz"}, slow, header(4))
	f("slow gz+hdr", []string{"gznow", "delay"}, slow, header(4))
}

// randomHost is one of no family yet.
func randomHost(t *testing.T, seed uint64) *simHost {
	h := newSimHost(t, seed, 0, 0)
	h.road.window, h.road.rate = []int{20, 200, 2000}[h.rnd.IntN(3)], []int{5, 20, 100}[h.rnd.IntN(3)]
	h.slow, h.drawn = 30, true
	return h
}

func (h *simHost) live(ops []string, steps int) {
	if h.old != h.dir {
		must(h.t, os.Mkdir(h.old, 0o755))
	}
	quit := make(chan struct{})
	defer close(quit)
	go h.road.run(quit)
	h.log = h.open(filepath.Join(h.dir, "app.log"), 0)
	h.log.lines(3)
	h.start()
	for end := time.Now().Add(time.Minute); h.road.seen() == 0; { // what was rotated before the first look is history
		if time.Now().After(end) {
			h.t.Fatal("nothing came")
		}
		time.Sleep(time.Millisecond)
	}
	var next func() bool
	for range steps {
		next = h.act(ops, next)
		h.pause()
	}
	for next != nil && next() {
	}
	h.finish()
	switch v := h.judge(); {
	case v.bad(h):
		h.report(v)
	case len(v.twice)+len(v.odd) > 0:
		h.t.Logf("not judged: %d lines came twice, %d in parts, and a copy stalled for %s", len(v.twice), len(v.odd), h.stalled)
	}
}

// act does one thing of those that may happen at any time, and perhaps the next part of what is being done.
func (h *simHost) act(ops []string, next func() bool) func() bool {
	switch x := h.rnd.IntN(100); {
	case x < 40:
		h.log.write()
	case x < 48:
		if h.stop == nil {
			h.start()
		} else {
			h.down()
		}
	case x < 60:
		if h.stop == nil {
			h.start()
		}
	case x < 65:
		shut := h.chance(h.slow)
		h.road.close(shut)
		h.say("road is shut: %v", shut)
	case x < 72:
		h.lateWriter()
	case x < 92 && next == nil:
		name := ops[h.rnd.IntN(len(ops))]
		h.say("-- %s", name)
		next = simOps[name].begin(h)
	}
	if next != nil && (h.copying && !h.stalls || h.chance(60)) && !next() {
		return nil
	}
	return next
}

// down ends the agent in one of the ways that agents end.
func (h *simHost) down() {
	switch h.rnd.IntN(3) {
	case 0:
		h.end()
	case 1:
		h.kill(false)
	default:
		h.kill(true)
	}
}

// lateWriter lets one that writes what was renamed go on, or end.
func (h *simHost) lateWriter() {
	if len(h.late) == 0 {
		return
	}
	i := h.rnd.IntN(len(h.late))
	h.late[i].write()
	if h.chance(50) {
		h.late[i].close()
		h.late = slices.Delete(h.late, i, i+1)
	}
}
