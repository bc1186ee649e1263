package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"belfry/shared/backoff"
)

// Bounds of what waits for the sink. The kernel's buffer takes a burst, the queue a sink that pauses for a moment; behind it the
// kernel's buffer fills, and the kernel counts what it drops.
const (
	maxDatagram  = 64 << 10
	kernelBuffer = 16 << 20
	atOnce       = 64               // datagrams that are read by one call
	queueBursts  = 256              // that a socket's reader is ahead of the sink
	queueBytes   = 8 << 20          // likewise
	countEvery   = 10 * time.Second // look at the kernel's counters
	keptBurst    = 64 << 10         // bytes of memory that a burst keeps for the next
	keptBursts   = 8                // that do
)

// socket is one of those that share an address.
type socket struct {
	conn     datagramConn
	recvSize int     // the kernel's buffer
	dropped  *uint32 // by the kernel, as far as it was counted
	queue    *queue
}

// datagramConn is what *net.UDPConn and *net.UnixConn have in common.
type datagramConn interface {
	net.PacketConn
	syscall.Conn
}

// burst is what one call read: messages without their line ends, one behind the other.
type burst struct {
	bytes    []byte
	messages []datagram
	received time.Time
}

// datagram is one message of a burst: its end there, and what is known of it.
type datagram struct {
	end, original int
	peer          netip.AddrPort
}

// queue holds bursts between the one that reads them and the one that hands them on.
type queue struct {
	full  chan *burst
	eased chan struct{} // it has become less

	mu    sync.Mutex
	free  []*burst // the last that was used is used next: so few of them hold memory
	out   int      // bursts that are not free
	bytes int      // that they hold
}

func newQueue() *queue {
	return &queue{full: make(chan *burst, queueBursts), eased: make(chan struct{}, 1)}
}

// get returns an empty burst. It waits while the queue is full, and returns nil when ctx is done.
func (q *queue) get(ctx context.Context) *burst {
	for {
		if b := q.take(); b != nil {
			return b
		}
		select {
		case <-q.eased:
		case <-ctx.Done():
			return nil
		}
	}
}

func (q *queue) take() *burst {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.out >= queueBursts || q.bytes > queueBytes {
		return nil
	}
	q.out++
	if n := len(q.free); n > 0 {
		b := q.free[n-1]
		q.free = q.free[:n-1]
		return b
	}
	return new(burst)
}

func (q *queue) put(b *burst) {
	q.mu.Lock()
	q.bytes += len(b.bytes)
	q.mu.Unlock()
	q.full <- b // there are no more bursts than it holds
}

// done takes a burst back. Memory that a large one has needed is given up.
func (q *queue) done(b *burst) {
	q.mu.Lock()
	q.bytes -= len(b.bytes)
	q.out--
	if b.bytes, b.messages = b.bytes[:0], b.messages[:0]; len(q.free) < keptBursts && cap(b.bytes) <= keptBurst {
		q.free = append(q.free, b)
	}
	q.mu.Unlock()
	select {
	case q.eased <- struct{}{}:
	default: // it was told already
	}
}

func (in *Input) runDatagrams(ctx, hand context.Context) error {
	var all sync.WaitGroup
	errs := make([]error, len(in.sockets))
	watch, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { in.watchDrops(watch) })
	for i, s := range in.sockets {
		all.Go(func() { in.hand(hand, s.queue) })
		all.Go(func() {
			p := &patience{conn: s.conn, over: hand.Done()}
			defer context.AfterFunc(ctx, func() { p.end(in.heirs.leaves()) })()
			errs[i] = in.receive(ctx, hand, s, p)
			close(s.queue.full)
		})
	}
	all.Wait()
	unwatch()
	watching.Wait() // it counts once more, behind the last datagram that was read
	return errors.Join(append(errs, in.Close())...)
}

// receive reads datagrams until a stop has run out of patience.
func (in *Input) receive(ctx, hand context.Context, s *socket, p *patience) error {
	r, err := newReceiver(s.conn, in.slotSize())
	if err != nil {
		return err
	}
	pause := backoff.Backoff{Min: 10 * time.Millisecond, Max: time.Second}
	var failing, refusing complaint
	for {
		b := s.queue.get(hand)
		late := b == nil // the sink takes nothing any more
		if late {
			b = new(burst)
		}
		if p.extend() != nil {
			return nil
		}
		err := r.read()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("receive at %s: %w", in.cfg.Listen, err)
		default:
			failing.warn(in.log, "datagrams cannot be received", "err", err)
			s.queue.done(b)
			pause.Wait(ctx)
			continue
		}
		pause.Reset()
		in.fill(b, r, &refusing)
		if !late {
			s.queue.put(b)
			continue
		}
		in.cut.Store(true)
		begin := 0
		for _, d := range b.messages {
			in.count.drop(in.count.refusedBySink, d.end-begin)
			begin = d.end
		}
	}
}

// slotSize is how much of a datagram is read. Those of UDP are no longer than 64 KiB; a unix socket has no such bound.
func (in *Input) slotSize() int {
	if in.at.local() {
		return int(in.cfg.MaxMessage) + utf8Slack
	}
	return maxDatagram
}

// utf8Slack lets line ends behind a message of the greatest length be seen as such.
const utf8Slack = 16

// fill copies what was read into a burst: the receiver's memory is read into again.
func (in *Input) fill(b *burst, r *receiver, refusing *complaint) {
	b.received = time.Now()
	limit := int(in.cfg.MaxMessage)
	for i := range r.n {
		data, length, peer := r.at(i)
		if !in.allowed(peer.Addr()) {
			in.count.notAllowed.Inc()
			refusing.warn(in.log, "datagrams refused: the address is not allowed", "peer", peer.String())
			continue
		}
		raw := data
		if length == len(data) {
			raw = trim(data)
			length = len(raw)
		}
		if blank(raw) {
			in.count.empty.Inc()
			continue
		}
		if len(raw) > limit {
			raw = wholeRunes(raw[:limit])
		}
		b.bytes = append(b.bytes, raw...)
		b.messages = append(b.messages, datagram{len(b.bytes), length, peer})
	}
}

// hand gives what is queued to the sink until the queue is closed and empty.
func (in *Input) hand(hand context.Context, q *queue) {
	w, h := newWire(int(in.cfg.MaxMessage), in.count, Message{Transport: in.at.transport()}), in.putter(hand, in.sink.Put)
	var failing complaint
	for b := range q.full {
		w.sender.Received = b.received
		begin := 0
		for _, d := range b.messages {
			w.sender.Peer = d.peer
			if err := in.one(w, h, b.bytes[begin:d.end], d.original); err != nil {
				failing.warn(in.log, "datagrams are dropped: not taken", "err", err)
			}
			begin = d.end
		}
		q.done(b)
	}
}

// one hands one datagram on. A bug of ours costs that datagram only.
func (in *Input) one(w *wire, h *handler, raw []byte, original int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			in.count.drop(in.count.panicked, original)
			in.bug.warn(in.log, "bug: datagram dropped", "peer", w.sender.Peer.String(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return pass(w.parser(raw, original), h, len(raw))
}
