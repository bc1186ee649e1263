package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"belfry/shared/e2e/stack"
)

// programs that a run needs.
var programs = []string{"rabbitmq-server", "logrotate", "gzip", "zstd", "xz", "bzip2", "bash", "mount", "mkfs.ext4", "prlimit"}

// runner plays scenarios and prints a line for each.
type runner struct {
	o     options
	out   io.Writer // lines of results
	info  io.Writer // progress
	begin time.Time
	world *world

	mu              sync.Mutex // of what follows, and of out and info
	ok, bad, notRun int
	machine         sync.RWMutex // who needs it alone holds it for writing
}

// run plays what is asked for and prints the last line. It returns an error if any scenario failed, or the run itself.
func run(ctx context.Context, o options, out, info io.Writer) (err error) {
	r := &runner{o: o, out: out, info: info, begin: time.Now()}
	err = r.all(ctx)
	if err == nil && r.bad > 0 {
		err = fmt.Errorf("%d scenarios failed", r.bad)
	}
	fmt.Fprintf(out, "torture: %d ok, %d FAIL, %d not run\n", r.ok, r.bad, r.notRun)
	return err
}

func (r *runner) all(ctx context.Context) (err error) {
	list, err := turns(all(), r.o.Short, r.o.Only)
	if err != nil {
		return err
	}
	if lack := stack.Missing(programs...); len(lack) > 0 {
		return fmt.Errorf("not installed: %s (make deps installs it, or says how)", strings.Join(lack, ", "))
	}
	bin, err := filepath.Abs(r.o.Bin)
	if err != nil {
		return err
	}
	dir, err := realDir(r.o.Dir, os.TempDir(), "/var/tmp", ".")
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.tidy(dir)) }()
	if r.world, err = openWorld(ctx, dir, stack.Binaries{Dir: bin}, users(list)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.world.close()) }()
	r.say("seed %d: %d runs of scenarios in %s (%s)", r.o.Seed, len(list), dir, fileSystem(dir))
	r.play(ctx, list)
	return errors.Join(ctx.Err(), r.world.sink.failed())
}

// users are the broker's users for the agents of all runs.
func users(list []turn) (all []string) {
	for _, t := range list {
		all = append(all, user("t"+t.label), user("t"+t.label+second))
	}
	return all
}

// tidy removes the folder, or what is not needed of it to see what went wrong.
func (r *runner) tidy(dir string) error {
	if r.o.Keep {
		return nil
	}
	if r.bad == 0 {
		return os.RemoveAll(dir)
	}
	return errors.Join(os.RemoveAll(filepath.Join(dir, "rabbitmq", "mnesia")), os.RemoveAll(filepath.Join(dir, "asked")))
}

func (r *runner) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.info, "[%6.1fs] %s\n", time.Since(r.begin).Seconds(), fmt.Sprintf(format, args...))
}

// play plays all, so many at a time as were asked for.
func (r *runner) play(ctx context.Context, list []turn) {
	next := make(chan turn)
	var players sync.WaitGroup
	for range max(1, r.o.Jobs) {
		players.Go(func() {
			for t := range next {
				r.one(ctx, t)
			}
		})
	}
	// Those that need the machine for themselves come last, so that nobody waits for them.
	slices.SortStableFunc(list, func(a, b turn) int {
		switch {
		case a.alone == b.alone:
			return 0
		case a.alone:
			return 1
		}
		return -1
	})
	for _, t := range list {
		if ctx.Err() == nil {
			next <- t
		}
	}
	close(next)
	players.Wait()
}

// one plays a scenario and tells how it went.
func (r *runner) one(ctx context.Context, t turn) {
	if t.alone {
		r.machine.Lock()
		defer r.machine.Unlock()
	} else {
		r.machine.RLock()
		defer r.machine.RUnlock()
	}
	r.say("%s %s", t.label, t.title)
	begin := time.Now()
	h, err := newHost(ctx, r.world, t.label, r.o, r.say)
	if err == nil {
		h.run1(t.play)
	}
	if ctx.Err() != nil {
		return
	}
	r.tell(t, h, err, time.Since(begin))
}

