package file

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// simRoad is a road that takes batches late and out of order, and forgets some of what was under way when the agent died.
// It keeps each id once, as an index does.
type simRoad struct {
	mu       sync.Mutex
	rnd      *rand.Rand
	in       *Input
	dead     bool // the agent is: nothing leaves it any more
	shut     bool
	underway []simEvent
	byID     map[string]string
	lines    map[string]int // how many ids a line has
	faults   []string
}

type simEvent struct {
	part     batch.Stream
	id, line string
}

var errDead = errors.New("the agent is dead")

// simWindow is how many events may be under way.
const simWindow = 2000

func (r *simRoad) put(ctx context.Context, e simEvent) error {
	for {
		r.mu.Lock()
		full := len(r.underway) >= simWindow
		if r.dead || !full {
			break
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	defer r.mu.Unlock()
	if r.dead {
		return errDead
	}
	r.underway = append(r.underway, e)
	return nil
}

func simPart(p batch.Place, kind batch.Kind, first, end uint64) batch.Stream {
	return batch.Stream{ID: p.Stream, Epoch: p.Epoch, Ranges: []batch.Range{{Kind: kind, First: first, End: end}}}
}

func (r *simRoad) Add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error {
	var e struct{ Event struct{ ID, Original string } }
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	return r.put(ctx, simEvent{simPart(p, batch.Data, first, end), e.Event.ID, e.Event.Original})
}

func (r *simRoad) Pass(ctx context.Context, p batch.Place, kind batch.Kind, first, end uint64) error {
	return r.put(ctx, simEvent{part: simPart(p, kind, first, end)})
}

func (r *simRoad) Finish(context.Context, batch.Place, uint64) error { return nil }

// keep indexes an event. The caller holds mu.
func (r *simRoad) keep(e simEvent) {
	old, again := r.byID[e.id]
	switch {
	case e.id == "":
	case again && old != e.line:
		r.faults = append(r.faults, fmt.Sprintf("one id for %q and %q", old, e.line))
	case !again:
		r.byID[e.id] = e.line
		r.lines[e.line]++
	}
}

// held is how many lines arrived.
func (r *simRoad) held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lines)
}

// seen is how many left the agent.
func (r *simRoad) seen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lines) + len(r.underway)
}

// deliver takes some of what is under way, and confirms it.
func (r *simRoad) deliver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shut || r.in == nil {
		return
	}
	n := min(len(r.underway), 1+r.rnd.IntN(400))
	r.rnd.Shuffle(n, func(i, j int) { r.underway[i], r.underway[j] = r.underway[j], r.underway[i] })
	for _, e := range r.underway[:n] {
		r.keep(e)
		r.in.Confirmed(e.part)
	}
	r.underway = r.underway[n:]
}

// lose ends what is under way: the index has some of it, and nobody knows.
func (r *simRoad) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.underway {
		if r.rnd.IntN(2) == 0 {
			r.keep(e)
		}
	}
	r.underway = nil
}

// simHost is a machine with one log, and what happens to it.
type simHost struct {
	t          *testing.T
	rnd        *rand.Rand
	road       *simRoad
	log, state string
	cfg        Config
	written    int // lines
	deaths     int
	rotations  int
	history    strings.Builder
	stop       func() // nil while the agent is down
}

func (h *simHost) step(what string) {
	fmt.Fprintf(&h.history, "%s %s, %d lines\n", time.Now().Format("05.000"), what, h.written)
}

func (h *simHost) write() {
	var b strings.Builder
	for range 1 + h.rnd.IntN(300) {
		fmt.Fprintf(&b, "line %06d\n", h.written)
		h.written++
	}
	write(h.t, h.log, b.String())
}

func (h *simHost) maybe(do func()) {
	if h.rnd.IntN(2) == 0 {
		do()
	}
}

func (h *simHost) name(n int, ending string) string { return fmt.Sprintf("%s.%d%s", h.log, n, ending) }

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// shift makes room for a new .1. It must not find the log empty.
func (h *simHost) shift() {
	h.write()
	h.rotations++
	for n := h.rotations; n > 0; n-- {
		for _, ending := range []string{"", ".gz"} {
			if p := h.name(n, ending); there(p) {
				rename(h.t, p, h.name(n+1, ending))
			}
		}
	}
}

func (h *simHost) rotate() {
	h.shift()
	rename(h.t, h.log, h.name(1, ""))
	h.maybe(h.write)
}

func (h *simHost) copyTruncate() {
	h.shift()
	b, err := os.ReadFile(h.log)
	must(h.t, err)
	write(h.t, h.name(1, ""), string(b))
	h.maybe(h.rest)
	must(h.t, os.Truncate(h.log, 0))
	h.maybe(h.write)
}

