package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"belfry/shared/certs"
)

// Names on the road: who is on call, where, and for whom the certificates are.
const (
	Channel = "#oncall"
	Oncall  = "alice"
	cnIndex = "belfry" // common name of the aggregator, and its RabbitMQ user
)

// RoadConfig says what stands between a log file and a reader.
type RoadConfig struct {
	Dir       string     // the road's own folder; it must exist
	Binaries  Binaries   // built before
	Host      string     // name of the agent's host
	Broker    bool       // through RabbitMQ; otherwise over HTTPS
	Elastic   bool       // the index is an Elasticsearch of one node; otherwise the embedded one
	IRC       bool       // with an IRC server, and a reader on call
	Plain     string     // where the aggregator takes events over plain HTTP; default a free port
	Following []string   // files of this machine that the agent follows from their end
	Listeners []Listener // of the agent's relay, besides those for UDP and TCP
	Links     bool       // with a Link before the agent's and the aggregator's server, so that it can be held
	Say       func(format string, args ...any)
}

// Road is one log line's way, all of real programs: a file, an agent, a broker (or HTTPS), an aggregator, and IRC.
type Road struct {
	Rabbit     *RabbitMQ // nil without a broker
	Elastic    *Elastic  // nil with the embedded index
	IRC        *Ngircd   // nil without IRC
	Reader     *IRCClient
	Aggregator *Aggregator
	Agent      *Agent
	Feeder     *Feeder
	AgentLink  *Link // from the agent to the broker or the aggregator; nil without links
	IndexLink  *Link // from the aggregator to the broker; nil without links or broker

	cfg     RoadConfig
	ca      *certs.Authority
	closing []func() error
}

