// Package config is the aggregator's configuration file, aggregator.yaml: it puts the sections of the stages together.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path"
	"path/filepath"

	"belfry/aggregator/enrich"
	"belfry/aggregator/mask"
	"belfry/aggregator/notify/irc"
	"belfry/aggregator/topology"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/conf"
)

// Path is where the configuration lies unless told otherwise.
const Path = "/etc/belfry/aggregator.yaml"

// DefaultState is where the state lies unless told otherwise.
const DefaultState = "/var/lib/belfry"

// Parsers is where the operator's parsers lie unless told otherwise.
const Parsers = "/etc/belfry/parsers.d/*.yml"

// Config is the whole file. Zero fields take defaults.
type Config struct {
	State   string        `yaml:"state"` // folder for index, ledger and outbox; default /var/lib/belfry
	Receive Receive       `yaml:"receive"`
	Enroll  Enroll        `yaml:"enroll"` // how agents get their certificates
	Ledger  Ledger        `yaml:"ledger"`
	Mask    mask.Config   `yaml:"mask"`
	Parse   Parse         `yaml:"parse"`
	Enrich  enrich.Config `yaml:"enrich"`
	Index   Index         `yaml:"index"`
	Alert   Alert         `yaml:"alert"`
	Notify  Notify        `yaml:"notify"`
	Serve   Serve         `yaml:"serve"`
	Client  Client        `yaml:"client"` // which aggregator the command line asks
}

// Receive says where events come from.
type Receive struct {
	AMQP *AMQP `yaml:"amqp"` // without it, agents ship over HTTPS
	HTTP HTTP  `yaml:"http"`

	Senders []Sender `yaml:"senders"` // certificates that speak for other hosts than the one that they name; default none
}

// Sender is a certificate that may speak for others, as that of a relay.
type Sender struct {
	Name  string   `yaml:"name"`  // common name of the certificate
	Hosts []string `yaml:"hosts"` // patterns of host names, as "*" or "sw-*.example.org"
}

// Validate reports every fault, each with its key.
func (s Sender) Validate() error {
	var errs []error
	if s.Name == "" {
		errs = append(errs, errors.New("name: the common name of a certificate must be given"))
	}
	if len(s.Hosts) == 0 {
		errs = append(errs, errors.New("hosts: at least one pattern is needed"))
	}
	for i, p := range s.Hosts {
		if _, err := path.Match(p, ""); err != nil {
			errs = append(errs, fmt.Errorf("hosts[%d]: %q is not a pattern such as *.example.org", i, p))
		}
	}
	return errors.Join(errs...)
}

// AMQP is the broker to consume from.
type AMQP struct {
	broker.Config `yaml:",inline"`
	Queues        int `yaml:"queues"` // number of belfry.events queues; default 4

	Management *topology.Management `yaml:"management"` // the broker's management API, for `belfry topology`; default none
}

// HTTP is the two doors.
type HTTP struct {
	Plain string `yaml:"plain"` // loopback host:port for POST /events and health; default 127.0.0.1:8080, "off" for none
	TLS   *TLS   `yaml:"tls"`   // for agents and senders with a certificate; default none
}

// TLS is the door for senders with a certificate.
type TLS struct {
	Listen      string `yaml:"listen"` // default :8443
	certs.Files `yaml:",inline"`
}

// Alert says which rules are evaluated beside those that are built in.
type Alert struct {
	Rules []string `yaml:"rules"` // folders of Sigma rules, *.yml; default none
}

// Parse says how lines are understood beside what is built in.
type Parse struct {
	Parsers []string `yaml:"parsers"` // patterns of files of parsers; default /etc/belfry/parsers.d/*.yml
}

// Notify says who is told.
type Notify struct {
	IRC *irc.Config `yaml:"irc"`
}

// Serve is what the operator asks.
type Serve struct {
	Socket  string `yaml:"socket"`  // unix socket of the command line; default /run/belfry/api.sock
	Metrics string `yaml:"metrics"` // host:port or unix:PATH for Prometheus and health; default none
}

