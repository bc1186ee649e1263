package query

import (
	"math"
	"net/netip"
	"strconv"
	"time"
)

// maxDigits is the number of digits of the largest integer of 64 bits.
const maxDigits = 19

// parseLong reads an integer as Fits defines it.
func parseLong(s string) (int64, bool) {
	digits := s
	if s != "" && s[0] == '-' {
		digits = s[1:]
	}
	if digits == "" || len(digits) > maxDigits || digits[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// parseFloat reads a number as Fits defines it.
func parseFloat(s string) (float64, bool) {
	if !isNumber(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsInf(f, 0)
}

// isNumber reports whether s is a number of JSON (RFC 8259, section 6).
func isNumber(s string) bool {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	whole := countDigits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	if s = s[whole:]; s != "" && s[0] == '.' {
		n := countDigits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s == "" || s[0] != 'e' && s[0] != 'E' {
		return s == ""
	}
	if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && countDigits(s) == len(s)
}

func countDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// parseIP reads an address as Fits defines it.
func parseIP(s string) (netip.Addr, bool) {
	if len(s) < len("::") || !looksLikeIP(s) {
		return netip.Addr{}, false // no error to make for each text
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

func looksLikeIP(s string) bool {
	separator := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		case c == '.' || c == ':':
			separator = true
		default:
			return false
		}
	}
	return separator
}

// dateForm is the shape of a date up to the seconds; 0 stands for a digit.
const dateForm = "0000-00-00T00:00:00"

// parseDate reads a time as Fits defines it.
func parseDate(s string) (time.Time, bool) {
	if len(s) < len(dateForm)+1 || s[len(s)-1] != 'Z' {
		return time.Time{}, false
	}
	for i := range len(dateForm) {
		if digit := s[i] >= '0' && s[i] <= '9'; dateForm[i] == '0' && !digit || dateForm[i] != '0' && s[i] != dateForm[i] {
			return time.Time{}, false
		}
	}
	if f := s[len(dateForm) : len(s)-1]; f != "" {
		if n := len(f) - 1; f[0] != '.' || n < 1 || n > 9 || countDigits(f[1:]) != n {
			return time.Time{}, false
		}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil && t.Year() > 0
}
