package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	// Metrics is where it serves its metrics: host:port or unix:PATH.
	Metrics string
	by      []string
	bin     Binaries
	d       *daemon
}

// AgentConfig is what an agent is told. Exactly one of Broker and Aggregator is set; or none, and it enrols.
type AgentConfig struct {
	Dir, Host  string
	Globs      []string    // files that are read from their beginning
	Following  []string    // files that are read from their end
	Broker     string      // amqps URL
	Aggregator string      // host:port of an aggregator's TLS port
	Files      certs.Files // of agent-HOST
	Namespace  string      // tells several agents of one machine apart
	Confirm    string      // how long it waits for one confirm of the broker, as "10s"; "" for its default
	Input      string      // more keys of the input of Globs, as `backfill: 30d, exclude: ["/x"]`
	More       string      // more sections of the config, as YAML
	Metrics    string      // host:port or unix:PATH; default a free port
	NoRelay    bool        // it takes no syslog over UDP and TCP, and needs no port
	Listeners  []Listener  // more of its relay
	By         []string    // command that runs it, as prlimit --nofile=64; it must become the agent; default none
}

// NewAgent writes the config of an agent; nothing runs yet.
func (b Binaries) NewAgent(cfg AgentConfig) (*Agent, error) {
	a := &Agent{
		Host: cfg.Host, Dir: cfg.Dir, Config: filepath.Join(cfg.Dir, "agent.yaml"), Metrics: cfg.Metrics, by: cfg.By, bin: b,
	}
	var ports []*string
	if !cfg.NoRelay {
		ports = append(ports, &a.UDP, &a.TCP)
	}
	if cfg.Metrics == "" {
		ports = append(ports, &a.Metrics)
	}
	if err := freeAddrs(ports...); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(a.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(a.Config, []byte(a.yaml(cfg)), 0o644); err != nil {
		return nil, fmt.Errorf("configure agent: %w", err)
	}
	return a, nil
}

func (a *Agent) yaml(cfg AgentConfig) string {
	var y strings.Builder
	fmt.Fprintf(&y, "state: %s\nhost: %s\nmetrics: %s\n", a.state(), cfg.Host, a.Metrics)
	if cfg.Namespace != "" {
		fmt.Fprintf(&y, "namespace: %s\n", cfg.Namespace)
	}
	more := ""
	if cfg.Input != "" {
		more = ", " + cfg.Input
	}
	fmt.Fprintf(&y, "inputs:\n  files:\n    - {paths: [%s], class: auth, start: beginning%s}\n", quoted(cfg.Globs), more)
	if len(cfg.Following) > 0 {
		fmt.Fprintf(&y, "    - {paths: [%s], start: end}\n", quoted(cfg.Following))
	}
	listeners := cfg.Listeners
	if !cfg.NoRelay {
		listeners = append(slices.Clip(listeners), Listener{URL: "udp://" + a.UDP}, Listener{URL: "tcp://" + a.TCP})
	}
	if len(listeners) > 0 {
		y.WriteString("  syslog:\n")
	}
	for _, l := range listeners {
		y.WriteString("    - " + l.yaml() + "\n")
	}
	if cfg.Broker+cfg.Aggregator == "" {
		return y.String() + cfg.More
	}
	y.WriteString("ship:\n")
	if cfg.Broker != "" {
		wait := ""
		if cfg.Confirm != "" {
			wait = ", confirm_timeout: " + cfg.Confirm
		}
		fmt.Fprintf(&y, "  amqp: {urls: [%q], %s%s}\n", cfg.Broker, tlsKeys(cfg.Files), wait)
	} else {
		fmt.Fprintf(&y, "  https: {url: \"https://%s\", %s}\n", cfg.Aggregator, tlsKeys(cfg.Files))
	}
	y.WriteString(cfg.More)
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

// state is the folder of its state.
func (a *Agent) state() string { return filepath.Join(a.Dir, "state") }

// Start runs the agent and returns when its relay takes connections, or, without one, when it answers for its status.
// ctx bounds the start only.
func (a *Agent) Start(ctx context.Context) error {
	line := append(slices.Clone(a.by), a.bin.agent(), "--config", a.Config, "run")
	cmd := exec.Command(line[0], line[1:]...)
	d, err := startDaemon("belfry-agent", cmd, a.output())
	if err != nil {
		return err
	}
	a.d = d
	return d.ready(ctx, func() error {
		if a.TCP == "" {
			return accepts("unix", filepath.Join(a.state(), "agent.sock"))
		}
		return accepts("tcp", a.TCP)
	})
}

// Enroll gets its certificate from an aggregator, at host:port, by a token. It says what the agent says.
func (a *Agent) Enroll(ctx context.Context, aggregator, token string, args ...string) (string, error) {
	all := append([]string{"--config", a.Config, "enroll", "--server", "https://" + aggregator, "--token", token}, args...)
	out, err := oneShot(ctx, a.bin.agent(), all...)
	return string(out), err
}

// Check asks the agent whether its config is in order.
func (a *Agent) Check(ctx context.Context) error {
	out, err := oneShot(ctx, a.bin.agent(), "--config", a.Config, "check")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out) // what is wrong is on its standard output
	}
	return nil
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

// LogFile is the file that holds all that the agent printed, over all its runs.
func (a *Agent) LogFile() string { return a.output() }

func (a *Agent) output() string { return filepath.Join(a.Dir, "agent.log") }
