package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
)

const (
	lookEvery = 2 * time.Second
	tellEvery = 10 * time.Second
	// patience is how long one host may take: an agent takes up one archive a second, as long as there are such.
	patience = 10 * time.Minute
)

// confirmed is how many events of an agent the aggregator has indexed.
const confirmed = "belfry_agent_ship_events_total"

// openAggregator starts belfry with an embedded index.
func (b *bench) openAggregator(ctx context.Context) (err error) {
	if b.ca, err = certs.NewAuthority(filepath.Join(b.dir, "certs")); err != nil {
		return err
	}
	files, err := b.ca.Issue("belfry", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Client: true, Server: true, Days: 7})
	if err != nil {
		return err
	}
	b.aggregator, err = b.bin.NewAggregator(stack.AggregatorConfig{Dir: filepath.Join(b.dir, "belfry"), Files: files})
	if err != nil {
		return err
	}
	return b.aggregator.Start(ctx)
}

// load has the agent of each host ship its archives.
func (b *bench) load(ctx context.Context) error {
	begin := time.Now()
	var done atomic.Int64
	telling, enough := context.WithCancel(ctx)
	defer enough()
	go func() {
		for sleep(telling, tellEvery) {
			fmt.Fprintf(b.out, "loading: %d of %d hosts after %v\n", done.Load(), b.Hosts, time.Since(begin).Round(time.Second))
		}
	}()
	err := parallel(ctx, b.Agents, b.Hosts, func(host int) error {
		if err := b.ship(ctx, host); err != nil {
			return fmt.Errorf("agent of %s: %w", hostName(host), err)
		}
		done.Add(1)
		return nil
	})
	if err != nil {
		return err
	}
	b.loaded = time.Since(begin)
	return nil
}

// ship runs the agent of a host until all of its archives are indexed.
func (b *bench) ship(ctx context.Context, host int) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name := hostName(host)
	files, err := b.ca.Issue("agent-"+name, certs.Request{CommonName: "agent-" + name, Client: true, Days: 7})
	if err != nil {
		return err
	}
	dir := filepath.Join(b.dir, "agents", name)
	a, err := b.bin.NewAgent(stack.AgentConfig{
		Dir: dir, Host: name, Namespace: name, Files: files, Aggregator: b.aggregator.TLS, NoRelay: true, Metrics: "unix:" + filepath.Join(dir, "metrics.sock"),
		Globs: []string{filepath.Join(b.folder(host), "auth.log")},
		Input: fmt.Sprintf("backfill: %dd, backfill_rate: 0", b.Days+2),
	})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	ended := func(err error) error {
		if stop := a.Stop(); err == nil {
			return stop
		}
		return fmt.Errorf("%w\n%s", err, a.Log())
	}
	// The agent's own events count too: the last word has what it says of its files.
	for {
		n, err := a.Metric(ctx, confirmed)
		if err != nil {
			return ended(err)
		}
		if n >= float64(b.Days*b.Lines) {
			s, err := a.State(ctx)
			if err != nil || s.Behind == 0 && s.Files > b.Days {
				return ended(err)
			}
		}
		if !sleep(ctx, lookEvery) {
			return ended(fmt.Errorf("%.0f of %d events are indexed: %w", n, b.Days*b.Lines, ctx.Err()))
		}
	}
}

// sleep reports whether the time has passed; false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
