package stack

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// maxEvent bounds one line of what a search prints, in bytes.
const maxEvent = 32 << 20

// AgentState is what an agent says of itself.
type AgentState struct {
	ID     string
	Road   string // "ok", or why nothing goes
	Behind uint64 // bytes of its files that are not confirmed
	Files  int
}

// State asks the running agent how it is.
func (a *Agent) State(ctx context.Context) (AgentState, error) {
	out, err := oneShot(ctx, a.bin.agent(), "--config", a.Config, "status", "--json")
	if err != nil {
		return AgentState{}, err
	}
	var s struct {
		Agent, Road string
		Files       []struct{ Lag uint64 }
	}
	if err := json.Unmarshal(out, &s); err != nil {
		return AgentState{}, fmt.Errorf("read the agent's status: %w", err)
	}
	all := AgentState{ID: s.Agent, Road: s.Road, Files: len(s.Files)}
	for _, f := range s.Files {
		all.Behind += f.Lag
	}
	return all, nil
}

// Rows asks the running aggregator how many events its index has. The figure is a storage's, and may be a little off.
func (a *Aggregator) Rows(ctx context.Context) (int, error) {
	out, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "status", "--json")
	if err != nil {
		return 0, err
	}
	var s struct{ Index struct{ Rows int } }
	if err := json.Unmarshal(out, &s); err != nil {
		return 0, fmt.Errorf("read the aggregator's status: %w", err)
	}
	return s.Index.Rows, nil
}

// Export calls fn with each event that a query finds, as JSON, the oldest first. The line is fn's until it returns. An
// answer that was not whole is an error.
func (a *Aggregator) Export(ctx context.Context, query string, fn func(line []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.bin.belfry(), "--config", a.Config,
		"search", "--format", "json", "--limit", "0", "--oldest", query)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 0, 64<<10), maxEvent)
	for err == nil && lines.Scan() {
		err = fn(lines.Bytes())
	}
	if err = errors.Join(err, lines.Err()); err != nil {
		cancel() // else it would wait for a reader
	}
	ended := cmd.Wait()
	if ended != nil && cmd.ProcessState.ExitCode() != nothingFound {
		err = errors.Join(err, fmt.Errorf("belfry search: %w: %s", ended, complaint.String()))
	}
	return err
}
