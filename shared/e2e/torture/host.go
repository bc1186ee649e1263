package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"belfry/shared/e2e/stack"
)

// host is what a scenario plays on: a folder on a real file system, an agent, writers, and what they wrote. Its methods
// belong to the scenario's goroutine and, as those of a testing.T, end the scenario when something fails that should
// not: so a scenario reads as what it does.
type host struct {
	name    string // as t16b
	label   string // as 16b
	rotated bool   // the glob takes rotated names as well
	short   bool
	options options
	dir     string // its own
	logs    string // of the files that are followed
	world   *world
	ctx     context.Context //nolint:containedctx // of the one call that runs the scenario, as of a testing.T

	agent  *stack.Agent
	link   *stack.Link // the agent's road to the broker
	cfg    stack.AgentConfig
	truth  *truth
	record *record
	rules  rules
	peers  []*host // other agents on the same files

	rnd        *rand.Rand    // by the seed of the run and the label
	wait       time.Duration // nothing arrives for so long: what is missing does not come
	calm       time.Duration // all is there: so long, nothing more may arrive
	say        func(format string, args ...any)
	deferred   []func()
	flows      sync.WaitGroup
	err        error // why it ended before its end
	complaints []string
	cannot     string // why it does not run here
}

func newHost(ctx context.Context, w *world, label string, o options, say func(string, ...any)) (*host, error) {
	h := &host{
		name: "t" + label, label: label, rotated: !strings.HasSuffix(label, "b"), short: o.Short, options: o, world: w, ctx: ctx, say: say,
		dir: filepath.Join(w.dir, label), wait: 60 * time.Second, calm: 8 * time.Second,
	}
	if o.Short {
		h.wait, h.calm = 15*time.Second, 3*time.Second
	}
	h.rnd = rand.New(rand.NewPCG(o.Seed, uint64(crc32.ChecksumIEEE([]byte(label)))))
	h.logs = filepath.Join(h.dir, "log")
	h.truth, h.record = newTruth(h.name), w.sink.of(user(h.name))
	if err := os.MkdirAll(h.logs, 0o755); err != nil {
		return nil, err
	}
	var err error
	if h.link, err = stack.NewLink(w.rabbit.Addr); err != nil {
		return nil, err
	}
	h.cfg = stack.AgentConfig{
		Dir: filepath.Join(h.dir, "agent"), Host: h.name, Namespace: h.name, Broker: "amqps://" + h.link.Addr + "/",
		Confirm: "20s", NoRelay: true, Metrics: "unix:" + filepath.Join(h.dir, "agent", "metrics.sock"),
	}
	h.cfg.Files, err = w.issue(user(h.name))
	return h, err
}

// second is what the name of a scenario's second agent ends with.
const second = "z"

// peer is another agent on the same files, with a road, a state and a judgement of its own. It follows nothing yet.
func (h *host) peer() *host {
	p, err := newHost(h.ctx, h.world, h.label+second, h.options, h.say)
	h.must("make another agent", err)
	p.rotated, p.logs, p.truth = h.rotated, h.logs, h.truth
	h.peers = append(h.peers, p)
	return p
}

// user is the broker's user of a host's agent.
func user(name string) string { return "agent-" + name }

// n is a size: the first in the full run, the second in the short one.
func (h *host) n(full, short int) int {
	if h.short {
		return short
	}
	return full
}

// d is likewise a time.
func (h *host) d(full, short time.Duration) time.Duration {
	if h.short {
		return short
	}
	return full
}

// path is that of a file in the folder of logs.
func (h *host) path(name ...string) string {
	return filepath.Join(append([]string{h.logs}, name...)...)
}

// follow says which files the agent follows: a name in the folder of logs, and, in variant a, all that begin so.
// Others are taken in variant a only. Call it before start.
func (h *host) follow(name string, others ...string) {
	if !h.rotated {
		h.cfg.Globs = append(h.cfg.Globs, h.path(name))
		return
	}
	h.cfg.Globs = append(h.cfg.Globs, h.path(name)+"*")
	for _, o := range others {
		h.cfg.Globs = append(h.cfg.Globs, h.path(o))
	}
}

