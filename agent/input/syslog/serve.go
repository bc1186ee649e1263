package syslog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxDatagram is the largest UDP payload (RFC 768).
const maxDatagram = 65_535

func (in *Input) serveUDP(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { in.packets.Close() })
	defer stop()
	defer in.packets.Close()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := in.packets.ReadFrom(buf)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // of one datagram, as an ICMP error that came back
			in.faults.Inc()
			continue
		}
		text := bytes.TrimRight(buf[:n], "\r\n\x00")
		if err := in.take(ctx, frame{text[:min(len(text), in.max)], len(text)}, addrPort(from)); err != nil {
			return stopped(ctx, err)
		}
	}
}

func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort()
	case *net.TCPAddr:
		return a.AddrPort()
	}
	return netip.AddrPort{}
}

// acceptPause is the rest after an accept that failed, as for want of file descriptors.
const acceptPause = 100 * time.Millisecond

func (in *Input) serveTCP(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { in.streams.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	limit := limiter{byPeer: make(map[netip.Addr]int)}
	for {
		c, err := in.streams.Accept()
		if ctx.Err() != nil {
			if cause := context.Cause(ctx); cause != context.Canceled {
				return cause
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			in.faults.Inc()
			time.Sleep(acceptPause)
			continue
		}
		peer := addrPort(c.RemoteAddr())
		if !limit.enter(peer.Addr()) {
			in.refused.Inc()
			c.Close()
			continue
		}
		conns.Go(func() {
			defer limit.leave(peer.Addr())
			if err := in.serveConn(ctx, c, peer); err != nil {
				cancel(err)
			}
		})
	}
}

// serveConn reads one connection to its end. It returns only the sink's error.
func (in *Input) serveConn(ctx context.Context, c net.Conn, peer netip.AddrPort) (err error) {
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	defer c.Close()
	r := stream{framer: framer{max: in.max}, buf: make([]byte, in.max+maxDigits+4096)}
	for {
		if err := c.SetReadDeadline(time.Now().Add(idleTimeout)); err != nil {
			return nil
		}
		n, readErr := c.Read(r.buf[r.used:])
		r.used += n
		if err := r.each(readErr != nil, func(f frame) error { return in.take(ctx, f, peer) }); err != nil {
			return stopped(ctx, err)
		}
		if readErr != nil {
			if !errors.Is(readErr, io.EOF) && ctx.Err() == nil {
				in.faults.Inc()
			}
			return nil
		}
	}
}

// stream is the unread end of a connection, with its framing.
type stream struct {
	framer framer
	buf    []byte
	used   int
}

// each hands every whole message of the buffer on.
func (s *stream) each(atEOF bool, hand func(frame) error) error {
	data := s.buf[:s.used]
	for {
		n, f, ok := s.framer.next(data, atEOF)
		if !ok && n == 0 {
			break
		}
		data = data[n:]
		if ok {
			if err := hand(f); err != nil {
				return err
			}
		}
	}
	s.used = copy(s.buf, data)
	return nil
}

// limiter bounds the open connections, in total and of one address.
type limiter struct {
	mu     sync.Mutex
	total  int
	byPeer map[netip.Addr]int
}

func (l *limiter) enter(peer netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxConns || l.byPeer[peer] >= maxConnsPerPeer {
		return false
	}
	l.total++
	l.byPeer[peer]++
	return true
}

func (l *limiter) leave(peer netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.byPeer[peer]--; l.byPeer[peer] == 0 {
		delete(l.byPeer, peer)
	}
}
