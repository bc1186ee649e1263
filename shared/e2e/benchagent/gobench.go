package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// The benchmarks of the packages themselves.
const (
	readPackage    = "./agent/input/file"
	archivePackage = "./agent/input/file/archive"
	readPath       = "BenchmarkReadPath"
	ourGunzip      = "BenchmarkGunzip"
	bareGunzip     = "BenchmarkBareGunzip"
)

// result is one line of `go test -bench`: each value by its unit, as "ns/op", "MB/s", "allocs/op".
type result struct {
	name   string // without the number of CPUs, as BenchmarkReadPath/plain
	values map[string]float64
}

// parseBench reads what `go test -bench` prints (Go's benchmark data format): a name, the number of rounds, and pairs of
// value and unit. Other lines are passed over.
func parseBench(out string) (all []result) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		if _, err := strconv.Atoi(fields[1]); err != nil {
			continue
		}
		r := result{plainName(fields[0]), make(map[string]float64)}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				r.values[fields[i+1]] = v
			}
		}
		all = append(all, r)
	}
	return all
}

// plainName takes the number of CPUs off a name.
func plainName(name string) string {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name
	}
	if _, err := strconv.Atoi(name[i+1:]); err != nil {
		return name
	}
	return name[:i]
}

// largest is the largest value of a unit among the runs of a benchmark and of its parts.
func largest(all []result, name, unit string) (most float64, err error) {
	found := false
	for _, r := range all {
		v, has := r.values[unit]
		if has && (r.name == name || strings.HasPrefix(r.name, name+"/")) {
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
	all := parseBench(out)
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
	var all []result
	for range b.Rounds + 2 {
		cmd := exec.CommandContext(ctx, "taskset", "-c", b.cpu, test, "-test.run", "^$", "-test.bench", "^("+ourGunzip+"|"+bareGunzip+")$")
		cmd.Dir = archivePackage
		out, err := output(cmd)
		if err != nil {
			return err
		}
		b.print(out)
		all = append(all, parseBench(out)...)
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
func ratioOf(all []result) (float64, error) {
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
