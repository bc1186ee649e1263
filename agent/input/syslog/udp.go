package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"belfry/shared/backoff"
)

// Bounds of what waits for the sink. The kernel's buffer takes a burst, the queue a sink that pauses for a moment.
const (
	maxDatagram   = 64 << 10
	kernelBuffer  = 8 << 20
	queueMessages = 8192
	queueBytes    = 8 << 20
	countEvery    = 10 * time.Second // look at the kernel's counter
)

func (in *Input) listenUDP(hostport string) error {
	addr, err := net.ResolveUDPAddr("udp", hostport)
	if err != nil {
		return err
	}
	in.udp, err = net.ListenUDP("udp", addr)
	if err != nil {
		return err
	}
	in.recvSize = growBuffer(in.udp, kernelBuffer)
	return nil
}

// queue holds datagrams between the one that reads them and the one that hands them on. It is bounded in bytes too.
type queue struct {
	messages chan Message
	bytes    atomic.Int64
}

// put takes a message, unless the queue is full.
func (q *queue) put(m Message) bool {
	if q.bytes.Load()+int64(len(m.Raw)) > queueBytes {
		return false
	}
	select {
	case q.messages <- m:
		q.bytes.Add(int64(len(m.Raw)))
		return true
	default:
		return false
	}
}

func (in *Input) runUDP(ctx, hand context.Context) error {
	in.log.Debug("receive buffer of the kernel", "bytes", in.recvSize)
	q := &queue{messages: make(chan Message, queueMessages)}
	p := &patience{conn: in.udp}
	defer context.AfterFunc(ctx, p.hurry)()
	var workers sync.WaitGroup
	workers.Go(func() { in.hand(hand, q) })
	watch, unwatch := context.WithCancel(ctx)
	workers.Go(func() { in.watchDrops(watch) })
	err := in.receive(ctx, p, q)
	close(q.messages)
	unwatch()
	workers.Wait()
	return errors.Join(err, in.udp.Close())
}

// receive reads datagrams until a stop has run out of patience.
func (in *Input) receive(ctx context.Context, p *patience, q *queue) error {
	buf := make([]byte, maxDatagram)
	pause := backoff.Backoff{Min: 10 * time.Millisecond, Max: time.Second}
	var failing, dropping complaint
	for {
		if err := p.extend(); err != nil {
			return nil
		}
		n, peer, err := in.udp.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("receive at %s: %w", in.cfg.Listen, err)
		default:
			failing.warn(in.log, "datagrams cannot be received", "err", err)
			pause.Wait(ctx)
			continue
		}
		pause.Reset()
		in.enqueue(q, buf[:n], peer, &dropping)
	}
}

func (in *Input) enqueue(q *queue, datagram []byte, peer netip.AddrPort, dropping *complaint) {
	raw := trim(datagram)
	if blank(raw) {
		in.count.empty.Inc()
		return
	}
	m := Message{
		Peer:     netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port()),
		Received: time.Now(), OriginalLength: len(raw),
	}
	if limit := int(in.cfg.MaxMessage); len(raw) > limit {
		raw = wholeRunes(raw[:limit])
	}
	m.Raw = append([]byte(nil), raw...) // the buffer is read into again
	if q.put(m) {
		return
	}
	in.count.drop(in.count.queueFull, m.OriginalLength)
	dropping.warn(in.log, "datagrams are dropped: the queue is full", "peer", m.Peer.String())
}

// hand gives what is queued to the sink until the queue is closed and empty.
func (in *Input) hand(hand context.Context, q *queue) {
	w, h := newWire(int(in.cfg.MaxMessage), in.count), in.putter(hand)
	var failing complaint
	for m := range q.messages {
		if err := in.one(w, h, m); err != nil {
			failing.warn(in.log, "datagrams are dropped: not taken", "err", err)
		}
		q.bytes.Add(-int64(len(m.Raw)))
	}
}

// one hands one datagram on. A bug of ours costs that datagram only.
func (in *Input) one(w *wire, h *handler, m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			in.count.drop(in.count.panicked, m.OriginalLength)
			in.bug.warn(in.log, "bug: datagram dropped", "peer", m.Peer.String(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return pass(w.parser(m), h, len(m.Raw))
}

// watchDrops counts what the kernel dropped because its buffer was full.
func (in *Input) watchDrops(ctx context.Context) {
	var seen uint32
	t := time.NewTicker(countEvery)
	defer t.Stop()
	for {
		seen = in.countDrops(seen)
		select {
		case <-ctx.Done():
			in.countDrops(seen)
			return
		case <-t.C:
		}
	}
}

func (in *Input) countDrops(seen uint32) uint32 {
	now, ok := kernelDrops(in.udp)
	if !ok || now == seen {
		return seen
	}
	if seen == 0 {
		in.log.Warn("the kernel drops datagrams: raise net.core.rmem_max", "receive_buffer_bytes", in.recvSize)
	}
	in.count.kernelDropped.Add(int(now - seen)) // the counter may wrap
	return now
}
