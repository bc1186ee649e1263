// Package syslog takes syslog messages from other hosts and hands them on as they came: over UDP (RFC 5426), TCP (RFC 6587),
// TLS (RFC 5425) and RELP, and from this host's programs over unix sockets. It is the central relay's ear.
//
// It guarantees that what a sender does costs nobody else anything: messages, connections, handshakes and queues are bounded,
// a connection that is silent is closed, and a fault in one stays there. A message is handed on raw, with its <PRI>; what was
// cut off a long one is declared by its original length. What had to be dropped is counted, in the kernel too.
//
// On the wire a datagram is one message. On a stream (TCP, TLS, unix) the framing is looked for anew at each message:
// "LENGTH <PRI>..." is counted, anything else ends at LF or NUL. Line ends and NULs at the end of a message are not part of
// it. Of these, none is acknowledged: what a sender has written when its connection breaks, or while the relay is down, may be
// lost without a trace; what came in before an ordered stop is handed on, or counted where the sink is full. RELP is acknowledged: a message is answered when the
// sink says that it is on the disk, and a sender that got no answer sends again.
//
// Sockets may be inherited from systemd (sd_listen_fds(3)), or from a listener before; see Handed.
//
// The listeners and the framing are our own. The server of go-syslog.v2 panics on several short packets and has no
// limits, so only its interfaces (Format, LogParser, Handler) are used, and none of its parsers.
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Message is what one sender wrote.
type Message struct {
	Raw            []byte // with <PRI>, without framing; never empty; the callee's until it returns
	Priority       int    // facility * 8 + severity (RFC 5424, section 6.2.1); NoPriority if Raw has none
	Peer           netip.AddrPort
	Client         string // the common name that the sender's certificate proves; "" without
	Transport      string // udp, tcp or unix
	Received       time.Time
	OriginalLength int // bytes that were sent: more than len(Raw) if the message was cut
}

// NoPriority is the Priority of a message without one.
const NoPriority = -1

// Sink takes messages. Connections call it side by side.
type Sink interface {
	// Put may block, which holds up the senders over TCP and fills the queue of UDP. It must return when ctx is done; a
	// message for which it returned an error counts as dropped.
	Put(ctx context.Context, m Message) error
	// Session begins the account of one connection whose messages are acknowledged.
	Session() Session
}

// Session is a Sink of one connection. One goroutine calls it.
type Session interface {
	Put(ctx context.Context, m Message) error
	// Sync returns when all that was put since the last call is on the disk, or an error if any of it is not.
	Sync(ctx context.Context) error
}

// Input is one open listener.
type Input struct {
	cfg      Config
	at       endpoint
	sink     Sink
	log      *slog.Logger
	count    *counters
	allow    []netip.Prefix
	streams  net.Listener // of connections; nil for datagrams
	sockets  []*socket    // of datagrams
	heirs    *Handed      // keeps the sockets open; nil: they are closed with the input
	tls      *tls.Config  // nil: in the clear
	buffers  buffers
	bug      complaint
	counting sync.Mutex  // of what the kernel dropped
	cut      atomic.Bool // a stop has left messages that were taken by nobody
}

// New opens the listener, or takes its sockets from handed, if that has them. Nothing is read from it before Run.
func New(cfg Config, handed *Handed, sink Sink, log *slog.Logger, set *metrics.Set) (*Input, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("syslog input: %w", err)
	}
	at, err := parseEndpoint(cfg.Listen)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	in := &Input{cfg: cfg, at: at, sink: sink, log: log.With("listen", cfg.Listen), count: newCounters(set, at.scheme)}
	if handed.keeps(at) {
		in.heirs = handed
	}
	if in.allow, err = cfg.networks(); err != nil {
		return nil, err
	}
	if at.secure {
		if in.tls, err = cfg.serverTLS(); err != nil {
			return nil, fmt.Errorf("syslog input %s: %w", cfg.Listen, err)
		}
	}
	if at.datagrams() {
		err = in.bind(handed)
	} else {
		err = in.listen(handed)
	}
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", cfg.Listen, errors.Join(err, in.Close()))
	}
	return in, nil
}

// Addr is where the input listens: it tells the port that port 0 became.
func (in *Input) Addr() net.Addr {
	if in.at.datagrams() {
		return in.sockets[0].conn.LocalAddr()
	}
	return in.streams.Addr()
}

// String says where the input listens, as it was configured, and what became of it.
func (in *Input) String() string {
	if addr := in.Addr().String(); !strings.HasSuffix(in.cfg.Listen, addr) {
		return in.cfg.Listen + " (" + addr + ")"
	}
	return in.cfg.Listen
}

// Close closes the listener of an input that is not run. Run closes it by itself.
func (in *Input) Close() error {
	var errs []error
	if in.streams != nil {
		errs = append(errs, in.streams.Close())
	}
	for _, s := range in.sockets {
		errs = append(errs, s.conn.Close())
	}
	return errors.Join(errs...)
}

// drain is how long the sink may take, at a stop, over what was read.
const drain = 3 * time.Second

// Run takes messages until ctx is done, hands on what it has read by then, and closes the listener.
func (in *Input) Run(ctx context.Context) error {
	in.log.Info("syslog input listens", "addr", in.Addr().String())
	hand, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drain, abort) })()
	if in.at.datagrams() {
		return in.runDatagrams(ctx, hand)
	}
	return in.runStreams(ctx, hand)
}

// CutOff reports whether the stop had to leave messages that senders had sent: because the sink was full, or because they sent
// on. Those of them that were seen are counted as dropped.
func (in *Input) CutOff() bool { return in.cut.Load() }

// putter returns a handler for go-syslog's interface that puts messages into a sink. It belongs to one goroutine.
func (in *Input) putter(hand context.Context, put func(context.Context, Message) error) *handler {
	return &handler{put: func(m *Message) error {
		if m.OriginalLength > len(m.Raw) {
			in.count.truncated.Inc()
		}
		m.Priority = PriorityOf(m.Raw)
		if err := put(hand, *m); err != nil {
			in.count.drop(in.count.refusedBySink, m.OriginalLength)
			if hand.Err() != nil {
				in.cut.Store(true)
			}
			return err
		}
		in.count.messages.Inc()
		in.count.bytes.Add(m.OriginalLength)
		return nil
	}}
}

// allowed reports whether an address may send. Who has no address is on this host.
func (in *Input) allowed(a netip.Addr) bool {
	if len(in.allow) == 0 || !a.IsValid() {
		return true
	}
	for _, p := range in.allow {
		if p.Contains(a.WithZone("")) {
			return true
		}
	}
	return false
}
