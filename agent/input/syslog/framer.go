package syslog

import (
	"bytes"
	"unicode/utf8"
)

// framer cuts what a TCP connection sends into messages (RFC 6587).
//
// At each boundary it looks for octet counting (section 3.4.1) by "LENGTH <PRI>"; all else ends at LF or NUL (3.4.2).
// A number alone is not enough: lines that begin with one exist, and a wrong count would swallow what follows. After
// a wrong count the stream is in step again at the next LF or NUL, and nothing of it is left out.
//
// A message of any length needs no more memory than max: what is beyond is counted, not kept.
type framer struct {
	max   int    // longest message that is kept whole
	empty func() // is told of each empty message

	inside bool // between a boundary and the end of a message
	left   int  // bytes of a counted message that are to come; lineEnd for one that ends at LF or NUL
	after  bool // right behind a counted message: one LF there is no empty message, some senders put it
	head   []byte
	length int // of the message so far

	original int // length of the message that split returned last
}

const lineEnd = -1

// maxCount is the longest message that may be counted. A longer count is taken for text, lest one frame of ten bytes
// swallows megabytes of other messages on the connection of a relay.
const maxCount = maxMessage

// split is a bufio.SplitFunc. A token is valid until the next call. Unless it waits for a few bytes of a count it
// takes all that it is given, so that the buffer need not hold a message.
func (f *framer) split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if !f.inside {
		f.head, f.length = recycle(f.head), 0
	}
	at := 0
	for {
		if !f.inside {
			at += f.skip(data[at:])
			header, ok := f.begin(data[at:], atEOF)
			if !ok {
				return at, nil, nil
			}
			at += header
		}
		n, body, done := f.take(data[at:], atEOF)
		at += n
		if token = f.collect(body, done); token != nil {
			return at, token, nil
		}
		if f.inside {
			return at, nil, nil
		}
	}
}

// skip passes over empty messages.
func (f *framer) skip(data []byte) int {
	for i, c := range data {
		switch {
		case c != '\n' && c != 0:
			return i
		case f.after && c == '\n':
			f.after = false
		default:
			f.empty()
		}
	}
	return len(data)
}

// begin finds out how the next message is framed. It returns false if it must see more.
func (f *framer) begin(data []byte, atEOF bool) (header int, ok bool) {
	if len(data) == 0 {
		return 0, false
	}
	count, header, known := octets(data)
	if !known && !atEOF {
		return 0, false
	}
	f.inside, f.left, f.after = true, lineEnd, false
	if known && header > 0 {
		f.left = count
		return header, true
	}
	return 0, true
}

// take returns the part of the message that is in data, how far it reaches with its end, and whether the message ends.
func (f *framer) take(data []byte, atEOF bool) (n int, body []byte, done bool) {
	if f.left == lineEnd {
		body = data
		if i := bytes.IndexByte(body, '\n'); i >= 0 {
			body, n, done = body[:i], 1, true
		}
		if i := bytes.IndexByte(body, 0); i >= 0 {
			body, n, done = body[:i], 1, true
		}
		return len(body) + n, body, done || atEOF
	}
	body = data[:min(f.left, len(data))]
	f.left -= len(body)
	if f.left == 0 {
		f.after = true
		return len(body), body, true
	}
	if atEOF { // the sender had more to say
		f.length += f.left
	}
	return len(body), body, atEOF
}

// collect puts the parts of a message together and returns it when it is done and not empty.
func (f *framer) collect(body []byte, done bool) []byte {
	f.length += len(body)
	if !done {
		f.keep(body)
		return nil
	}
	f.inside = false
	message := body
	if len(f.head) > 0 || len(body) > f.max {
		f.keep(body)
		message = f.head
	}
	f.original = f.length
	if f.length == len(message) {
		message = trim(message)
		f.original = len(message)
	}
	switch {
	case f.original > len(message):
		return wholeRunes(message)
	case blank(message):
		f.empty()
		f.head, f.length = recycle(f.head), 0
		return nil
	}
	return message
}

func (f *framer) keep(body []byte) {
	f.head = append(f.head, body[:min(len(body), f.max-len(f.head))]...)
}

// recycle empties a buffer; one that grew over a long message is given back.
func recycle(b []byte) []byte {
	if cap(b) > readSmall {
		return nil
	}
	return b[:0]
}

// octets reads "LENGTH <PRI>" at the start of data and returns LENGTH and the size of "LENGTH ". The header is 0 if
// there is none. It returns known = false if data ends too early to tell.
func octets(data []byte) (count, header int, known bool) {
	i := 0
	for ; i < len(data) && data[i] >= '0' && data[i] <= '9' && count <= maxCount; i++ {
		count = count*10 + int(data[i]-'0')
	}
	switch {
	case count > maxCount || i == 0 || data[0] == '0':
		return 0, 0, true
	case i == len(data):
		return 0, 0, false
	case data[i] != ' ':
		return 0, 0, true
	}
	pri, known := priority(data[i+1:])
	if pri == 0 || pri > count {
		return 0, 0, known
	}
	return count, i + 1, true
}

// priority returns the size of the <PRI> at the start of data, 0 if there is none; known is false if data ends too
// early to tell.
func priority(data []byte) (size int, known bool) {
	if len(data) == 0 {
		return 0, false
	}
	if data[0] != '<' {
		return 0, true
	}
	value := 0
	for i := 1; i < len(data) && i <= 4; i++ {
		switch c := data[i]; {
		case c >= '0' && c <= '9' && i < 4:
			value = value*10 + int(c-'0')
		case c == '>' && i > 1 && value <= 191: // RFC 5424, section 6.2.1
			return i + 1, true
		default:
			return 0, true
		}
	}
	return 0, false
}

// trim takes line ends and NULs off the end of a message: they belong to its framing, wherever the sender put them.
func trim(message []byte) []byte {
	end := len(message)
	for end > 0 && (message[end-1] == '\n' || message[end-1] == '\r' || message[end-1] == 0) {
		end--
	}
	return message[:end]
}

// blank says whether there is nothing in a message.
func blank(message []byte) bool {
	for _, c := range message {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

// wholeRunes takes the first half of a UTF-8 sequence off the end of what was cut.
func wholeRunes(cut []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(cut); n++ {
		if tail := cut[len(cut)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return cut[:len(cut)-n]
			}
			break
		}
	}
	return cut
}
