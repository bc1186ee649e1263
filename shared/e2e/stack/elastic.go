package stack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"belfry/shared/e2e/elastic"
)

const (
	// elasticStart bounds a start; one node takes 5 seconds on an idle machine, three take 15, and one that was killed
	// may have the writes of a minute to take up again.
	elasticStart = 5 * time.Minute
	elasticGrace = 60 * time.Second
	elasticTries = 3 // other ports each time

	elasticAnswer = 15 * time.Second // to one question, which has 5 seconds of patience itself

	javaTerminated = 128 + 15 // how java ends after SIGTERM
)

// ElasticConfig says what nodes are to be started; the zero value is one Elasticsearch of 512 MB.
type ElasticConfig struct {
	Kind     elastic.Kind // elastic.Elasticsearch or elastic.OpenSearch
	Dir      string       // its own folder; OpenElastic and SharedElastic have one
	Nodes    int          // of the cluster; default 1
	HeapMB   int          // of each node; default 512
	Settings []string     // more of each node, as "cluster.max_shards_per_node=5000"
	Fast     bool         // for benchmarks: see elastic.Node
}

// Elastic is a running Elasticsearch or OpenSearch: one node or a cluster, plain HTTP on loopback ports, with no users.
// Its nodes are numbered from 0. Kill, Halt and Restart may be called while others use it, by one at a time.
type Elastic struct {
	URLs []string // http://127.0.0.1:PORT of each node

	cfg   ElasticConfig
	nodes []*elasticNode
}

// elasticNode is one of the nodes; d is nil before its first start.
type elasticNode struct {
	name, home, output, http, transport string
	d                                   *daemon
	ended                               bool // by Kill or Halt
}

// ElasticMissing returns what is not there of all that a node needs.
func ElasticMissing(k elastic.Kind) []string {
	missing := Missing("java")
	if !elastic.Fetched(k) {
		missing = append(missing, fmt.Sprintf("%s (`make deps` or shared/e2e/elastic/fetch.sh %s)", k, k))
	}
	return missing
}

// StartElastic starts one node or a cluster, and returns when all of them have found each other. ctx bounds the start
// only; Stop ends them.
func StartElastic(ctx context.Context, cfg ElasticConfig) (*Elastic, error) {
	if missing := ElasticMissing(cfg.Kind); len(missing) > 0 {
		return nil, fmt.Errorf("not installed: %s", strings.Join(missing, ", "))
	}
	cfg.Nodes = cmp.Or(cfg.Nodes, 1)
	var last error
	for try := range elasticTries {
		e, err := newElastic(cfg, try)
		if err != nil {
			return nil, err
		}
		if err = e.start(ctx); err == nil {
			return e, nil
		}
		e.KillAll()
		if last = err; errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break // it was not for want of a port
		}
	}
	return nil, last
}

func newElastic(cfg ElasticConfig, try int) (*Elastic, error) {
	e := &Elastic{cfg: cfg}
	for i := range cfg.Nodes {
		n := &elasticNode{name: fmt.Sprintf("n%d", i)}
		if err := freeAddrs(&n.http, &n.transport); err != nil {
			return nil, err
		}
		n.home = filepath.Join(cfg.Dir, fmt.Sprintf("%s%d", n.name, try))
		n.output = filepath.Join(cfg.Dir, n.name+".out")
		e.nodes = append(e.nodes, n)
		e.URLs = append(e.URLs, "http://"+n.http)
	}
	return e, nil
}

func (e *Elastic) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, elasticStart)
	defer cancel()
	for _, n := range e.nodes {
		if err := e.run(n); err != nil {
			return err
		}
	}
	for i := range e.nodes {
		if err := e.joined(ctx, i, len(e.nodes)); err != nil {
			return err
		}
	}
	return nil
}

// run starts the process of a node.
func (e *Elastic) run(n *elasticNode) error {
	args, err := elastic.Command(e.cfg.Kind, elastic.Node{
		Home: n.home, HeapMB: e.cfg.HeapMB, Fast: e.cfg.Fast, Settings: append(e.settings(n), e.cfg.Settings...)})
	if err != nil {
		return err
	}
	cmd := exec.Command(Find("java"), args...)
	cmd.Dir = n.home
	n.ended = false
	n.d, err = startDaemon(e.cfg.Kind.String()+" "+n.name, cmd, n.output)
	return err
}

