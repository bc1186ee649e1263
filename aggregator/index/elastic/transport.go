package elastic

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// transport is how requests go: with what proves who asks.
type transport struct {
	http     *http.Transport
	user     string
	password string
	key      string
}

// productHeader is how Elasticsearch tells that it is one, in every answer. OpenSearch does not send it.
const productHeader = "X-Elastic-Product"

// Bounds of connections.
const (
	dialTimeout = 10 * time.Second
	idleTimeout = 90 * time.Second
)

func newTransport(cfg *Config) (*transport, error) {
	t := &transport{user: cfg.Username}
	var err error
	if t.password, err = secretOf(cfg.Password, cfg.PasswordFile); err != nil {
		return nil, err
	}
	if t.key, err = secretOf(cfg.APIKey, cfg.APIKeyFile); err != nil {
		return nil, err
	}
	dial := &net.Dialer{Timeout: dialTimeout}
	t.http = &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dial.DialContext,
		MaxIdleConnsPerHost: 2 * maxWorkers, IdleConnTimeout: idleTimeout, TLSHandshakeTimeout: dialTimeout,
		WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
		DisableCompression: !cfg.Compression,
		TLSClientConfig:    &tls.Config{MinVersion: tls.VersionTLS12},
		DialTLSContext:     dialTLS(dial, cfg.CA, cfg.Cert, cfg.Key),
	}
	return t, nil
}

// dialTLS reads the files for each connection, so that renewed ones are used.
func dialTLS(dial *net.Dialer, ca, cert, key string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		settings := &tls.Config{MinVersion: tls.VersionTLS12}
		var err error
		if settings.RootCAs, err = authorities(ca); err != nil {
			return nil, err
		}
		if cert != "" {
			pair, err := tls.LoadX509KeyPair(cert, key)
			if err != nil {
				return nil, err
			}
			settings.Certificates = []tls.Certificate{pair}
		}
		d := tls.Dialer{NetDialer: dial, Config: settings}
		return d.DialContext(ctx, network, addr)
	}
}

// RoundTrip is http.RoundTripper's.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	switch { // the request is the client's own, who expects its transport to add to it
	case t.key != "":
		r.Header.Set("Authorization", "ApiKey "+t.key)
	case t.user != "":
		r.SetBasicAuth(t.user, t.password)
	}
	return t.http.RoundTrip(r)
}
