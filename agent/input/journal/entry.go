package journal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// Bounds of an entry in memory. What is over them is cut and marked; of a message the length is told.
const (
	maxKnown  = 4 << 10 // bytes of a field that journald adds: a path or the beginning of a command line
	maxCustom = 1 << 10 // bytes of one that an application set
	maxFields = 32      // of these in an entry

	maxCustomName = 64 // bytes; journald allows no more
)

// span is bytes of an entry's memory.
type span struct{ first, end int }

// custom is a field that is not known.
type custom struct {
	name, value span
	trusted     bool // its name begins with _: journald set it
}

// entry is one entry of the journal. What it holds is valid until the next one is read into it.
type entry struct {
	at      point // by its cursor
	length  int   // bytes of the message, with those that were cut off
	cut     bool  // a field was cut or left out
	damaged bool  // it ends before its end

	buf   []byte
	known [fields]span
	more  []custom
}

func (e *entry) reset() {
	*e = entry{buf: e.buf[:0], more: e.more[:0]}
}

// get returns a field; it is nil if it is not there.
func (e *entry) get(f field) []byte {
	s := e.known[f]
	if s.end == 0 {
		return nil
	}
	return e.buf[s.first:s.end]
}

func (e *entry) bytes(s span) []byte { return e.buf[s.first:s.end] }

// number reads a field of decimal digits.
func (e *entry) number(f field) (uint64, bool) { return decimal(e.get(f)) }

func decimal(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// seriesID is a sequence number ID, as 32 hex digits.
type seriesID [32]byte

// point is a place in the journal.
type point struct {
	series    seriesID
	number    uint64
	boot      seriesID // likewise written
	monotonic uint64   // microseconds since the boot
	realtime  uint64   // microseconds since 1970
}

// slack is by how much a child begins earlier, by the clock, in the files of other series: their order is not exact.
const slack = 60e6 // microseconds

// mostNumber bounds a sequence number: no journal gets there.
const mostNumber = 1 << 62

var errCursor = errors.New("not a cursor")

// parseCursor reads a cursor (systemd, sd_journal_get_cursor).
func parseCursor(text []byte) (p point, err error) {
	for rest := text; len(rest) > 0; {
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte{';'})
		if len(word) < 3 || word[1] != '=' {
			return p, errCursor
		}
		value, ok := word[2:], true
		switch word[0] {
		case 's':
			p.series, ok = parseSeries(value)
		case 'i':
			p.number, ok = hexadecimal(value)
		case 'b':
			p.boot, ok = parseSeries(value)
		case 'm':
			p.monotonic, ok = hexadecimal(value)
		case 't':
			p.realtime, ok = hexadecimal(value)
		}
		if !ok {
			return p, errCursor
		}
	}
	if p.series == (seriesID{}) || p.boot == (seriesID{}) || p.number == 0 || p.number > mostNumber {
		return p, errCursor
	}
	return p, nil
}

func parseSeries(b []byte) (id seriesID, ok bool) {
	var raw [16]byte
	if len(b) != len(id) {
		return id, false
	}
	if _, err := hex.Decode(raw[:], b); err != nil {
		return id, false
	}
	copy(id[:], b)
	return id, true
}

func hexadecimal(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 16 {
		return 0, false
	}
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// cursor writes a point as the argument of journalctl --cursor: it begins at that number, or behind it if that is gone.
func (p point) cursor() string {
	m, t := p.monotonic-min(p.monotonic, slack), p.realtime-min(p.realtime, slack)
	return fmt.Sprintf("s=%s;i=%s;b=%s;m=%s;t=%s", p.series[:], strconv.FormatUint(p.number, 16), p.boot[:],
		strconv.FormatUint(m, 16), strconv.FormatUint(t, 16))
}

// String is the cursor as journalctl writes it, but for the hash of what is in the entry.
func (p point) String() string {
	if p.number == 0 {
		return ""
	}
	return fmt.Sprintf("s=%s;i=%x;b=%s;m=%x;t=%x", p.series[:], p.number, p.boot[:], p.monotonic, p.realtime)
}
