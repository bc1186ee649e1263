package query

import (
	"strings"

	"belfry/shared/event"
)

// Words returns the words of a text as Match sees them: lower-cased, one blank between two, "" if there is none.
func Words(text string) string {
	var b strings.Builder
	for start, end, ok := nextWord(text, 0); ok; start, end, ok = nextWord(text, end) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		for _, r := range text[start:end] {
			b.WriteRune(lower(r))
		}
	}
	return b.String()
}

// Fits reports whether a value is one of a type, so that it is compared as such. Of a keyword and a text any is.
//
//	Long   a decimal integer of 64 bits as Go writes it: no plus sign, no zero in front
//	Float  a finite JSON number
//	Bool   "true" or "false"
//	Date   RFC 3339 in UTC, "2026-11-23T17:54:15.123456789Z", with no to nine digits of a second
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