func (h *simHost) compress() {
	for n := h.rotations; n > 0; n-- {
		if p := h.name(n, ""); there(p) {
			gzipFile(h.t, p)
			return
		}
	}
}

func (h *simHost) rest() { time.Sleep(time.Duration(h.rnd.IntN(2500)) * time.Millisecond) }

func (h *simHost) start() {
	src := Source{Agent: event.HashKey("agent"), Version: "test", Host: "h", Zone: "UTC"}
	silent := slog.New(slog.NewTextHandler(io.Discard, nil))
	in, err := Open(h.state, []Config{h.cfg}, src, h.road, silent, metrics.NewSet())
	must(h.t, err)
	h.road.mu.Lock()
	h.road.in, h.road.dead = in, false
	h.road.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	h.stop = func() {
		h.road.lose()
		cancel()
		if err := <-done; err != nil && !errors.Is(err, errDead) {
			h.t.Error(err)
		}
		h.road.lose()
		if err := in.Close(); err != nil {
			h.t.Error(err)
		}
		h.stop = nil
	}
}

// kill ends the agent as SIGKILL does: the next one finds the state as it was at that moment, and nothing left after it.
func (h *simHost) kill() {
	h.deaths++
	next := fmt.Sprint(h.state, h.deaths)
	h.road.mu.Lock()
	h.road.dead = true
	err := os.CopyFS(next, os.DirFS(h.state))
	h.road.mu.Unlock()
	must(h.t, err)
	h.stop()
	h.state = next
}

func (h *simHost) next() {
	switch h.rnd.IntN(9) {
	case 0, 1:
		h.write()
		h.step("write")
	case 2:
		h.rotate()
		h.step("rotate")
	case 3:
		h.copyTruncate()
		h.step("copytruncate")
	case 4:
		h.compress()
		h.step("compress")
	case 5:
		switch {
		case h.stop == nil:
			h.start()
			h.step("start")
		case h.rnd.IntN(2) == 0:
			h.kill()
			h.step("kill")
		default:
			h.stop()
			h.step("stop")
		}
	case 6:
		h.road.mu.Lock()
		h.road.shut = !h.road.shut
		h.road.mu.Unlock()
		h.step("open or shut the road")
	default:
		h.rest()
	}
}

// What happens to a host follows from its seed, when it happens also from the machine: another seed is another history.
var firstSeed = flag.Uint64("seed", 1, "of the first simulated host; the others follow")

// Whatever happens to a host, each line arrives, and under one id.
func TestEachLineOnce(t *testing.T) {
	t.Parallel()
	const hosts, steps = 24, 20
	for n := range uint64(hosts) {
		seed := *firstSeed + n
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			road := &simRoad{rnd: rand.New(rand.NewPCG(seed, 1)), byID: make(map[string]string), lines: make(map[string]int)}
			log, state, cfg := host(t)
			h := &simHost{t: t, rnd: rand.New(rand.NewPCG(seed, 2)), road: road, log: log, state: state, cfg: cfg}
			h.cfg.Paths = []string{log}
			h.maybe(func() { h.cfg.Paths[0] += "*" })
			ticks := time.NewTicker(20 * time.Millisecond)
			defer ticks.Stop()
			quit := make(chan struct{})
			go func() {
				for {
					select {
					case <-quit:
						return
					case <-ticks.C:
						road.deliver()
					}
				}
			}()
			defer close(quit)
			h.live(steps)
		})
	}
}

func (h *simHost) live(steps int) {
	h.write()
	h.start()
	for h.road.seen() == 0 { // what was rotated before the first look is history
		time.Sleep(time.Millisecond)
	}
	for range steps {
		h.next()
	}
	if h.stop == nil {
		h.start()
	}
	h.road.mu.Lock()
	h.road.shut = false
	h.road.mu.Unlock()
	for end := time.Now().Add(20 * time.Second); h.road.held() < h.written && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(2*scanEvery + settleAfter) // for what comes twice
	h.stop()
	lost, twice := 0, 0
	for n := range h.written {
		switch h.road.lines[fmt.Sprintf("line %06d", n)] {
		case 0:
			lost++
		case 1:
		default:
			twice++
		}
	}
	if lost+twice+len(h.road.faults) > 0 {
		h.t.Errorf("%s: of %d lines %d are lost, %d came twice; %v\n%s", h.cfg.Paths, h.written, lost, twice, h.road.faults, h.history.String())
	}
}
