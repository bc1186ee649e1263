package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"belfry/shared/batch"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/e2e/stack"
	"belfry/shared/event"
)

const (
	startup = 6 * time.Minute // of one program on a busy machine
	confirm = "10s"           // so that what was lost on the way is missed soon
	cnIndex = "belfry"
)

// hostNames are the hosts, one agent each.
var hostNames = []string{"web01", "db01", "mx01"}

// town is all that runs: agents of several hosts, a broker, aggregators, an Elasticsearch where they index in one, and
// wires between them. Whoever does something to a program or a wire holds its lock.
type town struct {
	dir         string
	ca          *certs.Authority
	rabbit      *stack.RabbitMQ
	elastic     *stack.Elastic // nil with an embedded index
	aggregators []*aggregator
	agents      []*stack.Agent
	agentLinks  []*stack.Link
	slots       []string // of the agents

	brokerLock                 sync.Mutex
	elasticLock                sync.Mutex // of all nodes: no more than one of them is away
	agentLocks, agentLinkLocks []sync.Mutex

	closing []func() error
}

// aggregator is one of those that share the queues, with its wires to the broker.
type aggregator struct {
	*stack.Aggregator
	name           string
	link           *stack.Link
	lock, linkLock sync.Mutex
}

// openTown starts everything. On an error nothing stays.
func openTown(ctx context.Context, dir string, o options, bin stack.Binaries, say func(string, ...any)) (*town, error) {
	t := &town{dir: dir, agentLocks: make([]sync.Mutex, len(hostNames)), agentLinkLocks: make([]sync.Mutex, len(hostNames))}
	for _, step := range []func(context.Context, options, stack.Binaries) error{
		t.openBroker, t.openElastic, t.openAggregators, t.openAgents,
	} {
		if err := step(ctx, o, bin); err != nil {
			return nil, errors.Join(err, t.kill())
		}
	}
	say("%d agents, RabbitMQ at %s and %d aggregators run in %s", len(t.agents), t.rabbit.Addr, len(t.aggregators), dir)
	if t.elastic != nil {
		say("they index in the Elasticsearch of %s", strings.Join(t.elastic.URLs, " "))
	}
	return t, nil
}

func (t *town) openBroker(ctx context.Context, _ options, _ stack.Binaries) error {
	certificates := filepath.Join(t.dir, "certs")
	if err := os.MkdirAll(certificates, 0o755); err != nil {
		return err
	}
	var err error
	if t.ca, err = certs.NewAuthority(certificates); err != nil {
		return err
	}
	users := []stack.User{stack.Everything(cnIndex)}
	for _, h := range hostNames {
		users = append(users, stack.AgentUser("agent-"+h))
	}
	dir := filepath.Join(t.dir, "rabbitmq")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if t.rabbit, err = stack.StartRabbitMQ(ctx, stack.Rabbit{Dir: dir, Authority: t.ca, Users: users}); err != nil {
		return err
	}
	t.closing = append(t.closing, t.rabbit.Stop)
	var agents []string
	for _, h := range hostNames {
		agents = append(agents, "agent-"+h)
	}
	if err := t.rabbit.Apply(ctx, broker.DefaultQueues, agents...); err != nil {
		return err
	}
	// A broker that is killed within minutes of the declaration may forget the names of its queues' logs: then a queue
	// has no leader for ever (seen with 3.10). An end in order writes them.
	return t.rabbit.Restart(ctx)
}

// issue makes a certificate for a common name on this machine.
func (t *town) issue(name string) (certs.Files, error) {
	return t.ca.Issue(name, certs.Request{
		CommonName: name, Hosts: []string{"127.0.0.1", "localhost"}, Client: true, Server: true, Days: 7,
	})
}

// wire puts a link before the broker.
func (t *town) wire() (*stack.Link, string, error) {
	k, err := stack.NewLink(t.rabbit.Addr)
	if err != nil {
		return nil, "", err
	}
	t.closing = append(t.closing, k.Close)
	return k, "amqps://" + k.Addr + "/", nil
}

