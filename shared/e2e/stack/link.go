package stack

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Link is a wire between a client and a server, which can be held: then what the held side says stays in the wire, as
// if it had been lost on the way, until the link is freed or a connection ends. So a test can let a batch arrive and
// its confirm not.
type Link struct {
	Addr   string // where the client connects to
	target string
	l      net.Listener

	mu          sync.Mutex
	held        [2]bool
	pace        [2]int // bytes a second; 0 is no bound
	closed      bool
	moved       *sync.Cond
	connections map[net.Conn]bool
	done        chan struct{}
}

// Side is who speaks on a link.
type Side int

// The two sides of a link.
const (
	Client Side = iota
	Server
)

// NewLink listens on a free loopback port for connections to target. Close ends it.
func NewLink(target string) (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("link to %s: %w", target, err)
	}
	k := &Link{Addr: l.Addr().String(), target: target, l: l, connections: map[net.Conn]bool{}, done: make(chan struct{})}
	k.moved = sync.NewCond(&k.mu)
	go k.accept()
	return k, nil
}

func (k *Link) accept() {
	defer close(k.done)
	var all sync.WaitGroup
	defer all.Wait()
	for {
		c, err := k.l.Accept()
		if err != nil {
			return
		}
		all.Go(func() { k.carry(c) })
	}
}

// carry moves the bytes of one connection until either side ends it; what is held then is lost.
func (k *Link) carry(client net.Conn) {
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", k.target)
	if err != nil {
		client.Close()
		return
	}
	ended := &wire{}
	k.mu.Lock()
	k.connections[client], k.connections[server] = true, true
	if k.closed {
		client.Close()
	}
	k.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { k.copy(ended, server, client, Client) })
	both.Go(func() { k.copy(ended, client, server, Server) })
	both.Wait()
	k.mu.Lock()
	delete(k.connections, client)
	delete(k.connections, server)
	k.mu.Unlock()
}

// wire is one connection through a link.
type wire struct{ ended bool }

func (k *Link) copy(w *wire, to, from net.Conn, side Side) {
	defer func() {
		k.mu.Lock()
		w.ended = true
		k.moved.Broadcast()
		k.mu.Unlock()
		to.Close()
		from.Close()
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && k.wait(w, side) {
			time.Sleep(k.toll(side, n))
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait blocks while a side is held, and reports whether the connection is still there.
func (k *Link) wait(w *wire, side Side) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.held[side] && !w.ended {
		k.moved.Wait()
	}
	return !w.ended
}

// Hold keeps what a side says from now on in the wire.
func (k *Link) Hold(side Side) { k.set(side, true) }

// Free lets a side be heard again.
func (k *Link) Free(side Side) { k.set(side, false) }

// Pace lets through so many bytes a second of what a side says, over each connection; 0 lets all through again.
func (k *Link) Pace(side Side, perSecond int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pace[side] = perSecond
}

// toll is how long so many bytes take.
func (k *Link) toll(side Side, n int) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pace[side] == 0 {
		return 0
	}
	return time.Duration(n) * time.Second / time.Duration(k.pace[side])
}

func (k *Link) set(side Side, held bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held[side] = held
	k.moved.Broadcast()
}

// Cut ends every connection; new ones are taken.
func (k *Link) Cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.connections {
		c.Close()
	}
}

// Close ends the link and waits until it is gone.
func (k *Link) Close() error {
	err := k.l.Close()
	k.mu.Lock()
	k.held, k.closed = [2]bool{}, true
	k.moved.Broadcast()
	k.mu.Unlock()
	k.Cut()
	<-k.done
	return err
}
