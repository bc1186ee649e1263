package query

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"belfry/shared/event"
)

// Words returns the words of a text as a column of words holds them: lower-cased, one blank between two, "" if there is
// none. Of a word that is too long it has the beginning, and then Holds says no.
func Words(text string) string {
	words, _ := AppendWords(nil, text)
	return string(words)
}

// Holds reports whether a column of a kind holds a value as it is. If not, the field is odd in that document (OddField).
func (k ColumnKind) Holds(value string) bool {
	switch k {
	case ColumnRest, ColumnFlat: // a NUL ends the key in a term
		return strings.IndexByte(value, 0) < 0 && ColumnKeyword.Holds(value)
	case ColumnKeyword:
		return len(value) <= MaxKeyword || utf16Length(value) <= MaxKeyword
	case ColumnWords:
		return holdsWords(value)
	case ColumnLong:
		return Fits(event.Long, value)
	case ColumnFloat:
		return Fits(event.Float, value)
	case ColumnBool:
		return Fits(event.Bool, value)
	case ColumnDate:
		return Fits(event.Date, value)
	case ColumnDateNanos:
		t, ok := parseDate(value)
		return ok && t.Unix() >= firstNano && t.Unix() <= lastNano
	case ColumnIP:
		return Fits(event.IP, value)
	}
	return false
}

func utf16Length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// holdsWords reports whether a text has a word, and none that is too long.
func holdsWords(text string) bool {
	any := false
	for start, end, ok := nextWord(text, 0); ok; start, end, ok = nextWord(text, end) {
		length := 0
		for _, r := range text[start:end] {
			length += utf8.RuneLen(lower(r))
		}
		if any = true; length > MaxWord {
			return false
		}
	}
	return any
}

// Fits reports whether a value is one of a type, so that it is compared as such. Of a keyword and a text any is.
//
//	Long   a decimal integer of 64 bits as Go writes it: no plus sign, no zero in front
//	Float  a finite JSON number
//	Bool   "true" or "false"
//	Date   RFC 3339 in UTC, "2026-11-23T17:54:15.123456789Z", with no to nine digits of a second; year 1 at least
//	IP     an IPv4 or IPv6 address without a zone; an IPv4 address in IPv6 notation is that IPv4 address
func Fits(t event.Type, value string) bool {
	switch t {
	case event.Long:
		_, ok := parseLong(value)
		return ok
	case event.Float:
		_, ok := parseFloat(value)
		return ok
	case event.Bool:
		return value == "true" || value == "false"
	case event.Date:
		_, ok := parseDate(value)
		return ok
	case event.IP:
		_, ok := parseIP(value)
		return ok
	}
	return true
}
