package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"belfry/shared/e2e/elastic"
	"belfry/shared/e2e/stack"
)

const (
	tellEvery = 5 * time.Second
	lookEvery = time.Second
	alias     = "belfry"          // of all events in an Elasticsearch
	own       = 100               // events that the programs write of themselves meanwhile: no sign that anything moves
	answer    = 10 * time.Second  // patience with one question
	quiet     = 3 * time.Second   // nothing moves for so long: all has arrived, if all is there
	gone      = 30 * time.Second  // nor for so long, and nothing is on its way: what is missing does not come
	stuck     = 150 * time.Second // nor for so long, although something is on its way: longer than any back-off
)

// errLeaderless says that the broker has lost a queue, which is not ours to lose.
var errLeaderless = errors.New("a fault of the environment: queues without a leader")

// chaos is one run.
type chaos struct {
	*town
	o       options
	out     io.Writer
	begin   time.Time
	folder  string
	hosts   []*host
	f       *faults
	mu      sync.Mutex // of out
	died    []error    // programs that ended by themselves
	tally   *tally
	verdict verdict
}

// run does everything and prints the last line. It returns nil if nothing was lost or repeated.
func run(ctx context.Context, o options, out io.Writer) error {
	c := &chaos{o: o, out: out, begin: time.Now(), f: new(faults), tally: newTally(nil)}
	err := c.all(ctx)
	c.verdict.sent = c.sent() // also when there was no judgement
	if ctx.Err() != nil || err == nil && !o.Keep {
		err = errors.Join(err, os.RemoveAll(c.folder))
	}
	switch {
	case ctx.Err() != nil:
		c.say("ended from outside: everything is stopped, %s is removed", c.folder)
	case err != nil:
		c.say("FAILED: %v", err)
	}
	if ctx.Err() == nil && c.folder != "" && (err != nil || o.Keep) {
		c.say("logs and states are kept in %s; SEED=%d FOR=%v makes the same plan again", c.folder, o.Seed, o.For)
	}
	v := c.verdict
	fmt.Fprintf(out, "chaos: sent=%d indexed=%d lost=%d repeated=%d declared_gaps=%d doubt=%d kills=%d seed=%d\n",
		v.sent, v.indexed, v.lost, v.repeated, c.tally.gaps, c.tally.doubts, c.f.kills.Load(), o.Seed)
	return err
}

// all is a run from its beginning until everything has ended. The folder stays.
func (c *chaos) all(ctx context.Context) (err error) {
	if err := c.open(ctx); err != nil {
		return err
	}
	defer func() {
		end := c.close
		if ctx.Err() != nil {
			end = c.kill
		}
		err = errors.Join(err, end())
	}()
	err = c.disturb(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, c.settle(ctx))
}

func (c *chaos) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, "[%5.1fs] %s\n", time.Since(c.begin).Seconds(), fmt.Sprintf(format, args...))
}

func (c *chaos) sent() int {
	n := 0
	for _, h := range c.hosts {
		n += int(h.sent.Load())
	}
	return n
}

func (c *chaos) open(ctx context.Context) error {
	if missing := stack.Missing("rabbitmq-server", "gzip"); len(missing) > 0 {
		return fmt.Errorf("not installed: %s (make deps installs it, or says how)", strings.Join(missing, ", "))
	}
	if c.o.elastic() {
		if missing := stack.ElasticMissing(elastic.Elasticsearch); len(missing) > 0 {
			return fmt.Errorf("not there: %s (make deps fetches it, or says how)", strings.Join(missing, ", "))
		}
	}
	bin, err := filepath.Abs(c.o.Bin)
	if err != nil {
		return err
	}
	if c.folder, err = os.MkdirTemp("", "belfry-chaos"); err != nil {
		return err
	}
	if err := os.Chmod(c.folder, 0o755); err != nil { // the servers run as users of their own
		return err
	}
	c.say("seed %d: faults for %v, %d lines a second", c.o.Seed, c.o.For, c.o.Rate)
	if c.town, err = openTown(ctx, c.folder, c.o, stack.Binaries{Dir: bin}, c.say); err != nil {
		return err
	}
	for _, name := range hostNames {
		h, err := newHost(c.logs(name), name, c.o.Seed, c.perHost())
		if err != nil {
			return errors.Join(err, c.close())
		}
		c.hosts = append(c.hosts, h)
	}
	c.f.town, c.f.say = c.town, c.say
	return nil
}