func (e *Elastic) settings(n *elasticNode) []string {
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
	all := []string{
		"cluster.name=belfry-" + port(e.nodes[0].transport), "node.name=" + n.name, "network.host=127.0.0.1",
		"http.port=" + port(n.http), "transport.port=" + port(n.transport),
		// How full the disk of the machine is, is not what a test is about.
		"cluster.routing.allocation.disk.threshold_enabled=false",
	}
	if len(e.nodes) == 1 {
		return append(all, "discovery.type=single-node")
	}
	var seeds, names []string
	for _, other := range e.nodes {
		seeds, names = append(seeds, other.transport), append(names, other.name)
	}
	managers := "cluster.initial_master_nodes="
	if e.cfg.Kind == elastic.OpenSearch {
		managers = "cluster.initial_cluster_manager_nodes="
	}
	return append(all, "discovery.seed_hosts="+strings.Join(seeds, ","), managers+strings.Join(names, ","))
}

// joined waits until a node answers, and sees at least so many nodes.
func (e *Elastic) joined(ctx context.Context, i, nodes int) error {
	n := e.nodes[i]
	err := n.d.ready(ctx, func() error {
		h, err := e.Health(ctx, i)
		if err == nil && h.Nodes < nodes {
			err = fmt.Errorf("it sees %d nodes of %d", h.Nodes, nodes)
		}
		return err
	})
	if err != nil {
		return err
	}
	if e.running() < len(e.nodes) {
		return nil // what lies on others alone does not come back
	}
	// Not before then has it taken up again what it had.
	return e.Settled(ctx, i, "yellow")
}

// running is how many nodes run.
func (e *Elastic) running() int {
	n := 0
	for _, node := range e.nodes {
		if node.d.running() {
			n++
		}
	}
	return n
}

// Health is what _cluster/health says.
type Health struct {
	Status       string `json:"status"` // green, yellow or red
	Nodes        int    `json:"number_of_nodes"`
	ActiveShards int    `json:"active_shards"`
	TimedOut     bool   `json:"timed_out"`
}

// Health asks node i.
func (e *Elastic) Health(ctx context.Context, i int) (Health, error) {
	return e.health(ctx, i, "")
}

func (e *Elastic) health(ctx context.Context, i int, parameters string) (Health, error) {
	var h Health
	ctx, cancel := context.WithTimeout(ctx, elasticAnswer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URLs[i]+"/_cluster/health?timeout=5s&master_timeout=5s&"+parameters, nil)
	if err != nil {
		return h, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return h, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusRequestTimeout {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &h)
	}
	if err != nil {
		return h, fmt.Errorf("health of node %d: %w", i, err)
	}
	return h, nil
}

// Settled waits until the cluster, as node i sees it, is at least yellow (each shard is there once), or green (each
// replica too).
func (e *Elastic) Settled(ctx context.Context, i int, status string) error {
	return e.nodes[i].d.ready(ctx, func() error {
		h, err := e.health(ctx, i, "wait_for_status="+status)
		if err == nil && h.TimedOut {
			err = fmt.Errorf("it is %s, not %s", h.Status, status)
		}
		return err
	})
}

// PID is the process of node i.
func (e *Elastic) PID(i int) int { return e.nodes[i].d.cmd.Process.Pid }

// Log is the last of what node i printed.
func (e *Elastic) Log(i int) string { return lastOf(e.nodes[i].output) }

// Kill ends node i by SIGKILL. See Restart.
func (e *Elastic) Kill(i int) {
	e.nodes[i].ended = true
	e.nodes[i].d.kill()
}

// Halt ends node i in order. See Restart.
func (e *Elastic) Halt(i int) error {
	d := e.nodes[i].d
	e.nodes[i].ended = true
	if !d.running() {
		return nil
	}
	err := d.stop(elasticGrace)
	if exitCode(err) == javaTerminated {
		return nil
	}
	return err
}

// Restart starts nodes anew with the same data and ports, after Halt where they still run. It returns when they have
// found the others that run, and, where no node is missing, what was written to them can be searched again.
func (e *Elastic) Restart(ctx context.Context, nodes ...int) error {
	for _, i := range nodes {
		if err := e.Halt(i); err != nil {
			return err
		}
		if err := e.run(e.nodes[i]); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, elasticStart)
	defer cancel()
	for _, i := range nodes {
		if err := e.joined(ctx, i, e.running()); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends all nodes. The folder stays.
func (e *Elastic) Stop() error {
	errs := make([]error, len(e.nodes))
	var all sync.WaitGroup
	for i := range e.nodes {
		all.Go(func() { errs[i] = e.Halt(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// KillAll ends all nodes by SIGKILL.
func (e *Elastic) KillAll() {
	for i := range e.nodes {
		e.Kill(i)
	}
}