func (t *town) openElastic(ctx context.Context, o options, _ stack.Binaries) (err error) {
	if !o.elastic() {
		return nil
	}
	dir := filepath.Join(t.dir, "elastic")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if t.elastic, err = stack.StartElastic(ctx, stack.ElasticConfig{Dir: dir, Nodes: o.Nodes, Fast: o.For > 2*time.Minute}); err != nil {
		return err
	}
	t.closing = append(t.closing, t.elastic.Stop)
	return nil
}

func (t *town) openAggregators(ctx context.Context, o options, bin stack.Binaries) error {
	files, err := t.issue(cnIndex)
	if err != nil {
		return err
	}
	for n := range o.Aggregators {
		a := &aggregator{name: "aggregator"}
		if o.Aggregators > 1 {
			a.name += fmt.Sprint(n + 1)
		}
		cfg := stack.AggregatorConfig{Dir: filepath.Join(t.dir, a.name), Files: files}
		if t.elastic != nil {
			cfg.Index = t.elastic.Index()
		}
		if a.link, cfg.Broker, err = t.wire(); err != nil {
			return err
		}
		if a.Aggregator, err = bin.NewAggregator(cfg); err != nil {
			return err
		}
		t.aggregators = append(t.aggregators, a)
		t.closing = append(t.closing, a.Stop)
		if err := a.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *town) openAgents(ctx context.Context, _ options, bin stack.Binaries) error {
	for _, h := range hostNames {
		files, err := t.issue("agent-" + h)
		if err != nil {
			return err
		}
		cfg := stack.AgentConfig{
			Dir: filepath.Join(t.dir, "agent-"+h), Host: h, Namespace: h, Files: files, Confirm: confirm,
			Globs: []string{filepath.Join(t.logs(h), "*.log")},
		}
		link, url, err := t.wire()
		if err != nil {
			return err
		}
		cfg.Broker = url
		a, err := bin.NewAgent(cfg)
		if err != nil {
			return err
		}
		t.agents, t.agentLinks = append(t.agents, a), append(t.agentLinks, link)
		t.closing = append(t.closing, a.Stop)
		if err := a.Start(ctx); err != nil {
			return err
		}
		if err := t.learnSlot(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// logs is the folder of a host's files.
func (t *town) logs(host string) string { return filepath.Join(t.dir, "log-"+host) }

func (t *town) learnSlot(ctx context.Context, a *stack.Agent) error {
	s, err := a.State(ctx)
	if err != nil {
		return err
	}
	id, err := event.ParseKey(s.ID)
	if err != nil {
		return fmt.Errorf("identity of %s: %w", a.Host, err)
	}
	t.slots = append(t.slots, batch.Slot(id, 0))
	return nil
}

// close ends everything in the order of the data.
func (t *town) close() error {
	var errs []error
	for i := len(t.closing) - 1; i >= 0; i-- {
		errs = append(errs, t.closing[i]())
	}
	t.closing = nil
	return errors.Join(errs...)
}

// kill ends everything at once: for one who does not want to wait, or when something was in the middle of a fault.
func (t *town) kill() error {
	for _, a := range t.agents {
		a.Kill()
	}
	for _, a := range t.aggregators {
		a.Kill()
	}
	if t.elastic != nil {
		t.elastic.KillAll()
	}
	if t.rabbit != nil {
		t.rabbit.Kill()
	}
	return t.close()
}

// leaderless lists the queues that have no leader, as Erlang writes a list: "[]" is none.
func (t *town) leaderless(ctx context.Context) (string, error) {
	t.brokerLock.Lock()
	defer t.brokerLock.Unlock()
	return t.rabbit.Control(ctx, "eval", `[element(4, amqqueue:get_name(Q)) || Q <- rabbit_amqqueue:list(),
		element(1, catch ra:members(amqqueue:get_pid(Q), 5000)) =/= ok].`)
}
