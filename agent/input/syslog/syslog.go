// Package syslog takes syslog messages from other hosts over UDP and TCP and hands them on as they came.
//
// It guarantees that what a sender does costs nobody else anything: messages, connections and queues are bounded, a
// connection that is silent is closed, and a fault in one stays there. A message is handed on raw, with its <PRI>;
// what was cut off a long one is declared by its original length. What had to be dropped is counted.
//
// On the wire a UDP datagram is one message (RFC 5426). On TCP (RFC 6587) the framing is looked for anew at each
// message: "LENGTH <PRI>..." is counted, anything else ends at LF or NUL. Line ends and NULs at the end of a message are
// not part of it. Syslog has no acknowledgement: what a sender has written when its connection breaks, or while
// the relay is down, may be lost without a trace; what came in before an ordered stop is handed on.
//
// The listeners and the framing are our own. The server of go-syslog.v2 panics on several short packets and has no
// limits, so only its interfaces (Format, LogParser, Handler) are used, and none of its parsers.
package syslog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/conf"
)

// Config is one listener. Zero fields but Listen take defaults.
type Config struct {
	Listen         string        `yaml:"listen"`          // udp://HOST:PORT or tcp://HOST:PORT; no HOST is every address
	MaxMessage     conf.Bytes    `yaml:"max_message"`     // longer ones are cut; default 64KiB
	MaxConnections int           `yaml:"max_connections"` // TCP, of all senders; default 1000
	MaxPerAddress  int           `yaml:"max_per_address"` // TCP, of one address (IPv6: of one /64); default 100
	Idle           conf.Duration `yaml:"idle"`            // TCP: a connection silent for so long is closed; default 1h
}

// Bounds of Config. The default for silence is long because a sender does not see that it was hung up on: its next
// message is lost. Dead peers are found by keep-alive, long before.
const (
	defaultMessage     = 64 << 10
	minMessage         = 480 // RFC 5424, section 6.1: what every receiver must take
	maxMessage         = 1 << 20
	defaultConnections = 1000
	maxConnections     = 100_000
	defaultPerAddress  = 100
	defaultIdle        = time.Hour
)

func (c Config) withDefaults() Config {
	c.MaxMessage = cmp.Or(c.MaxMessage, defaultMessage)
	c.MaxConnections = cmp.Or(c.MaxConnections, defaultConnections)
	c.MaxPerAddress = cmp.Or(c.MaxPerAddress, min(defaultPerAddress, c.MaxConnections))
	c.Idle = cmp.Or(c.Idle, conf.Duration(defaultIdle))
	return c
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	if _, _, err := address(c.Listen); err != nil {
		errs = append(errs, fmt.Errorf("listen: %w", err))
	}
	c = c.withDefaults()
	if c.MaxMessage < minMessage || c.MaxMessage > maxMessage {
		errs = append(errs, fmt.Errorf("max_message: %d is not between %d and %d", c.MaxMessage, minMessage, maxMessage))
	}
	if c.MaxConnections < 1 || c.MaxConnections > maxConnections {
		errs = append(errs, fmt.Errorf("max_connections: %d is not between 1 and %d", c.MaxConnections, maxConnections))
	}
	if c.MaxPerAddress < 1 || c.MaxPerAddress > c.MaxConnections {
		errs = append(errs, fmt.Errorf("max_per_address: %d is not between 1 and max_connections, %d",
			c.MaxPerAddress, c.MaxConnections))
	}
	if c.Idle < conf.Duration(time.Second) {
		errs = append(errs, fmt.Errorf("idle: %v is less than 1s", c.Idle))
	}
	return errors.Join(errs...)
}

// address takes a listen URL apart.
func address(listen string) (network, hostport string, err error) {
	network, hostport, _ = strings.Cut(listen, "://")
	if network != "udp" && network != "tcp" {
		return "", "", fmt.Errorf("%q does not begin with udp:// or tcp://", listen)
	}
	_, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return "", "", fmt.Errorf("%q is not %s://HOST:PORT", listen, network)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", fmt.Errorf("%q has no port between 0 and 65535", listen)
	}
	return network, hostport, nil
}

// Message is what one sender wrote.
type Message struct {
	Raw            []byte // with <PRI>, without framing; never empty; the callee's until it returns
	Peer           netip.AddrPort
	Received       time.Time
	OriginalLength int // bytes that were sent: more than len(Raw) if the message was cut
}

// Sink takes messages. Put may block, which holds up the senders over TCP and fills the queue of UDP. It must return
// when ctx is done; a message for which it returned an error counts as dropped. TCP connections call it side by side.
type Sink interface {
	Put(ctx context.Context, m Message) error
}

// Input is one open listener.
type Input struct {
	cfg      Config
	sink     Sink
	log      *slog.Logger
	count    *counters
	tcp      *net.TCPListener // one of the two is nil
	udp      *net.UDPConn
	recvSize int // the kernel's buffer of udp
	bug      complaint
}

// New opens the listener. Nothing is read from it before Run.
func New(cfg Config, sink Sink, log *slog.Logger, set *metrics.Set) (*Input, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("syslog input: %w", err)
	}
	network, hostport, err := address(cfg.Listen)
	if err != nil {
		return nil, err
	}
	in := &Input{cfg: cfg.withDefaults(), sink: sink, log: log.With("listen", cfg.Listen), count: newCounters(set, network)}
	if network == "udp" {
		err = in.listenUDP(hostport)
	} else {
		err = in.listenTCP(hostport)
	}
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", cfg.Listen, err)
	}
	return in, nil
}

// Addr is where the input listens: it tells the port that port 0 became.
func (in *Input) Addr() net.Addr {
	if in.udp != nil {
		return in.udp.LocalAddr()
	}
	return in.tcp.Addr()
}

// Close closes the listener of an input that is not run. Run closes it by itself.
func (in *Input) Close() error {
	if in.udp != nil {
		return in.udp.Close()
	}
	return in.tcp.Close()
}

// drain is how long the sink may take, at a stop, over what was read.
const drain = 3 * time.Second

// Run takes messages until ctx is done, hands on what it has read by then, and closes the listener.
func (in *Input) Run(ctx context.Context) error {
	in.log.Info("syslog input listens", "addr", in.Addr().String())
	hand, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drain, abort) })()
	if in.udp != nil {
		return in.runUDP(ctx, hand)
	}
	return in.runTCP(ctx, hand)
}

// putter returns a handler for go-syslog's interface that puts messages into the sink. It belongs to one goroutine.
func (in *Input) putter(hand context.Context) *handler {
	return &handler{put: func(m *Message) error {
		if m.OriginalLength > len(m.Raw) {
			in.count.truncated.Inc()
		}
		if err := in.sink.Put(hand, *m); err != nil {
			in.count.drop(in.count.refusedBySink, m.OriginalLength)
			return err
		}
		in.count.messages.Inc()
		in.count.bytes.Add(m.OriginalLength)
		return nil
	}}
}
