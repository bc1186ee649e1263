package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"belfry/shared/conf"
)

// Enroll says how agents get certificates of this aggregator. Zero fields take defaults.
type Enroll struct {
	CA       string        `yaml:"ca"`       // folder of the authority (belfry ca init); default ca in the state, if there is one; "off" for none
	Lifetime conf.Duration `yaml:"lifetime"` // of an agent's certificate, which it renews after two thirds; default 30d
	URL      string        `yaml:"url"`      // https://host:port of this aggregator for agents; default the one by which each came
	AMQP     []string      `yaml:"amqp"`     // brokers that agents are told, where receive.amqp.management is; default receive.amqp.urls
}

// Bounds of an agent's certificate: a shorter one is renewed all the time.
const (
	minLifetime     = 10 * time.Second
	maxLifetime     = 10 * 365 * 24 * time.Hour
	defaultLifetime = 30 * 24 * time.Hour
)

func (e Enroll) withDefaults(state string) Enroll {
	e.CA = cmp.Or(e.CA, filepath.Join(state, "ca"))
	e.Lifetime = cmp.Or(e.Lifetime, conf.Duration(defaultLifetime))
	return e
}

// On reports whether there is an authority: then agents may enrol, and what it has revoked is refused.
func (e Enroll) On() bool {
	if e.CA == off {
		return false
	}
	_, err := os.Stat(filepath.Join(e.CA, "ca.pem"))
	return !errors.Is(err, fs.ErrNotExist)
}

const off = "off"

// Validate reports every fault, each with its key.
func (e Enroll) Validate() error {
	var errs []error
	if e.CA != "" && e.CA != off && !filepath.IsAbs(e.CA) {
		errs = append(errs, fmt.Errorf("ca: %q is not an absolute path", e.CA))
	} else if e.CA != "" && e.CA != off && !e.On() {
		errs = append(errs, fmt.Errorf("ca: there is no authority in %s: belfry ca init --dir %s", e.CA, e.CA))
	}
	if d := time.Duration(e.Lifetime); d != 0 && (d < minLifetime || d > maxLifetime) {
		errs = append(errs, fmt.Errorf("lifetime: %v is not between %v and %v", d, minLifetime, maxLifetime))
	}
	if err := CheckServer(e.URL); err != nil {
		errs = append(errs, fmt.Errorf("url: %w", err))
	}
	for i, text := range e.AMQP {
		if u, err := url.Parse(text); err != nil || u.Scheme != "amqps" || u.Host == "" || u.User != nil {
			errs = append(errs, fmt.Errorf("amqp[%d]: %q is not a URL such as amqps://broker:5671/", i, text))
		}
	}
	return errors.Join(errs...)
}

// Local returns those of the addresses that lead an agent to its own machine.
func Local(urls []string) (all []string) {
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			all = append(all, text)
		}
	}
	return all
}

// LoadAuthority reads what is needed to make an authority, before anything else of the configuration can be valid: its folder,
// and that of the state. Without a file they are the defaults.
func LoadAuthority(path string) (dir, state string, err error) {
	var c Config
	if err := conf.Read(path, &c); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	state = cmp.Or(c.State, DefaultState)
	if dir = c.Enroll.withDefaults(state).CA; dir == off {
		dir = filepath.Join(state, "ca")
	}
	return dir, state, nil
}
