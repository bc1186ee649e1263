package syslog

import (
	"bufio"
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
	sender  Message // what is the same for all messages of a connection, and the time of the last read
	message Message
	parts   format.LogParts
}

// part is the one key of our LogParts: a *Message.
const part = "message"

func newWire(maxMessage int, count *counters, sender Message) *wire {
	w := &wire{frames: framer{max: maxMessage, empty: count.empty.Inc}, sender: sender}
	w.parts = format.LogParts{part: &w.message}
	return w
}

// GetSplitFunc frames a connection.
func (w *wire) GetSplitFunc() bufio.SplitFunc { return w.frames.split }

// GetParser returns the parser of a message that the split function just returned.
func (w *wire) GetParser(raw []byte) format.LogParser { return w.parser(raw, w.frames.original) }

// parser returns the parser of a message that had original bytes.
func (w *wire) parser(raw []byte, original int) format.LogParser {
	w.message = w.sender
	w.message.Raw, w.message.OriginalLength = raw, original
	return w
}

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
