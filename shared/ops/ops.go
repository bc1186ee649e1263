// Package ops is how a daemon is watched: an HTTP listener on a loopback address or a unix socket, the metrics and
// health checks that it serves, and the word to systemd that the daemon is ready.
package ops

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config is one listener.
type Config struct {
	Listen  string       // host:port, or unix:PATH; without a host and without TLS, :port is the loopback's
	Handler http.Handler // what it serves
	TLS     *tls.Config  // nil for plain
	Mode    fs.FileMode  // of a unix socket; default 0660

	Sockets *Sockets // keeps the socket of host:port open beyond the listener; nil: it is closed with it

	MaxConns     int // connections at a time; 0: any number
	MaxPeerConns int // and of one address; 0: any number, and MaxConns does not count either
}

// Server is an open listener.
type Server struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
}

// New opens the listener. It serves nothing before Run. A socket file that nobody listens at is replaced.
func New(cfg Config, log *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, log: log}
	var err error
	if path, ok := strings.CutPrefix(cfg.Listen, "unix:"); ok {
		s.listener, err = listenUnix(path, cmp.Or(cfg.Mode, 0o660))
	} else {
		s.listener, err = cfg.Sockets.listen(cfg.address())
	}
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", cfg.Listen, err)
	}
	s.listener = limit(s.listener, cfg, log)
	if cfg.TLS != nil {
		s.listener = tls.NewListener(s.listener, cfg.TLS)
	}
	return s, nil
}

// address is where a Config says to listen. What speaks in the clear stays on this machine unless a host is named.
func (c Config) address() string {
	if c.TLS == nil {
		return loopback(c.Listen)
	}
	return c.Listen
}

func loopback(addr string) string {
	if strings.HasPrefix(addr, ":") {
		return "127.0.0.1" + addr
	}
	return addr
}

func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		return nil, errors.Join(errors.New("another process listens there"), c.Close())
	}
	if err := removeSocket(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// removeSocket removes what a process that ended without cleaning up left, and nothing else.
func removeSocket(path string) error {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case st.Mode().Type() != fs.ModeSocket:
		return errors.New("it exists and is not a socket")
	}
	return os.Remove(path)
}

// Close closes a server that does not run.
func (s *Server) Close() error { return s.listener.Close() }

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Bounds of one connection.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 3 * time.Second // for requests under way; a live tail would never end
	maxHeader     = 512 << 10
)

// Run serves until ctx is done; requests under way may then end, for a while.
func (s *Server) Run(ctx context.Context) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler: s.cfg.Handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return base }, ConnContext: withPeer,
		ErrorLog: log.New(&complaints{log: s.log, every: complainEvery}, "", 0),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(s.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve %s: %w", s.cfg.Listen, err)
	case <-ctx.Done():
	}
	stop, end := context.WithTimeout(base, stopTimeout)
	defer end()
	time.AfterFunc(stopTimeout/2, cancel) // ends what follows for ever
	err := srv.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = srv.Close()
	}
	<-done //nolint:errcheck // it only says that it was closed
	return err
}
