package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
	"belfry/shared/ops"
)

// relay is our agent.
type relay struct {
	*stack.Agent
	transport string
	keeps     bool // its road is cut
	received  int  // so far
	metrics   *http.Client
}

// room is what the spool may hold: more than any turn sends.
const room = "8GiB"

// startRelay starts an agent that takes syslog over one transport, and ships to an aggregator at road. If that is cut,
// nobody is there.
func (b *bench) startRelay(ctx context.Context, dir, transport, road string, cut bool) (*relay, error) {
	a, err := stack.Binaries{Dir: b.Bin}.NewAgent(stack.AgentConfig{
		Dir: dir, Host: "relay", Aggregator: road, Files: b.agent, By: b.by(),
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(a.Config, []byte(b.yaml(a, transport, road)), 0o644); err != nil {
		return nil, err
	}
	if err := a.Start(ctx); err != nil {
		return nil, errors.Join(err, a.Stop())
	}
	return &relay{Agent: a, transport: transport, keeps: cut, metrics: ops.Client(filepath.Join(dir, "state", "agent.sock"))}, nil
}

// yaml is the config: listeners and nothing else. The one of TCP or TLS also tells that the agent has started.
func (b *bench) yaml(a *stack.Agent, transport, road string) string {
	listeners := fmt.Sprintf("\n    - {listen: \"tcp://%s\"}", a.TCP)
	switch transport {
	case "udp":
		listeners += fmt.Sprintf("\n    - {listen: \"udp://%s\"}", a.UDP)
	case "tls":
		listeners = fmt.Sprintf("\n    - {listen: \"tls://%s\", %s}", a.TCP, keys(b.server))
	}
	return fmt.Sprintf(`state: %s
host: relay
spool: {max_bytes: %s}
inputs:
  syslog:%s
ship:
  https: {url: "https://%s", %s}
`, filepath.Join(a.Dir, "state"), room, listeners, road, keys(b.agent))
}

func keys(f certs.Files) string { return fmt.Sprintf("ca: %q, cert: %q, key: %q", f.CA, f.Cert, f.Key) }

func (r *relay) addr() string {
	if r.transport == "udp" {
		return r.UDP
	}
	return r.TCP
}

func (r *relay) pid() int { return r.PID() }

// stop ends it. What it counted lies in its spool if it could not ship it: it has synced that, and if it were asked to
// stop it would try to say goodbye on a road that is cut.
func (r *relay) stop() error {
	if !r.keeps {
		return r.Stop()
	}
	r.Kill()
	kept, err := sizeUnder(filepath.Join(r.Dir, "state"))
	if want := int64(r.received) * size; err == nil && kept < want {
		err = fmt.Errorf("its spool holds %d bytes, of %d messages that make %d", kept, r.received, want)
	}
	return err
}

// sizeUnder is how many bytes the files of a folder have.
func sizeUnder(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		sum += info.Size()
		return nil
	})
	return sum, err
}

// Names of the agent's metrics.
const (
	messagesTaken = "belfry_agent_syslog_messages_total"
	dropped       = "belfry_agent_syslog_dropped_messages_total"
	kernelDropped = "belfry_agent_syslog_kernel_dropped_messages_total"
	confirmed     = "belfry_agent_ship_events_total"
	synced        = "belfry_agent_spool_syncs_total"
)

// taken asks the agent.
func (r *relay) taken(ctx context.Context) (t tally, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/metrics", nil)
	if err != nil {
		return t, err
	}
	resp, err := r.metrics.Do(req)
	if err != nil {
		return t, fmt.Errorf("%w\n%s", err, r.Log())
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if err := r.add(&t, lines.Text()); err != nil {
			return t, fmt.Errorf("read metrics: %w", err)
		}
	}
	r.received = t.received
	return t, lines.Err()
}

// add adds what one line of the metrics says.
func (r *relay) add(t *tally, line string) error {
	name, value, _ := strings.Cut(line, " ")
	name, labels, _ := strings.Cut(name, "{")
	into := &t.received
	switch {
	case name == confirmed:
		into = &t.shipped
	case name == synced:
		into = &t.syncs
	case !strings.Contains(labels, fmt.Sprintf("transport=%q", r.transport)):
		return nil
	case name == dropped:
		into = &t.dropped
	case name == kernelDropped:
		into = &t.kernelDropped
	case name != messagesTaken:
		return nil
	}
	n, err := strconv.Atoi(value)
	*into += n
	return err
}
