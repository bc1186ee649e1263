package syslog

import (
	"bufio"
	"bytes"
	"time"

	"gopkg.in/mcuadros/go-syslog.v2/format"
)

// partRaw is the one part that rawFormat's parser finds: the message as it was sent.
const partRaw = "raw"

// rawFormat is a go-syslog Format that leaves the message alone: the aggregator parses it, with its host's time zone
// and its joins.
type rawFormat struct{ max int }

var _ format.Format = rawFormat{}

// GetParser implements format.Format. The parser keeps line until it is dropped.
func (f rawFormat) GetParser(line []byte) format.LogParser { return rawParser{line} }

// GetSplitFunc implements format.Format: one call a connection, so that the framing is that connection's own.
func (f rawFormat) GetSplitFunc() bufio.SplitFunc {
	fr := framer{max: f.max}
	return func(data []byte, atEOF bool) (int, []byte, error) {
		n, got, ok := fr.next(data, atEOF)
		if !ok {
			return n, nil, nil
		}
		return n, got.text, nil
	}
}

type rawParser struct{ line []byte }

// Parse implements format.LogParser. Nothing can fail.
func (p rawParser) Parse() error { return nil }

// Dump implements format.LogParser.
func (p rawParser) Dump() format.LogParts { return format.LogParts{partRaw: p.line} }

// Location implements format.LogParser.
func (p rawParser) Location(*time.Location) {}

// frame is one message of a stream.
type frame struct {
	text   []byte // at most the framer's max bytes
	length int    // before the cut
}

// maxDigits bounds the length that an octet-counted frame may name: "4294967" has seven.
const maxDigits = 7

// framer finds the messages of one TCP stream (RFC 6587). A frame that begins with a digit 1 to 9, more digits and one
// blank is octet-counted, unless the count cannot be; any other ends with LF or NUL. The kind is told for each frame,
// so that a sender that mixes them, or one bad frame, spoils nothing else. Memory is bounded: of a longer frame the
// first max bytes are kept, and the rest is passed over.
type framer struct {
	max  int
	kept []byte // the first bytes of a frame that is longer than max
	skip int    // bytes of a counted frame still to be passed over
	long int    // length of the frame in kept so far
	line bool   // the long frame ends with a line end
}

// next takes what it can from data: n bytes are used up. ok is true when they end a message.
func (f *framer) next(data []byte, atEOF bool) (n int, got frame, ok bool) {
	switch {
	case f.skip > 0:
		return f.skipCounted(data)
	case f.line:
		return f.skipLine(data, atEOF)
	case len(data) == 0:
		return 0, frame{}, false
	}
	if head, length, state := counted(data); state == complete {
		return f.takeCounted(data, head, length, atEOF)
	} else if state == partial && !atEOF {
		return 0, frame{}, false
	}
	return f.takeLine(data, atEOF)
}

type headState uint8

const (
	absent   headState = iota // not octet-counted
	partial                   // may become so with more bytes
	complete                  // it is
)

// counted looks for "LENGTH SP" at the start of a frame.
func counted(data []byte) (head, length int, state headState) {
	for i, c := range data {
		switch {
		case c == ' ' && i > 0:
			return i + 1, length, complete
		case c < '0' || c > '9' || i == 0 && c == '0' || i == maxDigits:
			return 0, 0, absent
		}
		length = length*10 + int(c-'0')
	}
	return 0, 0, partial
}

func (f *framer) takeCounted(data []byte, head, length int, atEOF bool) (int, frame, bool) {
	// A message begins with '<'. A number and a blank before anything else is a line that begins with a number.
	if len(data) > head && data[head] != '<' {
		return f.takeLine(data, atEOF)
	}
	if len(data) <= head && !atEOF {
		return 0, frame{}, false
	}
	body := data[head:]
	if len(body) >= length {
		text := body[:length]
		return head + length, frame{text[:min(length, f.max)], length}, true
	}
	if len(body) >= f.max || atEOF { // keep the first bytes, count the rest
		f.kept = append(f.kept[:0], body[:min(len(body), f.max)]...)
		if atEOF {
			return len(data), frame{f.kept, len(body)}, true
		}
		f.skip, f.long = length-len(body), length
		return len(data), frame{}, false
	}
	return 0, frame{}, false
}

func (f *framer) skipCounted(data []byte) (int, frame, bool) {
	n := min(f.skip, len(data))
	f.skip -= n
	if f.skip > 0 {
		return n, frame{}, false
	}
	return n, frame{f.kept, f.long}, true
}

func (f *framer) takeLine(data []byte, atEOF bool) (int, frame, bool) {
	i := bytes.IndexAny(data, "\n\x00")
	switch {
	case i >= 0:
		text := trimCR(data[:i])
		return i + 1, frame{text[:min(len(text), f.max)], len(text)}, true
	case atEOF:
		return len(data), frame{data[:min(len(data), f.max)], len(data)}, true
	case len(data) >= f.max:
		f.kept, f.long, f.line = append(f.kept[:0], data[:f.max]...), len(data), true
		return len(data), frame{}, false
	}
	return 0, frame{}, false
}

func (f *framer) skipLine(data []byte, atEOF bool) (int, frame, bool) {
	i := bytes.IndexAny(data, "\n\x00")
	if i < 0 && !atEOF {
		f.long += len(data)
		return len(data), frame{}, false
	}
	n := i + 1
	if i < 0 {
		i, n = len(data), len(data)
	}
	f.line = false
	return n, frame{f.kept, f.long + i}, true
}

func trimCR(b []byte) []byte { return bytes.TrimSuffix(b, []byte{'\r'}) }
