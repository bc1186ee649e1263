package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"belfry/shared/e2e/elastic"
	"belfry/shared/e2e/stack"
)

// When the aggregator dies, and for how long.
const (
	latest    = 2 * time.Second        // after events are taken again
	earliest  = 300 * time.Millisecond // bound of a death while it starts
	oneIn     = 5                      // of so many deaths one is such
	longest   = 500 * time.Millisecond // it stays dead
	lookEvery = 20 * time.Millisecond
	tellEvery = 10 // deaths
)

// Patience with what should take moments.
const (
	flow    = 3 * time.Minute // until events are taken after a start: agents back off up to a minute
	arrival = 5 * time.Minute // without any event that is taken, while the rest should arrive
	quiet   = 2 * time.Second // what was acknowledged last can be found then
)

// kills is the run with one engine.
type kills struct {
	*town
	options
	out     io.Writer
	engine  string
	rnd     *rand.Rand
	flowing int // deaths while events were taken
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if err := o.possible(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "belfry-kill")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil || o.Keep {
			fmt.Fprintf(os.Stderr, "logs and states are kept in %s\n", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	var all verdict
	runs := 0
	for _, engine := range o.engines() {
		k := &kills{options: o, out: out, engine: engine, rnd: rand.New(rand.NewPCG(o.Seed, o.Seed))}
		v, err := k.run(ctx, filepath.Join(dir, engine))
		if err != nil && !errors.Is(err, errJudged) {
			return fmt.Errorf("%s: %w", engine, err)
		}
		runs += o.Runs
		all = verdict{all.events + v.events, all.lost + v.lost, all.repeated + v.repeated}
	}
	fmt.Fprintf(out, "kill: %d runs, %d events, %d lost, %d repeated\n", runs, all.events, all.lost, all.repeated)
	if all.lost+all.repeated > 0 {
		return errJudged
	}
	return nil
}

// possible says what is missing, or wrong with the options.
func (o options) possible() error {
	var errs []error
	if o.Runs < 1 || o.Rate < len(hosts) {
		errs = append(errs, fmt.Errorf("runs %d, rate %d: nothing would be shown", o.Runs, o.Rate))
	}
	if missing := stack.ElasticMissing(elastic.Elasticsearch); o.Index != "embedded" && len(missing) > 0 {
		errs = append(errs, fmt.Errorf("not installed: %s", strings.Join(missing, ", ")))
	}
	for _, program := range []string{"belfry", "belfry-agent"} {
		if _, err := os.Stat(filepath.Join(o.Bin, program)); err != nil {
			errs = append(errs, fmt.Errorf("no %s (make build makes it): %w", program, err))
		}
	}
	return errors.Join(errs...)
}

func (k *kills) say(format string, args ...any) {
	fmt.Fprintf(k.out, "%-8s  %s\n", k.engine, fmt.Sprintf(format, args...))
}

// run kills the aggregator as often as was asked for, and judges.
func (k *kills) run(ctx context.Context, dir string) (v verdict, err error) {
	bin, err := filepath.Abs(k.Bin)
	if err != nil {
		return v, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return v, err
	}
	k.town, err = openTown(ctx, dir, k.engine, stack.Binaries{Dir: bin})
	defer func() { err = errors.Join(err, k.close()) }()
	if err != nil {
		return v, err
	}
	begin := time.Now()
	if err := k.whileWriting(ctx, k.killAll); err != nil {
		return v, err
	}
	took := time.Since(begin).Seconds()
	_, sent := k.written()
	taken, err := k.acknowledged(ctx)
	if err != nil {
		return v, err
	}
	k.say("%d deaths in %.0f s, %d of them while events were taken, seed %d; written %.0f lines/s, taken %.0f/s", k.Runs, took, k.flowing, k.Seed,
		float64(sent)/took, taken/took)
	if err := k.settle(ctx); err != nil {
		return v, err
	}
	return k.judge(ctx)
}

// whileWriting calls do while all hosts write.
func (k *kills) whileWriting(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	writing, enough := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, w := range k.writers {
		all.Go(func() {
			if err := w.write(writing, k.Rate/len(hosts)); err != nil {
				cancel(err)
			}
		})
	}
	err := do(ctx)
	enough()
	all.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// killAll kills the aggregator again and again, and leaves it running.
func (k *kills) killAll(ctx context.Context) error {
	for n := 1; n <= k.Runs; n++ {
		if err := k.live(ctx, n); err != nil {
			return fmt.Errorf("life %d: %w\n%s", n, err, k.aggregator.Log())
		}
		k.aggregator.Kill()
		if n%tellEvery == 0 {
			_, sent := k.written()
			k.say("%d of %d deaths, %d lines are written", n, k.Runs, sent)
		}
		sleep(ctx, k.draw(longest))
	}
	return k.start(ctx, startup)
}

// live is a life of the aggregator up to the moment of its death. The first time it runs already.
func (k *kills) live(ctx context.Context, n int) error {
	if n > 1 && k.rnd.IntN(oneIn) == 0 {
		err := k.start(ctx, k.draw(earliest))
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return nil
		}
		return err
	}
	if n > 1 {
		if err := k.start(ctx, startup); err != nil {
			return err
		}
	}
	if err := k.flows(ctx); err != nil {
		return err
	}
	sleep(ctx, k.draw(latest))
	k.flowing++
	return ctx.Err()
}

func (k *kills) draw(most time.Duration) time.Duration {
	return time.Duration(k.rnd.Int64N(int64(most)))
}

func (k *kills) start(ctx context.Context, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return k.aggregator.Start(ctx)
}

// flows waits until events are taken.
func (k *kills) flows(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flow)
	defer cancel()
	before, err := k.acknowledged(ctx)
	for err == nil {
		if !sleep(ctx, lookEvery) {
			return fmt.Errorf("no event is taken: %w", ctx.Err())
		}
		var now float64
		if now, err = k.acknowledged(ctx); now > before && err == nil {
			return nil
		}
		err = errors.Join(err, k.aggregator.Died())
	}
	return err
}

// settle waits until all has arrived, or nothing moves any more: what is missing then is lost.
func (k *kills) settle(ctx context.Context) error {
	last, moved, begin := 0.0, time.Now(), time.Now()
	for time.Since(moved) < arrival {
		behind := uint64(0)
		for _, a := range k.agents {
			s, err := a.State(ctx)
			if err != nil {
				return err
			}
			behind += s.Behind
		}
		now, err := k.acknowledged(ctx)
		if err = errors.Join(err, k.aggregator.Died()); err != nil {
			return err
		}
		if behind == 0 {
			k.say("the rest has arrived after %v", time.Since(begin).Round(time.Second))
			break
		}
		if now > last {
			last, moved = now, time.Now()
		}
		if !sleep(ctx, quiet/4) {
			return ctx.Err()
		}
	}
	sleep(ctx, quiet)
	return ctx.Err()
}

// judge reads the whole index.
func (k *kills) judge(ctx context.Context) (verdict, error) {
	written, _ := k.written()
	t := newTally(written)
	if err := k.aggregator.Export(ctx, "", t.add); err != nil {
		return verdict{}, fmt.Errorf("export the index: %w", err)
	}
	v := t.judge(k.say)
	k.say("%d lines were written, %d are lost, %d repeated; %d gaps were declared", v.events, v.lost, v.repeated, t.gaps)
	if v.lost+v.repeated > 0 {
		return v, errJudged
	}
	if t.stray > 0 || v.events == 0 {
		return v, fmt.Errorf("%d lines were written, and %d events of the index are none of them", v.events, t.stray)
	}
	return v, nil
}

// sleep reports whether the time has passed; false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
