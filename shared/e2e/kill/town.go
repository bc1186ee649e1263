package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"belfry/shared/certs"
	"belfry/shared/e2e/elastic"
	"belfry/shared/e2e/stack"
)

// hosts are those that write.
var hosts = []string{"web01", "web02"}

const (
	// startup bounds the start of a program: the aggregator has to take up what the last one has left.
	startup = 3 * time.Minute
	// heapMB is of the node: it takes 20,000 events a second.
	heapMB = 1024
)

// confirmed is how many events of an agent the aggregator has acknowledged.
const confirmed = "belfry_agent_ship_events_total"

// town is all that runs.
type town struct {
	dir        string
	elastic    *stack.Elastic // nil with the embedded index
	aggregator *stack.Aggregator
	agents     []*stack.Agent
	writers    []*writer
}

// openTown starts everything with an engine. What is started is in it, also after an error.
func openTown(ctx context.Context, dir, engine string, bin stack.Binaries) (*town, error) {
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	t := &town{dir: dir}
	ca, err := certs.NewAuthority(filepath.Join(dir, "certs"))
	if err != nil {
		return t, err
	}
	if err := t.openAggregator(ctx, engine, bin, ca); err != nil {
		return t, err
	}
	for _, host := range hosts {
		if err := t.openAgent(ctx, host, bin, ca); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (t *town) openAggregator(ctx context.Context, engine string, bin stack.Binaries, ca *certs.Authority) error {
	files, err := ca.Issue("belfry", certs.Request{CommonName: "belfry", Hosts: []string{"127.0.0.1"}, Client: true, Server: true, Days: 7})
	if err != nil {
		return err
	}
	cfg := stack.AggregatorConfig{Dir: filepath.Join(t.dir, "aggregator"), Files: files}
	if engine == "elastic" {
		node := filepath.Join(t.dir, "elastic")
		if err := os.MkdirAll(node, 0o755); err != nil {
			return err
		}
		if t.elastic, err = stack.StartElastic(ctx, stack.ElasticConfig{Kind: elastic.Elasticsearch, Dir: node, HeapMB: heapMB}); err != nil {
			return err
		}
		cfg.Index = fmt.Sprintf("{elastic: {nodes: [%q], replicas: 0}}", t.elastic.URLs[0])
	}
	a, err := bin.NewAggregator(cfg)
	if err != nil {
		return err
	}
	t.aggregator = a
	return a.Start(ctx)
}

func (t *town) openAgent(ctx context.Context, host string, bin stack.Binaries, ca *certs.Authority) error {
	files, err := ca.Issue("agent-"+host, certs.Request{CommonName: "agent-" + host, Client: true, Days: 7})
	if err != nil {
		return err
	}
	logs := filepath.Join(t.dir, "logs-"+host)
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	a, err := bin.NewAgent(stack.AgentConfig{
		Dir: filepath.Join(t.dir, "agent-"+host), Host: host, Namespace: host, Files: files, Aggregator: t.aggregator.TLS, NoRelay: true,
		Globs: []string{filepath.Join(logs, "app.log")},
	})
	if err != nil {
		return err
	}
	t.writers = append(t.writers, &writer{host: host, path: filepath.Join(logs, "app.log")})
	t.agents = append(t.agents, a)
	return a.Start(ctx)
}

// acknowledged is how many events the agents know to be indexed.
func (t *town) acknowledged(ctx context.Context) (sum float64, err error) {
	for _, a := range t.agents {
		n, e := a.Metric(ctx, confirmed)
		sum, err = sum+n, errors.Join(err, e)
	}
	return sum, err
}

// written is how many lines each host has written.
func (t *town) written() (all map[string]int, sum int) {
	all = make(map[string]int)
	for _, w := range t.writers {
		all[w.host] = int(w.written.Load())
		sum += all[w.host]
	}
	return all, sum
}

// close ends everything in the order of the data.
func (t *town) close() error {
	var errs []error
	for _, a := range t.agents {
		errs = append(errs, a.Stop())
	}
	if t.aggregator != nil {
		errs = append(errs, t.aggregator.Stop())
	}
	if t.elastic != nil {
		errs = append(errs, t.elastic.Stop())
	}
	return errors.Join(errs...)
}
