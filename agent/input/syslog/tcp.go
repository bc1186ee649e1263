package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"belfry/shared/backoff"
)

// readSize is the buffer of one connection, and the most that a silent one holds.
const readSize = 8 << 10

func (in *Input) listenTCP(hostport string) error {
	l, err := net.Listen("tcp", hostport)
	if err != nil {
		return err
	}
	in.tcp = l.(*net.TCPListener) // what "tcp" gives
	return nil
}

func (in *Input) runTCP(ctx, hand context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = in.tcp.Close() })() // ends Accept; it can only say that it is closed
	d := &door{total: in.cfg.MaxConnections, perAddress: in.cfg.MaxPerAddress, held: map[netip.Prefix]int{}}
	pause := backoff.Backoff{Min: 10 * time.Millisecond, Max: time.Second}
	var open sync.WaitGroup
	defer open.Wait()
	var failing, refusing complaint
	for {
		conn, err := in.tcp.AcceptTCP()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close() // nothing was read from it
			}
			return nil
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accept at %s: %w", in.cfg.Listen, err)
			}
			failing.warn(in.log, "connections cannot be accepted", "err", err)
			pause.Wait(ctx)
			continue
		}
		pause.Reset()
		peer := addrPort(conn.RemoteAddr())
		if !in.admit(d, conn, peer, &refusing) {
			continue
		}
		open.Go(func() {
			defer d.leave(peer.Addr())
			in.serve(ctx, hand, conn, peer)
		})
	}
}

// admit lets a connection in, or closes it.
func (in *Input) admit(d *door, conn *net.TCPConn, peer netip.AddrPort, refusing *complaint) bool {
	switch d.enter(peer.Addr()) {
	case admitted:
		in.count.accepted.Inc()
		return true
	case full:
		in.count.tooMany.Inc()
	case fullForAddress:
		in.count.tooManyOfOne.Inc()
	}
	refusing.warn(in.log, "connection refused: too many are open", "peer", peer.String())
	_ = conn.Close() // nothing was read from it
	return false
}

// serve reads one connection to its end. Whatever goes wrong ends this connection only.
func (in *Input) serve(ctx, hand context.Context, conn *net.TCPConn, peer netip.AddrPort) {
	in.count.open.Inc()
	defer in.count.open.Dec()
	defer conn.Close() //nolint:errcheck // only read from
	defer func() {
		if p := recover(); p != nil {
			in.count.panicked.Inc()
			in.bug.warn(in.log, "bug: connection closed", "peer", peer.String(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	r := reader{conn, &patience{conn: conn, idle: time.Duration(in.cfg.Idle)}}
	defer context.AfterFunc(ctx, r.hurry)()
	w, h := newWire(int(in.cfg.MaxMessage), in.count), in.putter(hand)
	w.from(peer)
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, readSize), readSize)
	lines.Split(w.GetSplitFunc())
	for lines.Scan() {
		if err := pass(w.GetParser(lines.Bytes()), h, len(lines.Bytes())); err != nil {
			in.log.Debug("connection closed: message not taken", "peer", peer.String(), "err", err)
			return
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		in.log.Debug("connection ended", "peer", peer.String(), "err", err)
	}
}

// reader reads from a connection with patience.
type reader struct {
	conn *net.TCPConn
	*patience
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.extend(); err != nil {
		return 0, err
	}
	return r.conn.Read(b)
}

// addrPort returns a TCP peer; IPv4 as such even on a socket for both.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// door counts connections, in all and by sender.
type door struct {
	total, perAddress int // bounds

	mu   sync.Mutex
	open int
	held map[netip.Prefix]int // only senders with an open connection: no more entries than total
}

type verdict int

const (
	admitted verdict = iota
	full
	fullForAddress
)

func (d *door) enter(a netip.Addr) verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := sender(a)
	switch {
	case d.open >= d.total:
		return full
	case d.held[key] >= d.perAddress:
		return fullForAddress
	}
	d.open++
	d.held[key]++
	return admitted
}

func (d *door) leave(a netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := sender(a)
	d.open--
	if d.held[key]--; d.held[key] == 0 {
		delete(d.held, key)
	}
}

// sender is what counts as one address: whoever has one IPv6 address has the whole /64.
func sender(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits) // in range for either
	return p
}
