package lines

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

type encoding uint8

const (
	unknown encoding = iota // until the content's first bytes are seen
	utf8Text
	latin1
	utf16le
	utf16be
)

var encodings = map[string]encoding{"": unknown, Auto: unknown, UTF8: utf8Text, UTF16LE: utf16le, UTF16BE: utf16be, Latin1: latin1}

// bom is U+FEFF, the byte order mark, in UTF-8.
const bom = "\uFEFF"

func (e encoding) wide() bool { return e >= utf16le }

// unit returns the bytes of which text and line ends are made.
func (e encoding) unit() int {
	if e.wide() {
		return 2
	}
	return 1
}

// lineEnd returns LF as it lies in the file.
func (e encoding) lineEnd() string {
	switch e {
	case utf16le:
		return "\n\x00"
	case utf16be:
		return "\x00\n"
	default:
		return "\n"
	}
}

// sniff returns the encoding of a content that begins so.
func sniff(head []byte) encoding {
	switch {
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return utf16le
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return utf16be
	default:
		return utf8Text
	}
}

// learn takes the first bytes of a content and finds its encoding out. A lone first byte that may be half of a byte order
// mark waits for the next.
func (r *Reader) learn(b []byte, s Sink) error {
	head := b
	if r.at == 1 {
		head = []byte{r.wide.odd, b[0]}
	} else if len(b) == 1 && b[0] >= 0xFE {
		r.wide.odd, r.at = b[0], 1
		return nil
	}
	if err := r.choose(sniff(head), s); err != nil {
		return err
	}
	return r.feed(b, s)
}

// choose sets the encoding, and takes the byte that waited for it.
func (r *Reader) choose(e encoding, s Sink) error {
	r.enc = e
	if r.at == 0 {
		return nil
	}
	r.at = 0
	return r.feed([]byte{r.wide.odd}, s)
}

// wide is what is known of a line of UTF-16 beyond its text.
type wide struct {
	half bool   // a unit's first byte is here, in odd
	odd  byte   // it belongs to what was taken in, but to nothing else yet
	high uint16 // a surrogate that waits for the low one; else 0
	bad  bool   // a surrogate was alone, or a unit was half
	raw  []byte // the line's first bytes as they lay in the file
}

func (w *wide) reset() { w.high, w.bad, w.raw = 0, false, w.raw[:0] }

func (w *wide) full(limit int) bool { return w.high == 0 && len(w.raw) >= limit&^1 }

// feedWide takes bytes of UTF-16. Units are counted from the line's beginning, so from the content's.
func (r *Reader) feedWide(b []byte, s Sink) error {
	if r.wide.half && len(b) > 0 {
		unit := [2]byte{r.wide.odd, b[0]}
		r.wide.half = false
		r.at--
		b = b[1:]
		if err := r.feedUnits(unit[:], s); err != nil {
			return err
		}
	}
	if err := r.feedUnits(b[:len(b)&^1], s); err != nil {
		return err
	}
	if len(b)%2 == 1 {
		r.wide.half, r.wide.odd = true, b[len(b)-1]
		r.at++
	}
	return nil
}

func (r *Reader) feedUnits(b []byte, s Sink) error {
	for len(b) > 0 {
		if b[0] == 0 || r.nuls > 0 {
			var err error
			if b, err = r.jumpHole(b, 2, s); err != nil || len(b) == 0 {
				return err
			}
		}
		i := r.enc.indexLineEnd(b)
		if i < 0 {
			r.keepWide(b)
			r.at += uint64(len(b))
			return nil
		}
		r.keepWide(b[:i])
		r.at += uint64(i) + 2
		r.endWide()
		if err := r.line(r.text, r.length, false, s); err != nil {
			return err
		}
		b = b[i+2:]
	}
	return nil
}

// indexLineEnd returns where in whole units LF is, or -1.
func (e encoding) indexLineEnd(b []byte) int {
	high := 1
	if e == utf16be {
		high = 0
	}
	for at := 0; ; at++ {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return -1
		}
		at += i
		if unit := at &^ 1; b[unit+high] == 0 { // so what was found is the low byte
			return unit
		}
	}
}

// keepWide adds whole units to the line that has not ended yet.
func (r *Reader) keepWide(b []byte) {
	r.wide.raw = append(r.wide.raw, b[:min(len(b), (r.c.limit-len(r.wide.raw))&^1)]...)
	low, high := 0, 1
	if r.enc == utf16be {
		low, high = 1, 0
	}
	for ; len(b) >= 2; b = b[2:] {
		u := uint16(b[low]) | uint16(b[high])<<8
		switch {
		case u < utf8.RuneSelf && r.wide.high == 0:
			r.length++
			if len(r.text) < r.c.rawKeep {
				r.text = append(r.text, byte(u))
			}
		default:
			r.keepUnit(u)
		}
	}
}

func (r *Reader) keepUnit(u uint16) {
	c := rune(u)
	if high := r.wide.high; high != 0 {
		r.wide.high = 0
		if c := utf16.DecodeRune(rune(high), c); c != utf8.RuneError {
			r.keepRune(c)
			return
		}
		r.keepBad()
	}
	switch {
	case !utf16.IsSurrogate(c):
		r.keepRune(c)
	case u < 0xDC00:
		r.wide.high = u
	default:
		r.keepBad()
	}
}

func (r *Reader) keepRune(c rune) {
	r.length += utf8.RuneLen(c)
	if len(r.text) < r.c.rawKeep {
		r.text = utf8.AppendRune(r.text, c)
	}
}

func (r *Reader) keepBad() {
	r.wide.bad = true
	r.keepRune(utf8.RuneError)
}

// endWide ends what a line end or the content's end leaves alone.
func (r *Reader) endWide() {
	if r.wide.high != 0 {
		r.wide.high = 0
		r.keepBad()
	}
	if r.wide.half {
		r.wide.half = false
		r.wide.raw = append(r.wide.raw, r.wide.odd)
		r.keepBad()
	}
}

func (r *Reader) keepLatin1(b []byte) {
	for len(b) > 0 {
		ascii := 0
		for ascii < len(b) && b[ascii] < utf8.RuneSelf {
			ascii++
		}
		r.length += ascii
		r.text = append(r.text, b[:min(ascii, max(0, r.c.rawKeep-len(r.text)))]...)
		if b = b[ascii:]; len(b) > 0 {
			r.keepRune(rune(b[0]))
			b = b[1:]
		}
	}
}

// LastLineEnd returns where in b, which begins at an even offset of the content, the text behind its last line end begins,
// or -1 if there is no line end in it: where a Reader may begin that is to leave out what was there before. head is as
// in [New].
func (c *Compiled) LastLineEnd(b, head []byte) int {
	enc := c.encoding
	if enc == unknown {
		enc = sniff(head)
	}
	end := []byte(enc.lineEnd())
	for i := bytes.LastIndex(b, end); i >= 0; i = bytes.LastIndex(b[:i+len(end)-1], end) {
		if i%len(end) == 0 {
			return i + len(end)
		}
	}
	return -1
}
