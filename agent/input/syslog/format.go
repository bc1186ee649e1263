package syslog

import (
	"bufio"
	"net/netip"
	"time"

	gosyslog "gopkg.in/mcuadros/go-syslog.v2"
	"gopkg.in/mcuadros/go-syslog.v2/format"
)

var (
	_ format.Format    = (*wire)(nil)
	_ format.LogParser = (*wire)(nil)
	_ gosyslog.Handler = (*handler)(nil)
)

// wire is a format of go-syslog that leaves a message as it came: the aggregator parses. It belongs to one connection
// or socket, and is used again for each message: LogParts and what they hold are valid until the next one.
type wire struct {
	frames  framer
	message Message
	parts   format.LogParts
}

// part is the one key of our LogParts: a *Message.
const part = "message"

func newWire(maxMessage int, count *counters) *wire {
	w := &wire{frames: framer{max: maxMessage, empty: count.empty.Inc}}
	w.parts = format.LogParts{part: &w.message}
	return w
}

// GetSplitFunc frames a TCP connection.
func (w *wire) GetSplitFunc() bufio.SplitFunc { return w.frames.split }

// GetParser returns the parser of a message that the split function just returned.
func (w *wire) GetParser(raw []byte) format.LogParser {
	return w.parser(Message{Raw: raw, Peer: w.message.Peer, Received: time.Now(), OriginalLength: w.frames.original})
}

// parser returns the parser of a message of which all is known.
func (w *wire) parser(m Message) format.LogParser {
	w.message = m
	return w
}

// from says who sends on this connection.
func (w *wire) from(peer netip.AddrPort) { w.message.Peer = peer }

// Parse has nothing to do and cannot fail.
func (w *wire) Parse() error { return nil }

// Dump returns the message.
func (w *wire) Dump() format.LogParts { return w.parts }

// Location is not needed: no time is read.
func (w *wire) Location(*time.Location) {}

// handler is a handler of go-syslog. Its interface has no way to return an error: err keeps it.
type handler struct {
	put func(*Message) error
	err error // of the last message
}

// Handle hands one message on.
func (h *handler) Handle(parts format.LogParts, _ int64, _ error) {
	if m, ok := parts[part].(*Message); ok {
		h.err = h.put(m)
	}
}

// pass sends one message the way that go-syslog's server would.
func pass(p format.LogParser, h *handler, n int) error {
	err := p.Parse()
	h.Handle(p.Dump(), int64(n), err)
	return h.err
}
