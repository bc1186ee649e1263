package syslog

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"runtime"
	"time"

	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/conf"
)

// Config is one listener. Zero fields but Listen take defaults.
type Config struct {
	// Listen is udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, relp://HOST:PORT, relp+tls://HOST:PORT,
	// unixgram:///PATH (as /dev/log) or unix:///PATH. No HOST is every address.
	Listen string `yaml:"listen"`

	certs.Files `yaml:",inline"` // of tls and relp+tls
	ClientAuth  string           `yaml:"client_auth"` // whether clients must show a certificate: require, optional or none; default require
	Clients     []string         `yaml:"clients"`     // names in the certificates that are let in, as web*; default all that the authorities know

	Allow          []string      `yaml:"allow"`           // networks and addresses that may send; default all
	Class          string        `yaml:"class"`           // of the index; default auth for the facilities auth and authpriv, default for all else
	MaxMessage     conf.Bytes    `yaml:"max_message"`     // longer ones are cut; default 64KiB
	MaxConnections int           `yaml:"max_connections"` // of all senders; default 1000
	MaxPerAddress  int           `yaml:"max_per_address"` // of one address (IPv6: of one /64); default 100
	Idle           conf.Duration `yaml:"idle"`            // a connection silent for so long is closed; default 1h
	Handshake      conf.Duration `yaml:"handshake"`       // longest TLS handshake; default 10s
	Sockets        int           `yaml:"sockets"`         // UDP: that share the port, each with its buffer; default as many as CPUs, at most 4
}

// Bounds of Config. The default for silence is long because a sender does not see that it was hung up on: its next
// message is lost. Dead peers are found by keep-alive, long before.
const (
	defaultMessage     = 64 << 10
	minMessage         = 480 // RFC 5424, section 6.1: what every receiver must take
	maxMessage         = 1 << 20
	defaultConnections = 1000
	maxConnections     = 100_000
	defaultPerAddress  = 100
	defaultIdle        = time.Hour
	defaultHandshake   = 10 * time.Second
	defaultSockets     = 4
	maxSockets         = 64
)

// Whether clients must show a certificate.
const (
	require  = "require"
	optional = "optional"
	none     = "none"
)

func (c Config) withDefaults() Config {
	c.ClientAuth = cmp.Or(c.ClientAuth, require)
	c.MaxMessage = cmp.Or(c.MaxMessage, defaultMessage)
	c.MaxConnections = cmp.Or(c.MaxConnections, defaultConnections)
	c.MaxPerAddress = cmp.Or(c.MaxPerAddress, min(defaultPerAddress, c.MaxConnections))
	c.Idle = cmp.Or(c.Idle, conf.Duration(defaultIdle))
	c.Handshake = cmp.Or(c.Handshake, conf.Duration(defaultHandshake))
	c.Sockets = cmp.Or(c.Sockets, min(defaultSockets, runtime.NumCPU()))
	return c
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	at, err := parseEndpoint(c.Listen)
	if err != nil {
		fault("listen: %w", err)
	}
	if err == nil {
		errs = append(errs, c.validateTLS(at)...)
		errs = append(errs, c.idleKeys(at)...)
	}
	if c.Allow != nil && len(c.Allow) == 0 {
		fault("allow: the list is empty: nobody could send; without the key everybody may")
	}
	if c.Clients != nil && len(c.Clients) == 0 {
		fault("clients: the list is empty: nobody could connect; without the key whoever the authorities know may")
	}
	if _, err := c.networks(); err != nil {
		errs = append(errs, err)
	}
	if c.Class != "" && !batch.ValidClass(c.Class) {
		fault("class: %q: use 1 to 32 of a-z, 0-9 and _", c.Class)
	}
	c = c.withDefaults()
	if c.MaxMessage < minMessage || c.MaxMessage > maxMessage {
		fault("max_message: %d is not between %d and %d", c.MaxMessage, minMessage, maxMessage)
	}
	if c.MaxConnections < 1 || c.MaxConnections > maxConnections {
		fault("max_connections: %d is not between 1 and %d", c.MaxConnections, maxConnections)
	}
	if c.MaxPerAddress < 1 || c.MaxPerAddress > c.MaxConnections {
		fault("max_per_address: %d is not between 1 and max_connections, %d", c.MaxPerAddress, c.MaxConnections)
	}
	if c.Idle < conf.Duration(time.Second) {
		fault("idle: %v is less than 1s", c.Idle)
	}
	if c.Handshake < conf.Duration(100*time.Millisecond) {
		fault("handshake: %v is less than 100ms", c.Handshake)
	}
	if c.Sockets < 1 || c.Sockets > maxSockets {
		fault("sockets: %d is not between 1 and %d", c.Sockets, maxSockets)
	}
	return errors.Join(errs...)
}

