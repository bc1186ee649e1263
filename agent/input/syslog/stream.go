package syslog

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"belfry/shared/backoff"
)

func (in *Input) listen(handed *Handed) error {
	if all := handed.take(in.at); len(all) > 0 {
		l, err := net.FileListener(all[0].file) // of a duplicate
		in.streams = l
		return err
	}
	if in.at.local() {
		if err := in.at.clear(); err != nil {
			return err
		}
	}
	l, err := net.Listen(in.at.network, in.at.addr)
	if err != nil {
		return err
	}
	in.streams = l
	if in.at.local() {
		if err := in.at.open(); err != nil {
			return err
		}
	}
	return handed.keep(in.at, l, nil)
}

func (in *Input) runStreams(ctx, hand context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = in.streams.Close() })() // ends Accept; it can only say that it is closed
	d := newDoor(in.cfg.MaxConnections, in.cfg.MaxPerAddress)
	defer context.AfterFunc(ctx, d.shut)()
	pause := backoff.Backoff{Min: 10 * time.Millisecond, Max: time.Second}
	var open sync.WaitGroup
	defer open.Wait()
	var failing complaint
	var refusing refusals
	for {
		conn, err := in.streams.Accept()
		if ctx.Err() != nil {
			if err == nil { // what it has sent by now is read
				open.Go(func() { in.connection(ctx, hand, d, conn, &refusing) })
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
		open.Go(func() { in.connection(ctx, hand, d, conn, &refusing) })
	}
}

// refusals are told apart, so that none hides another.
type refusals struct{ notAllowed, handshake, tooMany complaint }

// connection serves one connection from its first byte to its last. Whatever goes wrong ends this connection only.
func (in *Input) connection(ctx, hand context.Context, d *door, conn net.Conn, refusing *refusals) {
	defer func() { _ = conn.Close() }() // that of TLS says goodbye (RFC 5425, section 4.4)
	peer := addrPort(conn.RemoteAddr())
	defer func() {
		if p := recover(); p != nil {
			in.count.panicked.Inc()
			in.bug.warn(in.log, "bug: connection closed", "peer", peer.String(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if !in.allowed(peer.Addr()) {
		in.count.notAllowed.Inc()
		refusing.notAllowed.warn(in.log, "connection refused: the address is not allowed", "peer", peer.String())
		return
	}
	name := ""
	if in.tls != nil {
		secure, who, err := in.shake(ctx, d, conn, peer)
		if err != nil {
			in.count.handshakes.Inc()
			refusing.handshake.warn(in.log, "connection refused: no handshake", "peer", peer.String(), "err", err)
			return
		}
		conn, name = secure, who
	}
	switch d.enter(peer.Addr()) {
	case admitted:
		defer d.leave(peer.Addr())
		in.count.accepted.Inc()
		in.serve(ctx, hand, conn, Message{Peer: peer, Client: name, Transport: in.at.transport()})
		return
	case full:
		in.count.tooMany.Inc()
	case fullForAddress:
		in.count.tooManyOfOne.Inc()
	}
	refusing.tooMany.warn(in.log, "connection refused: too many are open", "peer", peer.String())
}

var errTooManyHandshakes = errors.New("too many wait for their handshake")

var errNotAClient = errors.New("its name is not among the clients")

// shake does the TLS handshake of a connection, and returns whom its certificate names.
func (in *Input) shake(ctx context.Context, d *door, conn net.Conn, peer netip.AddrPort) (*tls.Conn, string, error) {
	if err := in.await(ctx, d, conn); err != nil {
		return nil, "", err
	}
	if !d.knock(conn, peer.Addr()) {
		return nil, "", errTooManyHandshakes
	}
	defer d.shown(conn)
	secure := tls.Server(conn, in.tls)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(in.cfg.Handshake))
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, "", err
	}
	certs := secure.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		if len(in.cfg.Clients) > 0 {
			return nil, "", errNotAClient
		}
		return secure, "", nil
	}
	names := append([]string{certs[0].Subject.CommonName}, slices.DeleteFunc(slices.Clone(certs[0].DNSNames), func(name string) bool {
		return name == certs[0].Subject.CommonName
	})...)
	if len(in.cfg.Clients) > 0 && !slices.ContainsFunc(names, in.isClient) {
		return nil, "", fmt.Errorf("%q: %w", names, errNotAClient)
	}
	return secure, cmp.Or(names...), nil // some have none but those for hosts
}

// await waits for the first byte of a connection: one that says nothing takes no place among the handshakes.
func (in *Input) await(ctx context.Context, d *door, conn net.Conn) error {
	d.arrive(conn)
	defer d.speaks(conn)
	if err := conn.SetReadDeadline(time.Now().Add(time.Duration(in.cfg.Handshake))); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })() // fails if it is closed
	if err := newReadiness(conn).wait(); err != nil {
		return fmt.Errorf("nothing was said: %w", err)
	}
	return conn.SetReadDeadline(time.Time{})
}

