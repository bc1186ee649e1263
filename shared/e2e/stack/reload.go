package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// Reload asks a running program to load its configuration anew. It returns what was printed, on both outputs, and the exit
// code.
func (a *Agent) Reload(ctx context.Context) (string, int, error) {
	return reload(exec.CommandContext(ctx, a.bin.agent(), "--config", a.Config, "reload"))
}

// Reload is Agent.Reload for an aggregator.
func (a *Aggregator) Reload(ctx context.Context) (string, int, error) {
	return reload(exec.CommandContext(ctx, a.bin.belfry(), "--config", a.Config, "reload"))
}

func reload(cmd *exec.Cmd) (string, int, error) {
	out, err := cmd.CombinedOutput()
	if code := exitCode(err); err != nil && code >= 0 {
		return string(out), code, nil
	}
	return string(out), 0, err
}

// HangUp sends SIGHUP.
func (a *Agent) HangUp() error { return a.d.cmd.Process.Signal(syscall.SIGHUP) }

// HangUp sends SIGHUP.
func (a *Aggregator) HangUp() error { return a.d.cmd.Process.Signal(syscall.SIGHUP) }

// Reconfigure replaces a text in the agent's config. The text must be there.
func (a *Agent) Reconfigure(old, text string) error { return replaceIn(a.Config, old, text) }

// Reconfigure replaces a text in the aggregator's config. The text must be there.
func (a *Aggregator) Reconfigure(old, text string) error { return replaceIn(a.Config, old, text) }

func replaceIn(path, old, text string) error {
	all, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if !bytes.Contains(all, []byte(old)) {
		return fmt.Errorf("configure: %q is not in %s", old, path)
	}
	if err := os.WriteFile(path, bytes.Replace(all, []byte(old), []byte(text), 1), 0o644); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return nil
}
