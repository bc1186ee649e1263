package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"belfry/shared/e2e/gauge"
)

// The packages of the engines, and their benchmarks.
const (
	embedded = "aggregator/index/embedded"
	elastic  = "aggregator/index/elastic"
	write    = "BenchmarkWrite"
	kinds    = "BenchmarkKinds"
)

// bench is one run.
type bench struct {
	options
	out     io.Writer
	dir     string
	root    string // of the module
	figures map[string]string
}

// names are the figures, in the order of the last line.
var names = []string{
	"rows_per_s", "vs_logstorage", "bytes_per_event", "search_p50_ms", "search_worst_ms", "elastic_docs_per_s", "vs_bare_bulk",
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	b := &bench{options: o, out: out, figures: make(map[string]string)}
	if min(o.Events, o.Docs, o.Rounds) < 1 {
		return errors.New("events, docs and rounds are at least 1")
	}
	mod, err := output(exec.CommandContext(ctx, "go", "env", "GOMOD"))
	if err != nil {
		return err
	}
	b.root = filepath.Dir(strings.TrimSpace(mod))
	if b.dir, err = os.MkdirTemp("", "belfry-bench"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	err = b.all(ctx)
	fmt.Fprintln(out, b.lastLine())
	return err
}

// all measures one thing after the other. What fails does not keep the rest from being measured.
func (b *bench) all(ctx context.Context) error {
	var errs []error
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{{"write", b.write}, {"search", b.search}, {"elastic", b.elastic}} {
		if len(b.Only) > 0 && !slices.Contains(b.Only, part.name) || ctx.Err() != nil {
			continue
		}
		if err := part.measure(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part.name, err))
		}
	}
	return errors.Join(errs...)
}

func (b *bench) lastLine() string {
	var line strings.Builder
	line.WriteString("bench-index:")
	for _, n := range names {
		value, known := b.figures[n]
		if !known {
			value = "?"
		}
		fmt.Fprintf(&line, " %s=%s", n, value)
	}
	return line.String()
}

func (b *bench) set(name, format string, value float64) { b.figures[name] = fmt.Sprintf(format, value) }

// write has the embedded index and bare logstorage take the same rows.
func (b *bench) write(ctx context.Context) error {
	all, err := b.measure(ctx, embedded, write, "-test.count", fmt.Sprint(b.Rounds))
	if err != nil {
		return err
	}
	return b.compare(all, "rows_per_s", "rows/s", "vs_logstorage")
}

// elastic has the engine and a bare bulk indexer write the same documents.
func (b *bench) elastic(ctx context.Context) error {
	all, err := b.measure(ctx, elastic, write, "-test.count", fmt.Sprint(b.Rounds), "-test.benchtime", "1x", "-docs", fmt.Sprint(b.Docs))
	if err != nil {
		return err
	}
	return b.compare(all, "elastic_docs_per_s", "docs/s", "vs_bare_bulk")
}

// compare notes a rate, and how it is to that of the bare library.
func (b *bench) compare(all []gauge.Result, rate, unit, ratio string) error {
	r, err1 := median(all, write, unit)
	of, err2 := median(all, write, "of-bare")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	b.set(rate, "%.0f", r)
	b.set(ratio, "%.2f", of)
	return nil
}

// search asks the embedded index.
func (b *bench) search(ctx context.Context) error {
	all, err := b.measure(ctx, embedded, kinds, "-events", fmt.Sprint(b.Events), "-test.benchtime", fmt.Sprint(b.Rounds+2, "x"))
	if err != nil {
		return err
	}
	var p50s []float64
	worst := 0.0
	fmt.Fprintf(b.out, "%-20s %10s %10s %8s   among %d events\n", "kind", "p50 ms", "worst ms", "found", b.Events)
	for _, r := range all {
		kind, isKind := strings.CutPrefix(r.Name, kinds+"/")
		if p50, has := r.Values["p50-ms"]; isKind && has {
			fmt.Fprintf(b.out, "%-20s %10.1f %10.1f %8.0f\n", strings.ReplaceAll(kind, "_", " "), p50, r.Values["worst-ms"], r.Values["found"])
			p50s, worst = append(p50s, p50), max(worst, r.Values["worst-ms"])
		}
	}
	size, err := median(all, kinds+"/size", "B/event")
	if err != nil {
		return err
	}
	b.set("bytes_per_event", "%.0f", size)
	b.set("search_p50_ms", "%.0f", gauge.Median(p50s))
	b.set("search_worst_ms", "%.0f", worst)
	return nil
}

// measure builds the tests of a package and runs one benchmark of them.
func (b *bench) measure(ctx context.Context, folder, name string, args ...string) ([]gauge.Result, error) {
	test := filepath.Join(b.dir, filepath.Base(folder)+".test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", test, "./"+folder)
	build.Dir = b.root
	if _, err := output(build); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, test, append([]string{"-test.run", "^$", "-test.timeout", "0", "-test.bench", "^" + name + "$"}, args...)...)
	cmd.Dir = filepath.Join(b.root, folder)
	cmd.Env = append(os.Environ(), "TMPDIR="+b.dir)
	out, err := output(cmd)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Benchmark") {
			fmt.Fprint(b.out, line)
		}
	}
	all := gauge.ParseBench(out)
	if len(all) == 0 {
		return nil, fmt.Errorf("%s of %s printed no result: %s", name, folder, strings.TrimSpace(out))
	}
	return all, nil
}

// median is the middle value of a unit among the runs of a benchmark.
func median(all []gauge.Result, name, unit string) (float64, error) {
	var values []float64
	for _, r := range all {
		if v, has := r.Values[unit]; has && r.Name == name {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return 0, fmt.Errorf("no %s of %s was printed", unit, name)
	}
	return gauge.Median(values), nil
}

// output runs a program; the error holds what it printed.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
