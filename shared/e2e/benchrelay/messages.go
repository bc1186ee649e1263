package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"belfry/shared/e2e/gauge"
)

// size is how many bytes a message has, its <PRI> included, its framing not.
const size = 200

// variety is how many different messages are made; they are sent again and again.
const variety = 1 << 15

// priorities are what the messages have by turns, as the programs that wrote the lines would give them.
var priorities = []string{"<86>", "<85>", "<38>", "<166>", "<78>"}

// messages makes n messages of size bytes as a sender of RFC 3164 writes them: recorded lines with a <PRI>, each made
// longer by the text of the lines after it, and cut.
func messages(n int) ([][]byte, error) {
	var text bytes.Buffer
	if err := gauge.Lines(&text, n, time.Now().Add(-time.Duration(n)*time.Millisecond)); err != nil {
		return nil, fmt.Errorf("make messages: %w", err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text.Bytes(), []byte("\n")), []byte("\n"))
	all := make([][]byte, n)
	for i := range all {
		m := append([]byte(priorities[i%len(priorities)]), lines[i]...)
		for next := i + 1; len(m) < size; next++ {
			m = append(append(m, ' '), lines[next%n][len(time.Stamp)+1:]...)
		}
		all[i] = m[:size:size]
	}
	return all, nil
}

// stream is messages as they go over a connection.
type stream struct {
	bytes []byte
	ends  []int // where each message ends
}

// frame puts messages behind each other, each with a line end behind it (RFC 6587, 3.4.2), or with its length before it
// (3.4.1, as RFC 5425 wants it over TLS).
func frame(all [][]byte, counted bool) (s stream) {
	for _, m := range all {
		if counted {
			s.bytes = append(append(strconv.AppendInt(s.bytes, int64(len(m)), 10), ' '), m...)
		} else {
			s.bytes = append(append(s.bytes, m...), '\n')
		}
		s.ends = append(s.ends, len(s.bytes))
	}
	return s
}

// part is the bytes of n messages from the i-th on, or of fewer where the stream ends.
func (s stream) part(i, n int) (part []byte, got int) {
	from, last := 0, min(i+n, len(s.ends))
	if i > 0 {
		from = s.ends[i-1]
	}
	return s.bytes[from:s.ends[last-1]], last - i
}