// perHost is how many lines each host writes a second, rounded up.
func (c *chaos) perHost() int { return (c.o.Rate + len(hostNames) - 1) / len(hostNames) }

func (c *chaos) cast() cast {
	all := cast{agents: len(hostNames), aggregators: c.o.Aggregators}
	if c.o.elastic() {
		all.nodes = c.o.Nodes
	}
	return all
}

// disturb writes lines while faults happen, and returns when both have ended.
func (c *chaos) disturb(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var work, telling sync.WaitGroup
	errs := make([]error, len(c.hosts)+1)
	for i, h := range c.hosts {
		work.Go(func() {
			if errs[i] = h.write(ctx, c.perHost(), int(float64(c.perHost())*c.o.For.Seconds())); errs[i] != nil {
				cancel() // what is not written cannot be judged
			}
		})
	}
	work.Go(func() { errs[len(c.hosts)] = c.f.run(ctx, plan(c.o.Seed, c.o.For, c.cast())) })
	during, enough := context.WithCancel(ctx)
	telling.Go(func() { c.tell(during) })
	work.Wait()
	enough()
	telling.Wait()
	c.revive(ctx)
	rotations := 0
	for _, h := range c.hosts {
		rotations += h.rotations()
	}
	c.say("all %d lines are written, files were rotated %d times, %d faults are over", c.sent(), rotations, c.f.done.Load())
	return errors.Join(append(errs, c.died...)...)
}

// tell says every few seconds how far the run is.
func (c *chaos) tell(ctx context.Context) {
	end, indexed := time.Now().Add(c.o.For), 0
	for sleep(ctx, tellEvery) {
		c.revive(ctx)
		if n, err := c.rows(ctx); err == nil {
			indexed = n
		}
		c.say("%v left: sent %d, indexed %d, faults %d", max(0, time.Until(end)).Round(time.Second), c.sent(), indexed, c.f.done.Load())
	}
}

// rows is how many events are indexed; an error while who tells is in the hands of a fault.
func (c *chaos) rows(ctx context.Context) (int, error) {
	lock := &c.aggregators[0].lock
	if c.elastic != nil {
		lock = &c.elasticLock
	}
	if !lock.TryLock() {
		return 0, errors.New("it is disturbed")
	}
	defer lock.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if c.elastic != nil { // the aggregators' own figure is half a minute old
		return c.elastic.Documents(ctx, 0, alias)
	}
	return c.aggregators[0].Rows(ctx)
}

// revive starts programs again that ended by themselves, and keeps that against them.
func (c *chaos) revive(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	again := func(lock *sync.Mutex, died func() error, start func(context.Context) error) {
		if !lock.TryLock() {
			return
		}
		defer lock.Unlock()
		err := died()
		if err == nil || ctx.Err() != nil {
			return
		}
		c.say("UNEXPECTED: %v", err)
		c.died = append(c.died, err)
		if err := start(ctx); err != nil {
			c.died = append(c.died, err)
		}
	}
	again(&c.brokerLock, c.rabbit.Died, c.rabbit.Start)
	if c.elastic != nil {
		for i := range c.elastic.URLs {
			n := &node{c.elastic, i}
			again(&c.elasticLock, n.died, n.Start)
		}
	}
	for _, a := range c.aggregators {
		again(&a.lock, a.Died, a.Start)
	}
	for i, a := range c.agents {
		again(&c.agentLocks[i], a.Died, a.Start)
	}
}
