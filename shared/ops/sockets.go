package ops

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
)

// Sockets are TCP sockets that stay open while those who listen there are closed and opened again: who connects
// meanwhile waits. The zero value holds none; a nil one never does.
type Sockets struct {
	mu   sync.Mutex
	held map[string]*os.File // by the address
}

// listen returns the socket of an address, or opens it. A port of 0 is another one each time.
func (s *Sockets) listen(addr string) (net.Listener, error) {
	if s == nil || strings.HasSuffix(addr, ":0") {
		return net.Listen("tcp", addr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.held[addr]; f != nil {
		return net.FileListener(f)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	f, err := l.(*net.TCPListener).File() // what "tcp" gives
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if s.held == nil {
		s.held = make(map[string]*os.File)
	}
	s.held[addr] = f
	return l, nil
}

// Retain closes all sockets but those of some addresses, as Config.Listen has them: nobody will listen there any more.
func (s *Sockets) Retain(addrs ...string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for addr, f := range s.held {
		if !slices.Contains(addrs, addr) && !slices.ContainsFunc(addrs, func(a string) bool { return loopback(a) == addr }) {
			f.Close()
			delete(s.held, addr)
		}
	}
}