// fatal ends the scenario.
func (h *host) fatal(err error) {
	h.err = err
	runtime.Goexit()
}

// must ends the scenario if there is an error.
func (h *host) must(what string, err error) {
	if err != nil {
		h.fatal(fmt.Errorf("%s: %w", what, err))
	}
}

// complain notes a fault of the agent, and lets the scenario go on.
func (h *host) complain(format string, args ...any) {
	h.complaints = append(h.complaints, fmt.Sprintf(format, args...))
}

// notHere ends the scenario because this machine cannot have it. Its number must be in mayNotRun.
func (h *host) notHere(format string, args ...any) {
	h.cannot = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// needRoot ends the scenario where the run has no rights for something.
func (h *host) needRoot(what string) {
	if os.Geteuid() != 0 {
		h.notHere("%s needs root", what)
	}
}

// cleanup calls fn when the scenario has ended, the last one first.
func (h *host) cleanup(fn func()) { h.deferred = append(h.deferred, fn) }

// sleep waits; it ends the scenario when the run is ended from outside.
func (h *host) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-h.ctx.Done():
		h.fatal(h.ctx.Err())
	}
}

// until calls try until it is true, and ends the scenario when that takes too long.
func (h *host) until(what string, within time.Duration, try func() bool) {
	for end := time.Now().Add(within); !try(); h.sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.fatal(fmt.Errorf("%s: not within %v", what, within))
		}
	}
}

// configure writes the agent's config: anew, with ports that are free now, if there is one.
func (h *host) configure() {
	a, err := h.world.bin.NewAgent(h.cfg)
	h.must("configure the agent", err)
	h.agent = a
}

// startTries bounds how often somebody may take a port that was free.
const startTries = 3

// start starts the agent, for the first time or again.
func (h *host) start() {
	if h.agent == nil {
		if len(h.cfg.Globs) == 0 {
			h.fatal(errors.New("a scenario that follows nothing"))
		}
		h.configure()
		h.must("check the agent's config", h.agent.Check(h.ctx))
	}
	ctx, cancel := context.WithTimeout(h.ctx, startup)
	defer cancel()
	for try := 1; ; try++ {
		err := h.agent.Start(ctx)
		if err == nil || try == startTries || !strings.Contains(err.Error(), "address already in use") {
			h.must("start the agent", err)
			return
		}
		h.configure()
	}
}

// stop ends the agent in order.
func (h *host) stop() { h.must("stop the agent", h.agent.Stop()) }

// kill ends it by SIGKILL.
func (h *host) kill() { h.agent.Kill() }

// freeze stops it where it is, by SIGSTOP.
func (h *host) freeze() { h.must("freeze the agent", h.agent.Pause()) }

// thaw lets it go on.
func (h *host) thaw() { h.must("thaw the agent", h.agent.Resume()) }

// block lets nothing of what the agent sends through to the broker.
func (h *host) block() { h.link.Hold(stack.Client) }

// unblock lets it through again.
func (h *host) unblock() { h.link.Free(stack.Client) }

// cut ends the agent's connection; what is on the wire is lost.
func (h *host) cut() { h.link.Cut() }

// slow lets so many bytes a second (compressed) through; 0 lets all through.
func (h *host) slow(perSecond int) { h.link.Pace(stack.Client, perSecond) }

// with adds keys to the input, as `backfill: 30d`.
func (h *host) with(keys string) {
	if h.cfg.Input != "" {
		h.cfg.Input += ", "
	}
	h.cfg.Input += keys
}

// optional adds keys to the input if the agent knows them, and reports whether it does.
func (h *host) optional(keys string) bool {
	known, err := h.world.supports(h.ctx, keys)
	h.must("ask the agent whether it knows "+keys, err)
	if known {
		h.with(keys)
	}
	return known
}

// remove removes a file of the logs.
func (h *host) remove(name string) { h.must("remove", os.Remove(h.path(name))) }

// rename renames one within the logs.
func (h *host) rename(from, to string) { h.must("rename", os.Rename(h.path(from), h.path(to))) }

// truncate empties one.
func (h *host) truncate(name string) { h.must("truncate", os.Truncate(h.path(name), 0)) }
