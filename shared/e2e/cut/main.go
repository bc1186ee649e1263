// Command cut shows that the tests notice when the road from a log line to the one on call is broken: it cuts each
// link in turn, one small change of the source, runs the end-to-end tests over the result, and prints which of them
// failed. Its last line is
//
//	cut: N links, N noticed
//
// The source itself is not touched: the changed file takes the place of the true one by go's -overlay. The exit code is
// 1 if a cut went unnoticed, or could not be made because the source has changed.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cut:", err)
		os.Exit(1)
	}
}

// run makes the cuts that are named, or all.
func run(ctx context.Context, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(cuts, func(c cut) bool { return c.link == name }) {
			return fmt.Errorf("there is no link %q", name)
		}
	}
	if out, err := exec.CommandContext(ctx, "go", "test", "-count=1", "-run", "^$", "./...").CombinedOutput(); err != nil {
		return fmt.Errorf("the source does not build as it is: %w\n%s", err, out)
	}
	made, noticed := 0, 0
	for _, c := range cuts {
		if len(names) > 0 && !slices.Contains(names, c.link) {
			continue
		}
		made++
		failed, err := c.make(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("%s: %w", c.link, err)
		case len(failed) == 0:
			fmt.Printf("%-8s NOT NOTICED: %s\n", c.link, c.what)
			continue
		}
		noticed++
		fmt.Printf("%-8s noticed by %s\n", c.link, strings.Join(failed, ", "))
	}
	fmt.Printf("cut: %d links, %d noticed\n", made, noticed)
	if noticed < made {
		return errors.New("not every cut was noticed")
	}
	return nil
}

// make runs the tests with one link cut, and returns the names of those that failed.
func (c cut) make(ctx context.Context) ([]string, error) {
	dir, err := os.MkdirTemp("", "belfry-cut")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is in the folder of temporary files
	overlay, err := c.overlay(dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-failfast", "-timeout=8m", "./shared/e2e")
	cmd.Env = append(os.Environ(), "BELFRY_E2E_PATIENCE=15s", // what was noticed after a while is noticed
		strings.TrimSpace("GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay)) // for what the tests build, too
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	failed, broken := read(out)
	if broken != "" {
		return nil, fmt.Errorf("it does not build: %s", broken)
	}
	if err != nil && len(failed) == 0 {
		return nil, fmt.Errorf("no test failed, but the run did: %w", err)
	}
	return failed, nil
}

// overlay writes the changed files, and the file that tells go of them.
func (c cut) overlay(dir string) (string, error) {
	replace := map[string]string{}
	for i, e := range c.edits {
		text, err := os.ReadFile(e.file)
		if err != nil {
			return "", err
		}
		if n := bytes.Count(text, []byte(e.from)); n != 1 {
			return "", fmt.Errorf("%s: what is to be cut is there %d times: %q", e.file, n, e.from)
		}
		file, err := filepath.Abs(e.file)
		if err != nil {
			return "", err
		}
		replace[file] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(replace[file], bytes.Replace(text, []byte(e.from), []byte(e.to), 1), 0o600); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// read finds the failed tests in the output of go test -json, without those that failed for a subtest, and what did
// not build.
func read(out []byte) (failed []string, broken string) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		switch {
		case r.Action == "build-output":
			broken += r.Output
		case r.Action == "fail" && r.Test != "" && !slices.ContainsFunc(failed, func(f string) bool {
			return strings.HasPrefix(f, r.Test+"/")
		}):
			failed = append(failed, r.Test)
		}
	}
	return failed, broken
}
