package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"belfry/shared/e2e/gauge"
	"belfry/shared/e2e/stack"
)

// A measurement may take so long, and so much more for each MB: many times what it needs.
const (
	patience = 3 * time.Minute
	perMB    = time.Second
)

// patient bounds a measurement.
func patient(ctx context.Context, mb int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience+time.Duration(mb)*perMB)
}

// agent is one agent with its folder; what it follows lies under logs.
type agent struct {
	*stack.Agent
	logs string
}

// agent writes the config of an agent that follows what globs name below its logs. pinned, it has one core and one
// thread, else all of the machine.
func (b *bench) agent(name string, pinned bool, globs ...string) (*agent, error) {
	dir := filepath.Join(b.dir, name)
	logs := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, err
	}
	cpus, threads := b.cpu+","+b.rest, 0
	if pinned {
		cpus, threads = b.cpu, 1
	}
	if err := gauge.Pin(dir, b.program(), cpus, threads); err != nil {
		return nil, err
	}
	a, err := stack.Binaries{Dir: dir}.NewAgent(stack.AgentConfig{Dir: dir, Host: "web01", Aggregator: b.receiver.addr, Files: b.files})
	if err != nil {
		return nil, err
	}
	return &agent{a, logs}, os.WriteFile(a.Config, []byte(b.yaml(a, logs, globs)), 0o644)
}

// yaml is the config: nothing but files, and a port by which one knows that it has started.
func (b *bench) yaml(a *stack.Agent, logs string, globs []string) string {
	var paths []string
	for _, g := range globs {
		paths = append(paths, fmt.Sprintf("%q", filepath.Join(logs, g)))
	}
	return fmt.Sprintf(`state: %s
host: web01
inputs:
  files:
    - {paths: [%s], class: %s, start: beginning%s}
  syslog:
    - {listen: "tcp://%s"}
ship:
  https: {url: "https://%s", ca: %q, cert: %q, key: %q}
`, filepath.Join(a.Dir, "state"), strings.Join(paths, ", "), class, b.extra, a.TCP,
		b.receiver.addr, b.files.CA, b.files.Cert, b.files.Key)
}

// unbounded is a key that has an agent read its history as fast as it can. One that reads so anyway does not know it.
const unbounded = ", backfill_rate: 0"

// probe finds out whether the agent knows it.
func (b *bench) probe(ctx context.Context) error {
	b.extra = unbounded
	a, err := b.agent("probe", false, "*")
	if err != nil {
		return err
	}
	err = a.Check(ctx)
	if err == nil || !strings.Contains(err.Error(), "backfill_rate") {
		return err
	}
	b.extra = ""
	return nil
}

// quit stops an agent, and adds what it printed to an error.
func (a *agent) quit(err error) error {
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, a.Log())
	}
	return errors.Join(err, a.Stop())
}

// idleLine is what the one file holds that an agent follows before it is measured.
const idleLine = "Nov 24 00:00:00 web01 cron[1]: idle\n"

// warm starts an agent and returns when one line of it has arrived: then it is connected and at rest.
func (b *bench) warm(ctx context.Context, a *agent) error {
	b.receiver.reset(0)
	if err := os.WriteFile(filepath.Join(a.logs, "idle.log"), []byte(idleLine), 0o644); err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	if _, err := b.receiver.wait(ctx, 1, 0); err != nil {
		return a.quit(err)
	}
	return nil
}