// Load reads and checks a file, and fills in the defaults.
func Load(path string) (*Config, error) {
	c := new(Config)
	if err := conf.Load(path, c); err != nil {
		return nil, err
	}
	c.State = cmp.Or(c.State, DefaultState)
	c.Enroll = c.Enroll.withDefaults(c.State)
	c.Receive.HTTP.Plain = cmp.Or(c.Receive.HTTP.Plain, defaultPlain)
	if t := c.Receive.HTTP.TLS; t != nil {
		t.Listen = cmp.Or(t.Listen, ":8443")
	}
	if a := c.Receive.AMQP; a != nil {
		a.Queues = cmp.Or(a.Queues, broker.DefaultQueues)
		if m := a.Management; m != nil {
			m.CA = cmp.Or(m.CA, a.CA)
		}
	}
	c.Index = c.Index.withDefaults()
	c.Ledger = c.Ledger.withDefaults()
	if c.Parse.Parsers == nil {
		c.Parse.Parsers = []string{Parsers}
	}
	c.Serve.Socket = cmp.Or(c.Serve.Socket, defaultSocket)
	return c, nil
}

const (
	defaultSocket = "/run/belfry/api.sock"
	defaultPlain  = "127.0.0.1:8080"
)

// Dir returns a folder within the state.
func (c *Config) Dir(name string) string { return filepath.Join(c.State, name) }

// Validate reports every fault, each with its full key.
func (c *Config) Validate() error {
	var errs []error
	section := func(key string, err error) {
		for _, e := range conf.Split(err) {
			errs = append(errs, fmt.Errorf("%s.%w", key, e))
		}
	}
	if c.State != "" && !filepath.IsAbs(c.State) {
		errs = append(errs, fmt.Errorf("state: %q is not an absolute path", c.State))
	}
	if a := c.Receive.AMQP; a != nil {
		section("receive.amqp", a.Config.Validate())
		if a.Queues < 0 || a.Queues > broker.Slots {
			errs = append(errs, fmt.Errorf("receive.amqp.queues: %d is not between 1 and %d", a.Queues, broker.Slots))
		}
		if a.Management != nil {
			section("receive.amqp.management", a.Management.Validate())
		}
	}
	errs = append(errs, conf.Split(c.Enrich.Validate())...)
	for i, r := range c.Mask.Rules {
		section(fmt.Sprintf("mask.rules[%d]", i), r.Validate())
	}
	for i, p := range c.Mask.Keep {
		if err := mask.CheckPattern(p); err != nil {
			errs = append(errs, fmt.Errorf("mask.keep[%d]: %w", i, err))
		}
	}
	if err := checkPlain(c.Receive.HTTP.Plain); err != nil {
		errs = append(errs, fmt.Errorf("receive.http.plain: %w", err))
	}
	if t := c.Receive.HTTP.TLS; t != nil {
		section("receive.http.tls", t.Files.Validate())
		if err := conf.CheckListen(t.Listen); err != nil {
			errs = append(errs, fmt.Errorf("receive.http.tls.listen: %w", err))
		}
		if t.Listen != "" && t.Listen == cmp.Or(c.Receive.HTTP.Plain, defaultPlain) {
			errs = append(errs, fmt.Errorf("receive.http.tls.listen: %q is what receive.http.plain listens at", t.Listen))
		}
	}
	for i, s := range c.Receive.Senders {
		section(fmt.Sprintf("receive.senders[%d]", i), s.Validate())
	}
	section("enroll", c.Enroll.Validate())
	section("ledger", c.Ledger.Validate())
	section("client", c.Client.Validate())
	section("index", c.Index.Validate())
	if c.Notify.IRC != nil {
		section("notify.irc", c.Notify.IRC.Validate())
	}
	if err := conf.CheckListen(c.Serve.Metrics); err != nil {
		errs = append(errs, fmt.Errorf("serve.metrics: %w", err))
	}
	return errors.Join(errs...)
}

// checkPlain holds the door without a lock to this machine.
func checkPlain(addr string) error {
	if addr == "" || addr == "off" {
		return nil
	}
	if err := conf.CheckHostPort(addr); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(addr) // was checked
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q takes events without a token and must be a loopback address", addr)
	}
	return nil
}
