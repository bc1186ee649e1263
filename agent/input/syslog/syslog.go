// Package syslog takes syslog messages from the network: it is the relay's ear. Datagrams and TCP streams come in,
// each message goes to a Sink as it was sent, header and all; understanding it is the aggregator's work.
//
// It speaks through the interfaces of go-syslog (Format, LogParser, Handler), with listeners, framing and parser of
// its own behind them: those that the library ships with panic on one short packet, block on one silent client, and
// lose a quarter of a burst without a word.
//
// A sink that blocks stops the reading: TCP senders wait, and UDP fills the kernel's buffer, which drops.
package syslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	golang "gopkg.in/mcuadros/go-syslog.v2"
	"gopkg.in/mcuadros/go-syslog.v2/format"

	"belfry/shared/conf"
)

// Bounds that protect the relay.
const (
	defaultMaxMessage = 64 << 10         // bytes of a message that are kept
	maxConns          = 4096             // open TCP connections
	maxConnsPerPeer   = 256              // of one address
	idleTimeout       = 10 * time.Minute // of a TCP connection that says nothing
	udpBuffer         = 16 << 20         // asked of the kernel, for bursts
)

// Config is one entry of inputs.syslog. Zero fields take defaults.
type Config struct {
	Listen     string     `yaml:"listen"`      // udp://host:port or tcp://host:port
	MaxMessage conf.Bytes `yaml:"max_message"` // longer ones are cut, with their length kept; default 64KiB
}

// Validate reports every fault, each with its key.
func (c *Config) Validate() error {
	var errs []error
	network, addr, ok := strings.Cut(c.Listen, "://")
	if _, _, err := net.SplitHostPort(addr); !ok || err != nil || network != "udp" && network != "tcp" {
		errs = append(errs, fmt.Errorf("listen: %q is not udp://host:port or tcp://host:port", c.Listen))
	}
	if c.MaxMessage != 0 && (c.MaxMessage < 480 || c.MaxMessage > 1<<20) {
		errs = append(errs, fmt.Errorf("max_message: %d is not between 480 and 1MiB", c.MaxMessage))
	}
	return errors.Join(errs...)
}

// Message is one syslog message.
type Message struct {
	Raw            []byte // as it was sent, without framing, cut at the largest size; the caller's again after Put
	OriginalLength int    // bytes before the cut
	Peer           netip.AddrPort
	Received       time.Time
}

// Sink takes messages.
type Sink interface {
	// Put blocks for back pressure. An error ends the listener: it says that nothing more can be taken.
	Put(ctx context.Context, m Message) error
}

// Input is one open listener.
type Input struct {
	cfg    Config
	max    int
	sink   Sink
	log    *slog.Logger
	format format.Format

	packets net.PacketConn // one of the two is open
	streams net.Listener

	messages, empty, truncated, refused, faults *metrics.Counter
}

// New opens the listener. It takes nothing before Run.
func New(cfg Config, sink Sink, log *slog.Logger, set *metrics.Set) (*Input, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	counter := func(name string) *metrics.Counter {
		network, _, _ := strings.Cut(cfg.Listen, "://")
		return set.GetOrCreateCounter(fmt.Sprintf("belfry_agent_syslog_%s_total{network=%q}", name, network))
	}
	in := &Input{
		cfg: cfg, max: int(cfg.MaxMessage), sink: sink, log: log,
		messages: counter("messages"), empty: counter("empty"), truncated: counter("truncated"),
		refused: counter("refused"), faults: counter("faults"),
	}
	if in.max == 0 {
		in.max = defaultMaxMessage
	}
	in.format = rawFormat{max: in.max}
	return in, in.listen()
}

func (in *Input) listen() error {
	network, addr, _ := strings.Cut(in.cfg.Listen, "://")
	var err error
	if network == "tcp" {
		in.streams, err = net.Listen("tcp", addr)
	} else if in.packets, err = net.ListenPacket("udp", addr); err == nil {
		if udp, ok := in.packets.(*net.UDPConn); ok {
			_ = udp.SetReadBuffer(udpBuffer) // the kernel gives what it may
		}
	}
	if err != nil {
		return fmt.Errorf("listen at %s: %w", in.cfg.Listen, err)
	}
	return nil
}

// Addr is where the input listens.
func (in *Input) Addr() net.Addr {
	if in.streams != nil {
		return in.streams.Addr()
	}
	return in.packets.LocalAddr()
}

// Run takes messages until ctx is done, or the sink takes no more.
func (in *Input) Run(ctx context.Context) error {
	in.log.Info("listening for syslog", "listen", in.cfg.Listen, "address", in.Addr().String())
	if in.streams != nil {
		return in.serveTCP(ctx)
	}
	return in.serveUDP(ctx)
}

// handler gives one message to the sink by go-syslog's Handler.
type handler struct {
	ctx  context.Context
	in   *Input
	peer netip.AddrPort
	err  error // of the sink
}

var _ golang.Handler = (*handler)(nil)

// Handle implements the library's Handler.
func (h *handler) Handle(parts format.LogParts, length int64, _ error) {
	raw, _ := parts[partRaw].([]byte)
	if len(raw) == 0 {
		h.in.empty.Inc()
		return
	}
	if int(length) > len(raw) {
		h.in.truncated.Inc()
	}
	h.in.messages.Inc()
	h.err = h.in.sink.Put(h.ctx, Message{Raw: raw, OriginalLength: int(length), Peer: h.peer, Received: time.Now()})
}

// take lets the format's parser look at one frame, and hands it on.
func (in *Input) take(ctx context.Context, f frame, peer netip.AddrPort) error {
	p := in.format.GetParser(f.text)
	h := handler{ctx: ctx, in: in, peer: peer}
	h.Handle(p.Dump(), int64(max(f.length, 0)), p.Parse())
	return h.err
}
