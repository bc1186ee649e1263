package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"belfry/shared/certs"
	"belfry/shared/e2e/gauge"
	"belfry/shared/e2e/stack"
)

// bench is one run.
type bench struct {
	options
	out        io.Writer
	dir        string
	cores      int
	bin        stack.Binaries
	ca         *certs.Authority
	aggregator *stack.Aggregator
	loaded     time.Duration
	took       map[string][]float64 // seconds, by way
}

// The ways to ask, in the order of their turns.
const (
	byZgrep  = "zgrep"
	byZcat   = "zcat"
	bySearch = "search"
)

// filesAtOnce is how many names xargs gives to one zgrep.
const filesAtOnce = 100

func run(ctx context.Context, o options, out io.Writer) (err error) {
	b := &bench{options: o, out: out, cores: runtime.NumCPU(), took: make(map[string][]float64)}
	if err := b.possible(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "belfry-bench"); err != nil {
		return err
	}
	defer func() {
		if o.Keep || err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "bench-zgrep: archives, index and logs are kept in", b.dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(b.dir))
	}()
	bin, err := filepath.Abs(o.Bin)
	if err != nil {
		return err
	}
	b.bin = stack.Binaries{Dir: bin}
	begin := time.Now()
	w, err := b.writeAll(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d lines in %d archives of %d hosts, %.0f MB of text in %.0f MB, written in %v; sudo runs su in %d lines\n", w.lines,
		o.Hosts*o.Days, o.Hosts, float64(w.text)/1e6, float64(w.packed)/1e6, time.Since(begin).Round(time.Second), w.su)
	return b.ask(ctx, w)
}

// ask loads the index, and asks all ways by turns.
func (b *bench) ask(ctx context.Context, w written) (err error) {
	if err := b.openAggregator(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.aggregator.Stop()) }()
	if err := b.load(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, b.aggregator.Log())
	}
	fmt.Fprintf(b.out, "loaded by %d agents, %d at a time, in %v: %.0f events/s\n", b.Hosts, b.Agents, b.loaded.Round(time.Millisecond),
		float64(w.lines)/b.loaded.Seconds())
	for round := range b.Rounds + 1 { // the first fills the caches of all, and does not count
		for _, way := range []string{byZgrep, byZcat, bySearch} {
			begin := time.Now()
			n, err := b.turn(ctx, way)
			took := time.Since(begin).Seconds()
			if err == nil && n != w.su {
				err = fmt.Errorf("%d lines are found, %d were written", n, w.su)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", way, err)
			}
			fmt.Fprintf(b.out, "round %d  %-7s %8.2f s, %d found\n", round, way, took, n)
			if round > 0 {
				b.took[way] = append(b.took[way], took)
			}
		}
	}
	b.sum(w)
	return nil
}

// turn asks in one way, and returns how many lines were found.
func (b *bench) turn(ctx context.Context, way string) (n int64, err error) {
	switch way {
	case byZgrep:
		return b.grep(ctx, fmt.Sprintf("zgrep -hE '%s'", pattern))
	case byZcat:
		return b.grep(ctx, fmt.Sprintf(`sh -c 'zcat "$@" | grep -E "%s"' -`, pattern))
	}
	err = b.aggregator.Export(ctx, question, func([]byte) error { n++; return nil })
	return n, err
}

// grep counts the lines that a command prints of all archives.
func (b *bench) grep(ctx context.Context, command string) (int64, error) {
	line := fmt.Sprintf("find logs -name '*.gz' -print0 | xargs -0 -n %d -P %d %s", filesAtOnce, b.cores, command)
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = b.dir
	var complaint strings.Builder
	var found counter
	cmd.Stdout, cmd.Stderr = &found, &complaint
	// xargs says 123 if some of the greps found nothing.
	if err := cmd.Run(); complaint.Len() > 0 || err != nil && cmd.ProcessState.ExitCode() != 123 {
		return 0, fmt.Errorf("%s: %w: %s", line, err, complaint.String())
	}
	return int64(found), nil
}

// counter counts line ends.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(bytes.Count(p, []byte("\n")))
	return len(p), nil
}

// sum prints the medians, and the last line.
func (b *bench) sum(w written) {
	zgrep, zcat, search := gauge.Median(b.took[byZgrep]), gauge.Median(b.took[byZcat]), gauge.Median(b.took[bySearch])
	fmt.Fprintf(b.out, "median   zgrep %.2f s, zcat | grep %.2f s, search %.3f s: %.0f and %.0f times as fast\n", zgrep, zcat, search,
		zgrep/search, zcat/search)
	fmt.Fprintf(b.out, "bench-zgrep: lines=%d zgrep_s=%.2f search_s=%.3f ratio=%.1f\n", w.lines, zgrep, search, zgrep/search)
}

// possible says what is missing, or wrong with the options.
func (b *bench) possible() error {
	var errs []error
	if min(b.Hosts, b.Days, b.Lines, b.Rounds, b.Agents) < 1 || b.Days > 80 {
		errs = append(errs, errors.New("hosts, days, lines, rounds and agents are at least 1, and days at most 80: the index keeps 90"))
	}
	if missing := stack.Missing("zgrep", "zcat", "grep", "find", "xargs"); len(missing) > 0 {
		errs = append(errs, fmt.Errorf("not installed: %s", strings.Join(missing, ", ")))
	}
	for _, program := range []string{"belfry", "belfry-agent"} {
		if _, err := os.Stat(filepath.Join(b.Bin, program)); err != nil {
			errs = append(errs, fmt.Errorf("no %s (make build makes it): %w", program, err))
		}
	}
	return errors.Join(errs...)
}