// OpenRoad starts everything, in the order against the data, and returns when a line that is written will arrive.
// On an error nothing stays. ctx bounds the start only.
func OpenRoad(ctx context.Context, cfg RoadConfig) (*Road, error) {
	if cfg.Say == nil {
		cfg.Say = func(string, ...any) {}
	}
	r := &Road{cfg: cfg}
	for _, step := range []func(context.Context) error{r.openCA, r.openRabbit, r.openElastic, r.openIRC, r.openAggregator, r.openAgent} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

// Close ends what was started, in the order of the data, and reports each end that was not clean.
func (r *Road) Close() error {
	var errs []error
	for i := len(r.closing) - 1; i >= 0; i-- {
		errs = append(errs, r.closing[i]())
	}
	r.closing = nil
	return errors.Join(errs...)
}

func (r *Road) onClose(f func() error) { r.closing = append(r.closing, f) }

func (r *Road) folder(name string) (string, error) {
	dir := filepath.Join(r.cfg.Dir, name)
	return dir, os.MkdirAll(dir, 0o755)
}

func (r *Road) openCA(context.Context) error {
	dir, err := r.folder("certs")
	if err != nil {
		return err
	}
	r.ca, err = certs.NewAuthority(dir)
	return err
}

// issue makes a certificate for a common name on this machine.
func (r *Road) issue(name string) (certs.Files, error) {
	return r.ca.Issue(name, certs.Request{
		CommonName: name, Hosts: []string{"127.0.0.1", "localhost"}, Client: true, Server: true, Days: 7,
	})
}

func (r *Road) agentName() string { return "agent-" + r.cfg.Host }

func (r *Road) openRabbit(ctx context.Context) error {
	if !r.cfg.Broker {
		return nil
	}
	r.cfg.Say("starting a RabbitMQ of our own, with TLS and a throw-away CA (this takes a few seconds)")
	dir, err := r.folder("rabbitmq")
	if err != nil {
		return err
	}
	r.Rabbit, err = StartRabbitMQ(ctx, Rabbit{Dir: dir, Authority: r.ca, Manage: true, Users: []User{
		{Name: cnIndex, Configure: `^belfry\.`, Write: `^belfry\.`, Read: `^belfry\.`},
		{Name: ForeignSender, Configure: `^$`, Write: `^belfry\.foreign$`, Read: `^$`},
	}})
	if err != nil {
		return err
	}
	r.onClose(r.Rabbit.Stop)
	r.cfg.Say("RabbitMQ listens on %s", r.Rabbit.URL)
	return nil
}

func (r *Road) openElastic(ctx context.Context) error {
	if !r.cfg.Elastic {
		return nil
	}
	r.cfg.Say("starting an Elasticsearch of our own, one node (this takes some seconds)")
	dir, err := r.folder("elastic")
	if err != nil {
		return err
	}
	if r.Elastic, err = StartElastic(ctx, ElasticConfig{Dir: dir}); err != nil {
		return err
	}
	r.onClose(r.Elastic.Stop)
	r.cfg.Say("Elasticsearch listens on %s", r.Elastic.URLs[0])
	return nil
}

func (r *Road) openIRC(ctx context.Context) error {
	if !r.cfg.IRC {
		return nil
	}
	dir, err := r.folder("ngircd")
	if err != nil {
		return err
	}
	if r.IRC, err = StartNgircd(ctx, dir); err != nil {
		return err
	}
	r.onClose(r.IRC.Stop)
	if r.Reader, err = JoinIRC(ctx, r.IRC.Addr, Oncall, Channel); err != nil {
		return err
	}
	r.onClose(func() error { r.Reader.Close(); return nil })
	r.cfg.Say("ngircd listens on %s; %s is on call in %s", r.IRC.Addr, Oncall, Channel)
	return nil
}

// link puts a Link before a server, if the road has links.
func (r *Road) link(target string) (*Link, string, error) {
	if !r.cfg.Links {
		return nil, target, nil
	}
	k, err := NewLink(target)
	if err != nil {
		return nil, "", err
	}
	r.onClose(k.Close)
	return k, k.Addr, nil
}

// brokerURL is where one of the two sides finds the broker; "" without one.
func (r *Road) brokerURL() (*Link, string, error) {
	if r.Rabbit == nil {
		return nil, "", nil
	}
	k, addr, err := r.link(r.Rabbit.Addr)
	return k, "amqps://" + addr + "/", err
}

func (r *Road) openAggregator(ctx context.Context) error {
	files, err := r.issue(cnIndex)
	if err != nil {
		return err
	}
	cfg := AggregatorConfig{Dir: filepath.Join(r.cfg.Dir, "aggregator"), Plain: r.cfg.Plain, Files: files, Relays: []string{r.agentName(), ForeignSender}}
	if r.Elastic != nil {
		cfg.Index = r.Elastic.Index()
	}
	if r.IRC != nil {
		cfg.IRC, cfg.Channel, cfg.Oncall = r.IRC.Addr, Channel, Oncall
	}
	if r.IndexLink, cfg.Broker, err = r.brokerURL(); err != nil {
		return err
	}
	if r.Rabbit != nil {
		cfg.API = r.Rabbit.API
	}
	if r.Aggregator, err = r.cfg.Binaries.NewAggregator(cfg); err != nil {
		return err
	}
	if err := r.Aggregator.Check(ctx); err != nil {
		return err
	}
	if r.Rabbit != nil {
		if err := r.Aggregator.ApplyTopology(ctx, r.agentName()); err != nil {
			return err
		}
		r.cfg.Say("belfry topology apply: exchanges and quorum queues are there, and the agent is a user of the broker")
	}
	r.onClose(r.Aggregator.Stop)
	if err := r.Aggregator.Start(ctx); err != nil {
		return err
	}
	r.cfg.Say("belfry serve runs: events on http://%s, batches on https://%s", r.Aggregator.Plain, r.Aggregator.TLS)
	return nil
}

func (r *Road) openAgent(ctx context.Context) error {
	logs, err := r.folder("log")
	if err != nil {
		return err
	}
	if r.Feeder, err = OpenFeeder(logs, r.cfg.Host); err != nil {
		return err
	}
	r.onClose(r.Feeder.Close)
	cfg := AgentConfig{
		Dir: filepath.Join(r.cfg.Dir, "agent"), Host: r.cfg.Host,
		Globs: []string{filepath.Join(logs, "auth.log*")}, Following: r.cfg.Following,
	}
	if cfg.Files, err = r.issue(r.agentName()); err != nil {
		return err
	}
	for _, l := range r.cfg.Listeners {
		if l.secure() && l.Files == (certs.Files{}) {
			l.Files = cfg.Files
		}
		cfg.Listeners = append(cfg.Listeners, l)
	}
	if r.Rabbit != nil {
		r.AgentLink, cfg.Broker, err = r.brokerURL()
	} else {
		r.AgentLink, cfg.Aggregator, err = r.link(r.Aggregator.TLS)
	}
	if err != nil {
		return err
	}
	if r.Agent, err = r.cfg.Binaries.NewAgent(cfg); err != nil {
		return err
	}
	if err := r.Agent.Check(ctx); err != nil {
		return err
	}
	r.onClose(r.Agent.Stop)
	if err := r.Agent.Start(ctx); err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	r.cfg.Say("belfry-agent follows %s; its relay takes syslog on %s (UDP) and %s (TCP)",
		r.Feeder.Path(), r.Agent.UDP, r.Agent.TCP)
	return nil
}
