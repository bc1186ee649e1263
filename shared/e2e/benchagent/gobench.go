package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"belfry/shared/e2e/gauge"
)

// The benchmarks of the packages themselves.
const (
	readPackage    = "./agent/input/file"
	archivePackage = "./agent/input/file/archive"
	readPath       = "BenchmarkReadPath"
	ourGunzip      = "BenchmarkGunzip"
	bareGunzip     = "BenchmarkBareGunzip"
)

// largest is the largest value of a unit among the runs of a benchmark and of its parts.
func largest(all []gauge.Result, name, unit string) (most float64, err error) {
	found := false
	for _, r := range all {
		v, has := r.Values[unit]
		if has && (r.Name == name || strings.HasPrefix(r.Name, name+"/")) {
			most, found = max(most, v), true
		}
	}
	if !found {
		return 0, fmt.Errorf("no %s of %s was printed", unit, name)
	}
	return most, nil
}

// readLines has the reading of lines measured, on the agent's core: how fast it is, and what it allocates.
func (b *bench) readLines(ctx context.Context) error {
	test := filepath.Join(b.dir, "file.test")
	if _, err := output(exec.CommandContext(ctx, "go", "test", "-c", "-o", test, readPackage)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", b.cpu, test, "-test.run", "^$", "-test.bench", "^"+readPath+"$",
		"-test.benchmem", "-test.count", fmt.Sprint(b.Rounds))
	cmd.Dir = readPackage
	out, err := output(cmd)
	if err != nil {
		return err
	}
	b.print(out)
	all := gauge.ParseBench(out)
	for name, unit := range map[string]string{"allocs_per_line": "allocs/op", "read_mb_per_s": "MB/s"} {
		n, err := largest(all, readPath, unit)
		if err != nil {
			return fmt.Errorf("%w: does %s have it?", err, readPackage)
		}
		b.set(name, n)
	}
	return nil
}

// gunzip has both benchmarks of archives run by turns, on the agent's core.
func (b *bench) gunzip(ctx context.Context) error {
	test := filepath.Join(b.dir, "archive.test")
	if _, err := output(exec.CommandContext(ctx, "go", "test", "-c", "-o", test, archivePackage)); err != nil {
		return err
	}
	var all []gauge.Result
	for range b.Rounds + 2 {
		cmd := exec.CommandContext(ctx, "taskset", "-c", b.cpu, test, "-test.run", "^$", "-test.bench", "^("+ourGunzip+"|"+bareGunzip+")$")
		cmd.Dir = archivePackage
		out, err := output(cmd)
		if err != nil {
			return err
		}
		b.print(out)
		all = append(all, gauge.ParseBench(out)...)
	}
	ratio, err := ratioOf(all)
	if err != nil {
		return fmt.Errorf("%w: does %s have it?", err, archivePackage)
	}
	b.set("gz_vs_bare", ratio)
	return nil
}

// ratioOf is how fast ours is against the bare one: the best run of each, for what else runs on the machine makes a run
// slower and none faster.
func ratioOf(all []gauge.Result) (float64, error) {
	ours, err1 := largest(all, ourGunzip, "MB/s")
	bare, err2 := largest(all, bareGunzip, "MB/s")
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	if bare == 0 {
		return 0, fmt.Errorf("%s says 0 MB/s", bareGunzip)
	}
	return ours / bare, nil
}

// print shows the results among what a test printed.
func (b *bench) print(out string) {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Benchmark") {
			fmt.Fprint(b.out, line)
		}
	}
}

// output runs a program; the error holds what it printed.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
