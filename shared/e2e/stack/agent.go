package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"belfry/shared/certs"
)

const agentGrace = 20 * time.Second

// Agent is one belfry-agent with its config and state in a folder. Start, Stop and Kill are not safe for concurrent
// use.
type Agent struct {
	Host   string
	Dir    string
	Config string // its file
	UDP    string // address of the syslog relay
	TCP    string // likewise
	bin    Binaries
	d      *daemon
}

// AgentConfig is what an agent is told. Exactly one of Broker and Aggregator is set.
type AgentConfig struct {
	Dir, Host  string
	Globs      []string    // files that are read from their beginning
	Following  []string    // files that are read from their end
	Broker     string      // amqps URL
	Aggregator string      // host:port of an aggregator's TLS port
	Files      certs.Files // of agent-HOST
	Namespace  string      // tells several agents of one machine apart
	Confirm    string      // how long it waits for one confirm of the broker, as "10s"; "" for its default
}

// NewAgent writes the config of an agent; nothing runs yet.
func (b Binaries) NewAgent(cfg AgentConfig) (*Agent, error) {
	a := &Agent{Host: cfg.Host, Dir: cfg.Dir, Config: filepath.Join(cfg.Dir, "agent.yaml"), bin: b}
	var metrics string
	if err := freeAddrs(&a.UDP, &a.TCP, &metrics); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(a.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(a.Config, []byte(a.yaml(cfg, metrics)), 0o644); err != nil {
		return nil, fmt.Errorf("configure agent: %w", err)
	}
	return a, nil
}

func (a *Agent) yaml(cfg AgentConfig, metrics string) string {
	var y strings.Builder
	fmt.Fprintf(&y, "state: %s\nhost: %s\nmetrics: %s\n", filepath.Join(a.Dir, "state"), cfg.Host, metrics)
	if cfg.Namespace != "" {
		fmt.Fprintf(&y, "namespace: %s\n", cfg.Namespace)
	}
	fmt.Fprintf(&y, "inputs:\n  files:\n    - {paths: [%s], class: auth, start: beginning}\n", quoted(cfg.Globs))
	if len(cfg.Following) > 0 {
		fmt.Fprintf(&y, "    - {paths: [%s], start: end}\n", quoted(cfg.Following))
	}
	fmt.Fprintf(&y, "  syslog:\n    - {listen: \"udp://%s\"}\n    - {listen: \"tcp://%s\"}\nship:\n", a.UDP, a.TCP)
	if cfg.Broker != "" {
		wait := ""
		if cfg.Confirm != "" {
			wait = ", confirm_timeout: " + cfg.Confirm
		}
		fmt.Fprintf(&y, "  amqp: {urls: [%q], %s%s}\n", cfg.Broker, tlsKeys(cfg.Files), wait)
	} else {
		fmt.Fprintf(&y, "  https: {url: \"https://%s\", %s}\n", cfg.Aggregator, tlsKeys(cfg.Files))
	}
	return y.String()
}

func tlsKeys(f certs.Files) string {
	return fmt.Sprintf("ca: %q, cert: %q, key: %q", f.CA, f.Cert, f.Key)
}

func quoted(list []string) string {
	var q []string
	for _, s := range list {
		q = append(q, fmt.Sprintf("%q", s))
	}
	return strings.Join(q, ", ")
}

// Start runs the agent and returns when its relay takes connections. ctx bounds the start only.
func (a *Agent) Start(ctx context.Context) error {
	cmd := exec.Command(a.bin.agent(), "--config", a.Config, "run")
	d, err := startDaemon("belfry-agent", cmd, a.output())
	if err != nil {
		return err
	}
	a.d = d
	return d.ready(ctx, func() error { return accepts("tcp", a.TCP) })
}

// Check asks the agent whether its config is in order.
func (a *Agent) Check(ctx context.Context) error {
	_, err := oneShot(ctx, a.bin.agent(), "--config", a.Config, "check")
	return err
}

// Status is what `belfry-agent status` prints.
func (a *Agent) Status(ctx context.Context) (string, error) {
	out, err := oneShot(ctx, a.bin.agent(), "--config", a.Config, "status")
	return string(out), err
}

// PID is the number of the running agent's process.
func (a *Agent) PID() int { return a.d.cmd.Process.Pid }

// Stop ends the agent in order; it may be stopped already.
func (a *Agent) Stop() error {
	if a.d == nil {
		return nil
	}
	defer func() { a.d = nil }()
	return a.d.stop(agentGrace)
}

// Kill ends the agent by SIGKILL.
func (a *Agent) Kill() {
	a.d.kill()
	a.d = nil
}

// Log is the last of what the agent printed.
func (a *Agent) Log() string { return lastOf(a.output()) }

func (a *Agent) output() string { return filepath.Join(a.Dir, "agent.log") }
