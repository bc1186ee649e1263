package parse

import (
	"strings"
	"time"
)

// scanSlapdFile reads what slapd writes to its standard error output, and from 2.6 on to a file of its own
// (servers/slapd/logging.c): "6b0b25d6.0b3f3c8f 0x7f62f6dfe6c0 TEXT", the seconds since 1970, their fraction and the
// thread, all in hexadecimal. The fraction is in nanoseconds, or of five digits in microseconds. 2.4 wrote the seconds
// alone, which is only taken for a time before what slapd says.
func scanSlapdFile(h *header, s string) bool {
	if len(s) < 10 || s[0] == '0' {
		return false
	}
	seconds, ok := hexNumber(s[:8])
	if !ok {
		return false
	}
	fraction, text := 0, ""
	switch s[8] {
	case ' ':
		text = s[9:]
		if !strings.HasPrefix(text, "conn=") && !strings.HasPrefix(text, "slapd ") && !strings.HasPrefix(text, "@(#) $OpenLDAP: slapd ") {
			return false
		}
	case '.':
		num, rest := word(s[9:])
		thread, said, found := strings.Cut(rest, " ")
		if fraction, ok = hexNumber(num); !ok || !found || !strings.HasPrefix(thread, "0x") {
			return false
		}
		if len(num) == 5 {
			fraction *= 1000
		}
		if fraction >= int(time.Second) {
			return false
		}
		text = said
	default:
		return false
	}
	t := time.Unix(int64(seconds), int64(fraction)).UTC()
	h.stamp.year, h.stamp.month, h.stamp.day = t.Year(), int(t.Month()), t.Day()
	h.stamp.hour, h.stamp.min, h.stamp.sec = t.Clock()
	h.stamp.nsec, h.stamp.zoned = fraction, true
	h.program, h.text, h.format = "slapd", text, "slapd"
	return true
}