// idleKeys finds keys that do nothing here: who set one believes that it does.
func (c Config) idleKeys(at endpoint) (errs []error) {
	for _, k := range []struct {
		key       string
		set, does bool
		why       string
	}{
		{"allow", len(c.Allow) > 0, !at.local(), "who sends there has no address"},
		{"max_per_address", c.MaxPerAddress != 0, !at.local() && !at.datagrams(), "there are no connections from addresses"},
		{"max_connections", c.MaxConnections != 0, !at.datagrams(), "there are no connections"},
		{"idle", c.Idle != 0, !at.datagrams(), "there are no connections"},
		{"handshake", c.Handshake != 0, at.secure, "there is no TLS"},
		{"sockets", c.Sockets != 0, at.network == "udp", "only UDP has more than one"},
	} {
		if k.set && !k.does {
			errs = append(errs, fmt.Errorf("%s: does nothing with %s://: %s", k.key, at.scheme, k.why))
		}
	}
	return errs
}

// Connections is how many connections the listener may hold.
func (c Config) Connections() int {
	if at, err := parseEndpoint(c.Listen); err != nil || at.datagrams() {
		return 0
	}
	return c.withDefaults().MaxConnections
}

// Meets reports whether two listeners cannot both be opened: they are of one place.
func (c Config) Meets(o Config) bool {
	a, err := parseEndpoint(c.Listen)
	b, err2 := parseEndpoint(o.Listen)
	if err != nil || err2 != nil || a.network != b.network {
		return c.Listen == o.Listen
	}
	if a.local() {
		return a.addr == b.addr
	}
	host, port, _ := net.SplitHostPort(a.addr) // it was checked
	otherHost, otherPort, _ := net.SplitHostPort(b.addr)
	every := func(host string) bool { return host == "" || net.ParseIP(host).IsUnspecified() }
	return port == otherPort && port != "0" && (host == otherHost || every(host) || every(otherHost))
}

func (c Config) validateTLS(at endpoint) (errs []error) {
	if !at.secure {
		if c.Files != (certs.Files{}) || c.ClientAuth != "" || len(c.Clients) > 0 {
			errs = append(errs, fmt.Errorf("listen: %q knows no certificates: only tls:// and relp+tls:// do", c.Listen))
		}
		return errs
	}
	switch c.ClientAuth {
	case "", require, optional, none:
	default:
		errs = append(errs, fmt.Errorf("client_auth: %q is not require, optional or none", c.ClientAuth))
	}
	if err := c.files().Validate(); err != nil {
		errs = append(errs, conf.Split(err)...)
	}
	for i, p := range c.Clients {
		if _, err := path.Match(p, ""); err != nil {
			errs = append(errs, fmt.Errorf("clients[%d]: %q is not a pattern: %w", i, p, err))
		}
	}
	if len(c.Clients) > 0 && c.ClientAuth == none {
		errs = append(errs, errors.New("clients: client_auth is none: nobody shows a name"))
	}
	return errs
}

// Doubts says what is valid now but probably not what is meant, or not for long. Each begins with its key.
func (c Config) Doubts(now time.Time) (all []string) {
	at, err := parseEndpoint(c.Listen)
	if err != nil {
		return nil // Validate says so
	}
	if at.secure {
		for _, d := range c.files().Doubts(now, true) {
			all = append(all, d.Key+": "+d.Text)
		}
	}
	if at.network == "udp" {
		if n := mostBuffer(); n < kernelBuffer/4 {
			all = append(all, fmt.Sprintf("listen: net.core.rmem_max is %d: without CAP_NET_ADMIN a burst of more than that is "+
				"dropped by the kernel, and counted; %d is better, or a socket unit with ReceiveBuffer=", n, kernelBuffer))
		}
	}
	return all
}

// files are the certificates. Where no client shows one, no authority is needed.
func (c Config) files() certs.Files {
	f := c.Files
	if c.ClientAuth == none {
		f.CA = cmp.Or(f.CA, f.Cert)
	}
	return f
}

func (c Config) serverTLS() (*tls.Config, error) {
	auth := map[string]tls.ClientAuthType{
		require: tls.RequireAndVerifyClientCert, optional: tls.VerifyClientCertIfGiven, none: tls.NoClientCert,
	}[c.ClientAuth]
	return c.files().Listener(auth)
}

// networks reads the list of who may send.
func (c Config) networks() (all []netip.Prefix, err error) {
	var errs []error
	for i, text := range c.Allow {
		p, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); e == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("allow[%d]: %q is no address and no network as 10.0.0.0/8", i, text))
			continue
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 { // as IPv4 that came to a socket for both
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		all = append(all, p.Masked())
	}
	return all, errors.Join(errs...)
}
