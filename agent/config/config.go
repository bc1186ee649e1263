// Package config is the agent's configuration file, agent.yaml: it puts the sections of the stages together.
package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"belfry/agent/enroll"
	"belfry/agent/input/file"
	"belfry/agent/input/journal"
	"belfry/agent/input/syslog"
	"belfry/agent/rotate"
	"belfry/agent/ship/https"
	"belfry/agent/spool"
	"belfry/shared/broker"
	"belfry/shared/certs"
	"belfry/shared/conf"
)

// Path is where the configuration lies unless told otherwise.
const Path = "/etc/belfry/agent.yaml"

// Config is the whole file. Zero fields take defaults.
type Config struct {
	State     string `yaml:"state"`     // folder for cursors and identity; default /var/lib/belfry-agent
	Host      string `yaml:"host"`      // name in the events; default the system's host name
	Namespace string `yaml:"namespace"` // tells several agents of one machine apart; default none
	Zone      string `yaml:"timezone"`  // IANA name for stamps without a zone; default the system's
	Metrics   string `yaml:"metrics"`   // host:port or unix:PATH for Prometheus and health; default none
	Inputs    Inputs `yaml:"inputs"`
	Ship      Ship   `yaml:"ship"`

	Spool spool.Config `yaml:"spool"` // where what syslog brings waits on the disk

	Rotate []rotate.Config `yaml:"rotate"` // files that the agent rotates; default none

	Hash string `yaml:"-"` // of the file, in hex
}

// Inputs says what is read.
type Inputs struct {
	Files   []file.Config    `yaml:"files"`
	Syslog  []syslog.Config  `yaml:"syslog"`
	Journal []journal.Config `yaml:"journal"`
}

// Ship says where it goes: exactly one of the two. With neither it is where enrolment says.
type Ship struct {
	AMQP  *broker.Config `yaml:"amqp"`
	HTTPS *https.Config  `yaml:"https"`

	// Lanes are what the senders of syslog are dealt out to: each goes by a queue of the broker's of its own; default 4 with
	// amqp, if there is syslog to relay, else 1.
	Lanes int `yaml:"lanes"`

	Enrolled bool `yaml:"-"` // the certificate came by enrolment, and is renewed
}

// maxLanes bounds the lanes: each has its window of batches in memory.
const maxLanes = 16

// defaultLanes is for a relay that goes by a broker.
const defaultLanes = 4

// Files returns the certificates of whichever road is configured.
func (s Ship) Files() certs.Files {
	if s.AMQP != nil {
		return s.AMQP.Files
	}
	return s.HTTPS.Files
}

// Load reads and checks a file, and fills in the defaults.
func Load(path string) (*Config, error) {
	c := new(Config)
	if err := conf.Load(path, c); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	sum := sha256.Sum256(text)
	c.Hash = hex.EncodeToString(sum[:])
	c.State = cmp.Or(c.State, DefaultState)
	if c.Ship.Lanes == 0 {
		c.Ship.Lanes = 1
		if c.Ship.AMQP != nil && len(c.Inputs.Syslog) > 0 {
			c.Ship.Lanes = defaultLanes
		}
	}
	if c.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("%s: host is not set and the system has no name: %w", path, err)
		}
		c.Host = host
	}
	return c, nil
}

// DefaultState is where the state lies unless told otherwise.
const DefaultState = "/var/lib/belfry-agent"

// Complete fills in where to ship to, as enrolment has said it, unless the file says it.
func (c *Config) Complete() error {
	folder := enroll.In(cmp.Or(c.State, DefaultState))
	ship, err := folder.Ship()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case c.Ship.AMQP != nil || c.Ship.HTTPS != nil:
		c.Ship.Enrolled = err == nil && c.Ship.Files() == folder.Files()
		return nil
	case err != nil:
		return fmt.Errorf("ship: what enrolment has written: %w", err)
	case len(ship.AMQP) > 0:
		c.Ship.AMQP = &broker.Config{URLs: ship.AMQP, Files: folder.Files()}
	default:
		c.Ship.HTTPS = &https.Config{URL: ship.URL, Files: folder.Files()}
	}
	c.Ship.Enrolled = true
	return nil
}

