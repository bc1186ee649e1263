package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Bounds of a connection.
const (
	dialTimeout  = 15 * time.Second // TCP, TLS and AMQP handshakes together
	writeTimeout = 30 * time.Second // one write; the library sets none
	closeTimeout = 2 * time.Second  // a polite end; on a blocked connection the library's own never comes
	heartbeat    = 15 * time.Second
)

// Conn is a connection to the broker.
type Conn struct {
	*amqp.Connection
	raw net.Conn
}

// Dial connects to the first of the brokers, in random order, that answers. Its error holds every attempt's; see
// ClassOf.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	var errs []error
	for _, i := range rand.Perm(len(cfg.URLs)) {
		c, err := dialOne(ctx, cfg, cfg.URLs[i])
		if err == nil {
			return c, nil
		}
		errs = append(errs, fmt.Errorf("connect to %s: %w", cfg.URLs[i], err))
	}
	return nil, errors.Join(errs...)
}

func dialOne(ctx context.Context, cfg Config, address string) (*Conn, error) {
	uri, err := amqp.ParseURI(address)
	if err != nil {
		return nil, err
	}
	settings, err := cfg.Client()
	if err != nil {
		return nil, err
	}
	settings.ServerName = uri.Host
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	tcp, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(uri.Host, fmt.Sprint(uri.Port)))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { tcp.Close() })
	defer stop()
	secure := tls.Client(&deadlined{tcp}, settings)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	conn, err := amqp.Open(secure, amqp.Config{
		SASL: cfg.sasl(), Vhost: uri.Vhost, Heartbeat: heartbeat, Locale: "en_US",
		Properties: amqp.Table{"product": cfg.AppID, "connection_name": cfg.AppID},
	})
	if err != nil {
		tcp.Close() // the error that counts is the one above
		return nil, err
	}
	return &Conn{conn, tcp}, nil
}

func (c Config) sasl() []amqp.Authentication {
	if c.User != "" {
		return []amqp.Authentication{&amqp.PlainAuth{Username: c.User, Password: c.Password.Reveal()}}
	}
	return []amqp.Authentication{&amqp.ExternalAuth{}}
}

// End closes the connection, politely if the broker lets it, and at once if not.
func (c *Conn) End() {
	if c.IsClosed() {
		return
	}
	t := time.AfterFunc(closeTimeout, func() { c.raw.Close() })
	defer t.Stop()
	_ = c.CloseDeadline(time.Now().Add(closeTimeout)) // it is closed one way or the other
	c.raw.Close()
}

// Cut ends the connection without a word.
func (c *Conn) Cut() { c.raw.Close() }

// deadlined bounds each write.
type deadlined struct{ net.Conn }

func (d *deadlined) Write(b []byte) (int, error) {
	if err := d.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return d.Conn.Write(b)
}
