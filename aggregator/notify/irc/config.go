package irc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"belfry/shared/conf"
)

// Config says where the bot talks, and to whom.
type Config struct {
	Server  string `yaml:"server"`  // host:port
	TLS     bool   `yaml:"tls"`     // default: no encryption
	CA      string `yaml:"ca"`      // PEM file with who signs the server's certificate; default: the system's list
	Nick    string `yaml:"nick"`    // default belfry; if it is taken, with _ behind it
	Channel string `yaml:"channel"` // with its #
	Oncall  string `yaml:"oncall"`  // nick of who is pinged
	SASL    *SASL  `yaml:"sasl"`    // default: no login
}

// SASL is a login (PLAIN). It is only sent over TLS.
type SASL struct {
	User     string      `yaml:"user"`
	Password conf.Secret `yaml:"password"`
}

const (
	defaultNick = "belfry"
	maxName     = 50 // bytes of a nick or a channel's name; servers allow 9 to 30, or 50 for channels (RFC 2812, 1.3)
)

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	fault := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	if err := conf.CheckHostPort(c.Server); err != nil || strings.HasPrefix(c.Server, ":") {
		fault("server", "%q is not host:port", c.Server)
	}
	if c.Nick != "" && !isNick(c.Nick) {
		fault("nick", "%q cannot be a nick", c.Nick)
	}
	if !isNick(c.Oncall) {
		fault("oncall", "%q cannot be a nick", c.Oncall)
	}
	if !isChannel(c.Channel) {
		fault("channel", "%q is not a channel such as #ops", c.Channel)
	}
	if c.CA != "" && !c.TLS {
		fault("ca", "means nothing without tls: true")
	}
	if s := c.SASL; s != nil {
		if !c.TLS {
			fault("sasl", "would send the password in the clear without tls: true")
		}
		if s.User == "" || s.Password == "" {
			fault("sasl", "user and password must both be set")
		}
	}
	return errors.Join(errs...)
}

// isNick follows RFC 2812, section 2.3.1, but for the length, which differs.
func isNick(s string) bool {
	if s == "" || len(s) > maxName || strings.IndexByte("-0123456789", s[0]) >= 0 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("[]\\`_^{|}-", r)
	}) < 0
}

func isChannel(s string) bool {
	if len(s) < 2 || len(s) > maxName || strings.IndexByte("#&+!", s[0]) < 0 {
		return false
	}
	return s == clean(s) && !strings.ContainsAny(s, " ,:")
}

// tlsConfig reads the CA anew for each connection, so that it can be replaced while the bot runs.
func (c Config) tlsConfig() (*tls.Config, error) {
	if !c.TLS {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", c.Server, err)
	}
	t := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.CA == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("read ca: %w", err)
	}
	t.RootCAs = x509.NewCertPool()
	if !t.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read ca: no certificate in %s", c.CA)
	}
	return t, nil
}