// run1 plays a scenario, and ends whatever is left of it.
func (h *host) run1(play func(*host)) {
	apart(func() {
		play(h)
		h.settle()
	})
	for _, fn := range slices.Backward(h.deferred) {
		apart(fn)
	}
	h.flows.Wait()
	for _, x := range append(h.peers, h) {
		h.err = errors.Join(h.err, x.finish())
	}
}

// apart runs fn in a goroutine of its own, for the host ends the one in which it meets an error.
func apart(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	<-done
}

// finish ends the agent, and says what is wrong with its end.
func (h *host) finish() error {
	var err error
	if h.agent != nil {
		if err = h.agent.Died(); err == nil && h.err == nil {
			h.keepStatus()
		}
		h.agent.Kill()
	}
	return errors.Join(err, h.link.Close())
}

// judge judges the agent, and the others on the same files.
func (h *host) judge() *verdict {
	v := judge(h.truth, h.record, h.rules)
	v.faults = append(h.complaints, v.faults...)
	h.world.sink.forget(user(h.name))
	for _, p := range h.peers {
		v.add(p.judge())
	}
	return v
}

// keepStatus writes down what the agent says of itself, for who looks into the folder.
func (h *host) keepStatus() {
	ctx, cancel := context.WithTimeout(h.ctx, 10*time.Second)
	defer cancel()
	if text, err := h.agent.Status(ctx); err == nil {
		_ = os.WriteFile(filepath.Join(h.dir, "status.txt"), []byte(text), 0o644) // it is a help, no result
	}
}

// tell prints the line of a scenario, and for a fault the reasons.
func (r *runner) tell(t turn, h *host, err error, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := fmt.Sprintf("%s %s", t.label, t.title)
	if err == nil && h.cannot != "" {
		if _, may := mayNotRun[t.number]; may {
			r.notRun++
			fmt.Fprintf(r.out, "not run %s: %s\n", name, h.cannot)
			return
		}
		err = fmt.Errorf("not run, and may not be left out: %s", h.cannot)
	}
	v := new(verdict)
	if h != nil {
		if err == nil {
			err = h.err
		}
		v = h.judge()
	}
	if err != nil {
		v.faults = append([]string{err.Error()}, v.faults...)
	}
	word := "ok"
	if r.ok++; len(v.faults) > 0 {
		word = "FAIL"
		r.ok--
		r.bad++
	}
	fmt.Fprintf(r.out, "%-4s %s: %v (%.1fs)\n", word, name, v, took.Seconds())
	for _, f := range v.faults {
		fmt.Fprintf(r.out, "     %s\n", strings.ReplaceAll(f, "\n", "\n     "))
	}
	if h == nil {
		return
	}
	if len(v.faults) > 0 {
		fmt.Fprintf(r.out, "     kept: %s (seed %d)\n", h.dir, r.o.Seed)
	} else if !r.o.Keep {
		_ = os.RemoveAll(h.dir) // it goes with the whole folder at the latest
	}
}

// String is what the line of a scenario says.
func (v *verdict) String() string {
	text := fmt.Sprintf("sent=%d received=%d lost=%d repeats=%d declared_lost_bytes=%d", v.sent, v.received, v.lost, v.repeats, v.declared)
	for _, more := range []struct {
		name string
		n    uint64
	}{
		{"again_by_another_id", uint64(v.second)}, {"doubt", uint64(v.doubtful + v.doubts)}, {"gaps", uint64(v.gaps)},
		{"skipped_bytes", v.skipped}, {"torn", uint64(v.torn)},
	} {
		if more.n > 0 {
			text += fmt.Sprintf(" %s=%d", more.name, more.n)
		}
	}
	return text
}
