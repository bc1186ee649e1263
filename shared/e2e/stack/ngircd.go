package stack

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	ngircdTries = 3 // another port each time
	ngircdGrace = 5 * time.Second
)

// Ngircd is an IRC server of one's own on a loopback port.
type Ngircd struct {
	Addr string // host:port, plain text
	d    *daemon
}

// StartNgircd runs ngircd in the foreground with its config and output in dir, and returns when it takes connections.
// ctx bounds the start only; Stop ends the server.
func StartNgircd(ctx context.Context, dir string) (*Ngircd, error) {
	var last error
	for range ngircdTries {
		addr, err := FreeAddr()
		if err != nil {
			return nil, err
		}
		n, err := startNgircd(ctx, dir, addr)
		if err == nil {
			return n, nil
		}
		last = err
	}
	return nil, last
}

func startNgircd(ctx context.Context, dir, addr string) (*Ngircd, error) {
	conf := filepath.Join(dir, "ngircd.conf")
	if err := os.WriteFile(conf, []byte(ngircdConf(addr)), 0o644); err != nil {
		return nil, fmt.Errorf("configure ngircd: %w", err)
	}
	d, err := startDaemon("ngircd", exec.Command(Find("ngircd"), "-n", "-f", conf), filepath.Join(dir, "ngircd.log"))
	if err != nil {
		return nil, err
	}
	if err := d.ready(ctx, func() error { return accepts("tcp", addr) }); err != nil {
		d.kill()
		return nil, err
	}
	return &Ngircd{Addr: addr, d: d}, nil
}

// ngircdConf has no DNS, ident or PAM in it: each would make a client wait for something outside of the test.
func ngircdConf(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	user := ""
	if os.Geteuid() == 0 {
		user = "ServerUID = 65534\nServerGID = 65534\n"
	}
	return fmt.Sprintf(`[Global]
Name = irc.belfry.test
Info = an IRC server for a test
Listen = %s
Ports = %s
MotdPhrase = on call here
%s[Limits]
MaxConnectionsIP = 0
MaxJoins = 10
MaxNickLength = 16
[Options]
DNS = no
Ident = no
PAM = no
`, host, port, user)
}

// Stop ends the server.
func (n *Ngircd) Stop() error { return n.d.stop(ngircdGrace) }
