package terminal

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Printable puts U+FFFD in the place of what acts.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if Acts(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Acts reports whether a character does something to a terminal, or to the order of what stands beside it.
func Acts(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || turns(r)
}

// turns reports whether a character parts lines, or turns the direction of text (Unicode, annex 9).
func turns(r rune) bool {
	switch r {
	case 0x200e, 0x200f, 0x61c, 0x2028, 0x2029, 0xfeff:
		return true
	}
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// PrintableJSON escapes in JSON what acts. Who wrote it has escaped the characters below the blank, as JSON asks (RFC 8259,
// section 7), and need not have escaped the others: events have DEL and C1 escaped, other answers not. It means the same.
func PrintableJSON(line []byte) []byte {
	wild := func(r rune) bool { return r >= 0x20 && Acts(r) }
	if bytes.IndexFunc(line, wild) < 0 {
		return line
	}
	var out []byte
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRune(line[i:])
		if wild(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, line[i:i+size]...)
		}
		i += size
	}
	return out
}
