// Package broker is what both sides know of RabbitMQ: the names of exchanges and queues, how to connect, the topology,
// and a publisher that knows of each message whether the broker has taken it.
//
// A batch's routing key is its slot, "00" to "ff"; each slot is bound to one queue. The exchange is a direct one, and a
// slot without a binding makes its batches come back: they wait at the agent. A consistent-hash exchange would move
// them to another queue.
package broker

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"belfry/shared/certs"
	"belfry/shared/conf"
)

// The exchanges.
const (
	Events  = "belfry.events"  // direct: batches, by slot
	Foreign = "belfry.foreign" // fanout: what other senders publish
	Acks    = "belfry.acks"    // direct: what the index has, by agent
	Members = "belfry.members" // fanout: which aggregators there are
	Live    = "belfry.live"    // fanout: events as they pass
	Signals = "belfry.signals" // direct: rule matches that belong together
	Dead    = "belfry.dead"    // fanout: what cannot be taken, with its reason
)

// Slots is the number of routing keys of batches.
const Slots = 256

// DefaultQueues is the number of event queues unless told otherwise.
const DefaultQueues = 4

// EventQueue names the n-th queue of events.
func EventQueue(n int) string { return fmt.Sprintf("%s.%02d", Events, n) }

// AckQueue names the queue of what the index has of an agent; its user's name is the routing key.
func AckQueue(user string) string { return Acks + "." + user }

// SlotKey is the routing key of a slot.
func SlotKey(slot int) string { return fmt.Sprintf("%02x", slot) }

// Config says how to reach the broker. Zero fields take defaults.
type Config struct {
	URLs        []string `yaml:"urls"` // amqps://host:5671/vhost; tried in random order
	certs.Files `yaml:",inline"`
	User        string        `yaml:"user"`            // with a password: PLAIN instead of the certificate (EXTERNAL)
	Password    conf.Secret   `yaml:"password"`        //
	Confirm     conf.Duration `yaml:"confirm_timeout"` // wait for one confirm; default 60s

	AppID string `yaml:"-"` // of the program, with its version
}

func (c Config) confirmTimeout() time.Duration {
	return cmp.Or(time.Duration(c.Confirm), time.Minute)
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	if len(c.URLs) == 0 {
		errs = append(errs, errors.New("urls: at least one is needed"))
	}
	for i, s := range c.URLs {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Host == "":
			errs = append(errs, fmt.Errorf("urls[%d]: %q is not a URL such as amqps://broker:5671/", i, s))
		case u.Scheme != "amqps":
			errs = append(errs, fmt.Errorf("urls[%d]: scheme %q: only amqps is spoken", i, u.Scheme))
		case u.User != nil:
			errs = append(errs, fmt.Errorf("urls[%d]: put the user into user and password", i))
		}
	}
	if (c.User == "") != (c.Password == "") {
		errs = append(errs, errors.New("user: user and password go together"))
	}
	return errors.Join(append(errs, c.Files.Validate())...)
}

// VHost is the virtual host that all the URLs name.
func (c Config) VHost() (string, error) {
	var first string
	for i, address := range c.URLs {
		uri, err := amqp.ParseURI(address)
		if err != nil {
			return "", fmt.Errorf("urls[%d]: %w", i, err)
		}
		if i > 0 && uri.Vhost != first {
			return "", fmt.Errorf("urls[%d]: virtual host %q, that of the first is %q", i, uri.Vhost, first)
		}
		first = uri.Vhost
	}
	return first, nil
}

// Name is the broker's user that a connection speaks as: the certificate's common name, or the configured user.
func (c Config) Name() (string, error) {
	if c.User != "" {
		return c.User, nil
	}
	return c.CommonName()
}
