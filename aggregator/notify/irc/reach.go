package irc

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// Reach tries whether the server takes connections, over TLS if that is configured, until ctx is done. It says nothing
// there: of a wrong password the log tells.
func Reach(ctx context.Context, cfg Config) error {
	settings, err := cfg.tlsConfig()
	if err != nil {
		return err
	}
	var d interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = new(net.Dialer)
	if settings != nil {
		d = &tls.Dialer{Config: settings}
	}
	c, err := d.DialContext(ctx, "tcp", cfg.Server)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return c.Close()
}
