package stack

import (
	"context"
	"encoding/json"
	"fmt"
)

// Watched is what an aggregator tells of hosts, gaps and bytes, as JSON: `belfry hosts`, `belfry gaps` and `belfry audit`.
type Watched struct{ Hosts, Gaps, Audit string }

// Watched asks an aggregator all of that.
func (a *Aggregator) Watched(ctx context.Context) (w Watched, err error) {
	for _, q := range []struct {
		into *string
		args []string
	}{
		{&w.Hosts, []string{"hosts", "list", "--json"}},
		{&w.Gaps, []string{"gaps", "list", "--all", "--json"}},
		{&w.Audit, []string{"audit", "--all", "--json"}},
	} {
		out, err := oneShot(ctx, a.bin.belfry(), append([]string{"--config", a.Config}, q.args...)...)
		if err != nil && exitCode(err) != 1 { // that there is something to see to
			return w, err
		}
		*q.into = string(out)
	}
	return w, nil
}

// AcceptGap takes note of a gap.
func (a *Aggregator) AcceptGap(ctx context.Context, id, why string) error {
	_, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "gaps", "accept", id, why)
	return err
}

// Queues asks the running aggregator which of the broker's queues it consumes itself.
func (a *Aggregator) Queues(ctx context.Context) ([]string, error) {
	out, err := oneShot(ctx, a.bin.belfry(), "--config", a.Config, "status", "--json")
	if err != nil {
		return nil, err
	}
	var s struct {
		Members []struct {
			Self   bool
			Queues []string
		}
	}
	if err := json.Unmarshal(out, &s); err != nil {
		return nil, fmt.Errorf("read the aggregator's status: %w", err)
	}
	for _, m := range s.Members {
		if m.Self {
			return m.Queues, nil
		}
	}
	return nil, nil
}