func (in *Input) isClient(name string) bool {
	return slices.ContainsFunc(in.cfg.Clients, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// session makes messages of what comes on a connection.
type session interface {
	// take uses as much of data as it can, and returns how much; what is left comes again with more behind it. atEnd says that
	// no more comes.
	take(data []byte, atEnd bool) (used int, err error)
	// end says goodbye, when nothing is read any more.
	end()
}

// serve reads a connection that was let in to its end.
func (in *Input) serve(ctx, hand context.Context, conn net.Conn, from Message) {
	in.count.open.Inc()
	defer in.count.open.Dec()
	p := &patience{conn: conn, idle: time.Duration(in.cfg.Idle)}
	defer context.AfterFunc(ctx, p.hurry)()
	w := newWire(int(in.cfg.MaxMessage), in.count, from)
	var s session
	if in.at.relp {
		kept := in.sink.Session()
		s = &relpSession{
			wire: w, handler: in.putter(hand, kept.Put), conn: conn, max: int(in.cfg.MaxMessage),
			sync: func() error { return kept.Sync(hand) }, stop: ctx,
		}
	} else {
		s = &lines{wire: w, split: w.GetSplitFunc(), handler: in.putter(hand, in.sink.Put), over: hand}
		defer context.AfterFunc(ctx, func() { goodbye(conn) })()
		p.over = hand.Done()
	}
	err := in.pour(conn, p, s)
	s.end()
	if !in.at.relp && ctx.Err() != nil && unread(conn) {
		in.cut.Store(true) // it sends on and on
	}
	if !errors.Is(err, io.EOF) && ctx.Err() == nil {
		if errors.Is(err, errProtocol) {
			in.count.malformed.Inc()
		}
		in.log.Debug("connection ended", "peer", from.Peer.String(), "err", err)
	}
}

// goodbye tells a sender that we are about to stop, while what it has sent is still read: one that looks sends no more.
func goodbye(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // who is gone need not be told
	}
}

// pour reads a connection and has the session take it. It returns why it ended, io.EOF at its end.
func (in *Input) pour(conn net.Conn, p *patience, s session) error {
	ready := newReadiness(conn)
	var left, own []byte // what the session could not use yet: a part of a header; and the buffer of one that cannot be waited for
	if ready.always() {
		own = make([]byte, recordSize)
	}
	for large := false; ; {
		err := p.extend()
		if err == nil {
			err = ready.wait()
		}
		buf := own
		if own == nil {
			buf = in.buffers.get(large)
		}
		n := copy(buf, left)
		if n == len(buf) {
			return fmt.Errorf("%w: a header of %d bytes", errProtocol, n)
		}
		if err == nil {
			var more int
			more, err = conn.Read(buf[n:])
			n += more
		}
		large = n == len(buf)
		used, failed := s.take(buf[:n], err != nil)
		left = append(left[:0], buf[used:n]...)
		if own == nil {
			in.buffers.put(buf)
		}
		if failed != nil {
			return failed
		}
		if err != nil {
			return err
		}
	}
}

// lines are messages in frames of RFC 6587.
type lines struct {
	wire    *wire
	split   func(data []byte, atEOF bool) (int, []byte, error)
	handler *handler
	over    context.Context // when it is done, the sink takes nothing any more: what comes is counted
}

func (l *lines) take(data []byte, atEnd bool) (used int, err error) {
	l.wire.sender.Received = time.Now()
	for {
		n, message, err := l.split(data[used:], atEnd)
		used += n
		if message == nil || err != nil {
			return used, err
		}
		if err := pass(l.wire.GetParser(message), l.handler, len(message)); err != nil && l.over.Err() == nil {
			return used, fmt.Errorf("message not taken: %w", err)
		}
	}
}

func (l *lines) end() {}

// addrPort returns a TCP peer; IPv4 as such even on a socket for both.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