// LoadState reads the state folder alone: who asks a running agent need not be able to read its key.
func LoadState(path string) (string, error) {
	var c Config
	if err := conf.Read(path, &c); errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("%w (root may, and who is in the group belfry-agent)", err)
	} else if err != nil {
		return "", err
	}
	return cmp.Or(c.State, DefaultState), nil
}

// ForEnrolling is what enrolling needs of a configuration, which may not be there yet.
type ForEnrolling struct{ State, Host string }

// LoadForEnrolling reads it. Without a file they are the defaults.
func LoadForEnrolling(path string) (f ForEnrolling, err error) {
	var c Config
	if err := conf.Read(path, &c); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	f = ForEnrolling{cmp.Or(c.State, DefaultState), c.Host}
	if f.Host == "" {
		if f.Host, err = os.Hostname(); err != nil {
			return f, fmt.Errorf("%s: host is not set and the system has no name: %w", path, err)
		}
	}
	return f, nil
}

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
	for i := range c.Inputs.Files {
		section(fmt.Sprintf("inputs.files[%d]", i), c.Inputs.Files[i].Validate())
	}
	for i := range c.Inputs.Syslog {
		section(fmt.Sprintf("inputs.syslog[%d]", i), c.Inputs.Syslog[i].Validate())
	}
	for i := range c.Inputs.Journal {
		section(fmt.Sprintf("inputs.journal[%d]", i), c.Inputs.Journal[i].Validate())
	}
	section("spool", c.Spool.Validate())
	for i := range c.Rotate {
		section(fmt.Sprintf("rotate[%d]", i), c.Rotate[i].Validate())
	}
	if err := conf.CheckListen(c.Metrics); err != nil {
		errs = append(errs, fmt.Errorf("metrics: %w", err))
	}
	if len(c.Inputs.Files)+len(c.Inputs.Syslog)+len(c.Inputs.Journal) == 0 {
		errs = append(errs, errors.New("inputs: nothing to read: give files, syslog or journal"))
	}
	errs = append(errs, c.repeated()...)
	errs = append(errs, c.oversized()...)
	if c.Ship.Lanes < 0 || c.Ship.Lanes > maxLanes {
		errs = append(errs, fmt.Errorf("ship.lanes: %d is not between 1 and %d", c.Ship.Lanes, maxLanes))
	}
	switch {
	case c.Ship.AMQP == nil && c.Ship.HTTPS == nil:
		errs = append(errs, errors.New("ship: nothing says where to ship to: belfry-agent enroll, or give one of amqp and https"))
	case c.Ship.AMQP != nil && c.Ship.HTTPS != nil:
		errs = append(errs, errors.New("ship: give exactly one of amqp and https"))
	case c.Ship.AMQP != nil:
		section("ship.amqp", c.Ship.AMQP.Validate())
	default:
		section("ship.https", c.Ship.HTTPS.Validate())
	}
	return errors.Join(errs...)
}

// repeated finds inputs that are there twice.
func (c *Config) repeated() (errs []error) {
	for i, in := range c.Inputs.Syslog {
		for k, other := range c.Inputs.Syslog[:i] {
			if in.Meets(other) {
				errs = append(errs, fmt.Errorf("inputs.syslog[%d].listen: %q is the place of inputs.syslog[%d] too", i, in.Listen, k))
				break
			}
		}
	}
	names := make(map[string]int)
	for i, in := range c.Inputs.Journal {
		if first, twice := names[in.Name()]; twice {
			errs = append(errs, fmt.Errorf("inputs.journal[%d]: the same journal as inputs.journal[%d]", i, first))
			continue
		}
		names[in.Name()] = i
	}
	return errs
}

// oversized finds listeners that take longer messages than the spool does.
func (c *Config) oversized() (errs []error) {
	if c.Spool.Validate() != nil {
		return nil // of which more is said
	}
	most := c.Spool.MaxMessage()
	for i, in := range c.Inputs.Syslog {
		if int64(in.MaxMessage) > most {
			errs = append(errs, fmt.Errorf("inputs.syslog[%d].max_message: %d is more than a spool.max_bytes of %d takes: %d",
				i, in.MaxMessage, c.Spool.MaxBytes, most))
		}
	}
	return errs
}
