package syslog

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// endpoint is a listen URL, taken apart.
type endpoint struct {
	scheme  string // the label of its metrics
	network string // as package net knows it: udp, tcp, unix, unixgram
	addr    string // HOST:PORT, or a path
	secure  bool   // by TLS
	relp    bool
}

// schemes are what a listen URL may begin with.
var schemes = map[string]endpoint{
	"udp":      {network: "udp"},
	"tcp":      {network: "tcp"},
	"tls":      {network: "tcp", secure: true},
	"relp":     {network: "tcp", relp: true},
	"relp+tls": {network: "tcp", relp: true, secure: true},
	"unix":     {network: "unix"},
	"unixgram": {network: "unixgram"},
}

// parseEndpoint takes a listen URL apart.
func parseEndpoint(listen string) (endpoint, error) {
	scheme, addr, _ := strings.Cut(listen, "://")
	at, known := schemes[scheme]
	if !known {
		return at, fmt.Errorf("%q does not begin with udp://, tcp://, tls://, relp://, relp+tls://, unix:// or unixgram://", listen)
	}
	at.scheme, at.addr = scheme, addr
	if at.local() {
		if !filepath.IsAbs(addr) || len(addr) > maxSocketPath {
			return at, fmt.Errorf("%q is not %s:///PATH, of at most %d bytes", listen, scheme, maxSocketPath)
		}
		return at, nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return at, fmt.Errorf("%q is not %s://HOST:PORT", listen, scheme)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return at, fmt.Errorf("%q has no port between 0 and 65535", listen)
	}
	return at, nil
}

// maxSocketPath is what fits sockaddr_un (unix(7)) with the zero byte behind it.
const maxSocketPath = 107

// local reports whether only programs of this host can send.
func (e endpoint) local() bool { return e.network == "unix" || e.network == "unixgram" }

func (e endpoint) datagrams() bool { return e.network == "udp" || e.network == "unixgram" }

// transport is what an event says of the way that its message came.
func (e endpoint) transport() string { return strings.TrimSuffix(e.network, "gram") }

// socketMode lets every program write, as into /dev/log.
const socketMode = 0o666

// clear removes a unix socket that a process which is gone has left. Anything else at its path stays, and so the listening
// fails.
func (e endpoint) clear() error {
	st, err := os.Lstat(e.addr)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is not a socket", e.addr)
	}
	c, err := net.DialTimeout(e.network, e.addr, time.Second)
	if err == nil {
		err = c.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) { // that one says that nobody listens; a busy or another kind of socket says something else
		return errors.Join(fmt.Errorf("%s is used by another process", e.addr), err)
	}
	return os.Remove(e.addr)
}

// open makes a new unix socket usable for everybody.
func (e endpoint) open() error { return os.Chmod(e.addr, socketMode) }
