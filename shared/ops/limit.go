package ops

import (
	"log/slog"
	"net"
	"sync"
	"time"
)

// limited is a listener that bounds the connections at a time: of all, and of one address. One that is too many is
// closed at once.
type limited struct {
	net.Listener
	log       *slog.Logger
	all, each int

	mu    sync.Mutex
	open  int
	peers map[string]int
	quiet time.Time // until then nobody is told
}

func limit(l net.Listener, cfg Config, log *slog.Logger) net.Listener {
	if cfg.MaxConns <= 0 || cfg.MaxPeerConns <= 0 {
		return l
	}
	return &limited{Listener: l, log: log, all: cfg.MaxConns, each: cfg.MaxPeerConns, peers: make(map[string]int)}
}

// Accept returns the next connection that is not too many.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, _, err := net.SplitHostPort(c.RemoteAddr().String())
		if err != nil {
			peer = c.RemoteAddr().String()
		}
		if l.enter(peer, time.Now()) {
			return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(peer) })}, nil
		}
		c.Close()
	}
}

func (l *limited) enter(peer string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open < l.all && l.peers[peer] < l.each {
		l.open++
		l.peers[peer]++
		return true
	}
	if now.After(l.quiet) {
		l.log.Warn("too many connections", "addr", l.Addr().String(), "peer", peer, "of_peer", l.peers[peer], "all", l.open)
		l.quiet = now.Add(complainEvery)
	}
	return false
}

func (l *limited) leave(peer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.peers[peer]--; l.peers[peer] == 0 {
		delete(l.peers, peer)
	}
}

type limitedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection, and makes room for another.
func (c *limitedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
