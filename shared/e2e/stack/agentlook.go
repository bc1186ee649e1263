package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"belfry/shared/ops"
)

// Metric adds up the running agent's metrics that begin so, as `belfry_agent_syslog_messages_total{transport="relp"`. What
// is not there is 0.
func (a *Agent) Metric(ctx context.Context, begin string) (sum float64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/metrics", nil)
	if err != nil {
		return 0, err
	}
	client := ops.Client(filepath.Join(a.state(), "agent.sock"))
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask for metrics: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, begin) {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
		if err != nil {
			return 0, fmt.Errorf("read metrics: %w", err)
		}
		sum += n
	}
	return sum, nil
}

// Configure adds sections to the agent's config, as YAML. They count from its next start.
func (a *Agent) Configure(sections string) error {
	f, err := os.OpenFile(a.Config, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("configure agent: %w", err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, sections); err != nil {
		return fmt.Errorf("configure agent: %w", err)
	}
	return f.Close()
}

// Spooled reports whether a text lies in the agent's spool. It may run beside the agent.
func (a *Agent) Spooled(text string) (bool, error) {
	files, err := filepath.Glob(filepath.Join(a.state(), "spool", "*", "*.seg"))
	if err != nil {
		return false, err
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it was sent meanwhile
			return false, fmt.Errorf("look into the spool: %w", err)
		}
		if bytes.Contains(b, []byte(text)) {
			return true, nil
		}
	}
	return false, nil
}
