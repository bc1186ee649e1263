package stack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"belfry/shared/certs"
	"belfry/shared/event"
)

const (
	aggregatorGrace = 40 * time.Second // twice what the program allows itself
	nothingFound    = 1                // exit code of a search
)

// Aggregator is one `belfry serve` with its config and state in a folder, and the command line that speaks to it.
// Start, Stop and Kill are not safe for concurrent use.
type Aggregator struct {
	Dir    string
	Config string // its file
	Plain  string // address that takes events over plain HTTP
	TLS    string // address that takes batches over HTTPS
	Socket string
	bin    Binaries
	d      *daemon
}

// AggregatorConfig is what an aggregator is told.
type AggregatorConfig struct {
	Dir     string
	Plain   string      // default a free loopback port
	Broker  string      // amqps URL; "" for none
	Files   certs.Files // of belfry
	IRC     string      // address of the server; "" for none
	Channel string
	Oncall  string
	Relays  []string // certificates that speak for any host

	Queues   int    // of events; default 4
	GapGrace string // as "1s"; "" for its default
	API      string // of the broker's management, for ManagementUser; "" for none
	Index    string // its section, as YAML on one line; "" for an embedded one
	More     string // more sections, as YAML
}

// NewAggregator writes the config of an aggregator; nothing runs yet.
func (b Binaries) NewAggregator(cfg AggregatorConfig) (*Aggregator, error) {
	a := &Aggregator{
		Dir: cfg.Dir, Config: filepath.Join(cfg.Dir, "aggregator.yaml"), Socket: filepath.Join(cfg.Dir, "api.sock"),
		bin: b,
	}
	var metrics string
	if err := freeAddrs(&a.Plain, &a.TLS, &metrics); err != nil {
		return nil, err
	}
	if cfg.Plain != "" {
		a.Plain = cfg.Plain
	}
	if err := os.MkdirAll(a.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(a.Config, []byte(a.yaml(cfg, metrics)), 0o644); err != nil {
		return nil, fmt.Errorf("configure aggregator: %w", err)
	}
	return a, nil
}

func (a *Aggregator) yaml(cfg AggregatorConfig, metrics string) string {
	var y strings.Builder
	fmt.Fprintf(&y, "state: %s\nreceive:\n", filepath.Join(a.Dir, "state"))
	if cfg.Broker != "" {
		manage := ""
		if cfg.API != "" {
			manage = fmt.Sprintf(", management: {url: %q, user: %s, password: %s}", cfg.API, ManagementUser, ManagementPassword)
		}
		fmt.Fprintf(&y, "  amqp: {urls: [%q], %s, queues: %d%s}\n", cfg.Broker, tlsKeys(cfg.Files), cmp.Or(cfg.Queues, 4), manage)
	}
	fmt.Fprintf(&y, "  http:\n    plain: %q\n    tls: {listen: %q, %s}\n", a.Plain, a.TLS, tlsKeys(cfg.Files))
	for i, name := range cfg.Relays {
		if i == 0 {
			y.WriteString("  senders:\n")
		}
		fmt.Fprintf(&y, "    - {name: %s, hosts: [\"*\"]}\n", name)
	}
	if cfg.GapGrace != "" {
		fmt.Fprintf(&y, "ledger: {gap_grace: %s}\n", cfg.GapGrace)
	}
	fmt.Fprintf(&y, "index: %s\n", cmp.Or(cfg.Index, "{embedded: {retention: 90d}}"))
	if cfg.IRC != "" {
		fmt.Fprintf(&y, "notify: {irc: {server: %q, tls: false, nick: belfry, channel: %q, oncall: %s}}\n",
			cfg.IRC, cfg.Channel, cfg.Oncall)
	}
	fmt.Fprintf(&y, "serve: {socket: %q, metrics: %q}\n", a.Socket, metrics)
	y.WriteString(cfg.More)
	return y.String()
}

// Start runs the aggregator and returns when it takes events and searches. ctx bounds the start only.
func (a *Aggregator) Start(ctx context.Context) error {
	cmd := exec.Command(a.bin.belfry(), "--config", a.Config, "serve")
	d, err := startDaemon("belfry", cmd, a.output())
	if err != nil {
		return err
	}
	a.d = d
	return d.ready(ctx, func() error { return errors.Join(accepts("tcp", a.Plain), accepts("unix", a.Socket)) })
}

// Check asks belfry whether its config is in order.
func (a *Aggregator) Check(ctx context.Context) error {
	out, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "check")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out) // what is wrong is on its standard output
	}
	return nil
}

// Command runs any other command of belfry with its config, and returns what that prints.
func (a *Aggregator) Command(ctx context.Context, args ...string) (string, error) {
	out, err := oneShot(ctx, a.bin.belfry(), append([]string{"--config", a.Config}, args...)...)
	return strings.TrimSpace(string(out)), err
}

// ApplyTopology declares the broker's exchanges and queues, and makes users of agents.
func (a *Aggregator) ApplyTopology(ctx context.Context, agents ...string) error {
	list := filepath.Join(a.Dir, "agents")
	if err := os.WriteFile(list, []byte(strings.Join(agents, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	_, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "topology", "apply", "--agents", list)
	return err
}

// Search returns every event that a query finds.
func (a *Aggregator) Search(ctx context.Context, query string) ([]*event.Event, error) {
	out, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "search", "--format", "json", "--limit", "0", query)
	if err != nil && exitCode(err) != nothingFound {
		return nil, err
	}
	var found []*event.Event
	var d event.Decoder
	for line := range bytes.Lines(out) {
		e, err := d.Decode(line)
		if err != nil {
			return found, fmt.Errorf("read what search %q printed: %w: %.200s", query, err, line)
		}
		found = append(found, e)
	}
	return found, nil
}

// Print returns what `belfry search` prints for a reader.
func (a *Aggregator) Print(ctx context.Context, query string) (string, error) {
	out, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "search", "--limit", "5", query)
	return string(out), err
}

// Audit is what "belfry audit" says of one host's files, as JSON, a line each, and its exit code.
func (a *Aggregator) Audit(ctx context.Context, host string) ([]byte, int, error) {
	out, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "audit", "--all", "--json", host)
	if code := exitCode(err); err != nil && code == 1 {
		return out, code, nil
	}
	return out, 0, err
}

// Dead is what "belfry dead list" prints, as JSON.
func (a *Aggregator) Dead(ctx context.Context) (string, error) {
	out, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "dead", "list", "--json")
	if exitCode(err) == 1 {
		err = nil
	}
	return string(out), err
}

// Stop ends the aggregator in order; it may be stopped already.
func (a *Aggregator) Stop() error {
	if a.d == nil {
		return nil
	}
	defer func() { a.d = nil }()
	return a.d.stop(aggregatorGrace)
}

// Kill ends the aggregator by SIGKILL.
func (a *Aggregator) Kill() {
	a.d.kill()
	a.d = nil
}

// Log is the last of what the aggregator printed.
func (a *Aggregator) Log() string { return lastOf(a.output()) }

func (a *Aggregator) output() string { return filepath.Join(a.Dir, "belfry.log") }
