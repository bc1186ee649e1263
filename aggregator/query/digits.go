package query

import (
	"strconv"
	"strings"
)

// integersBetween returns a regular expression for the integers from lo to hi as Go writes them; "" if there are none.
func integersBetween(lo, hi int64) string {
	var parts []string
	if lo < 0 && lo <= hi {
		from := uint64(1)
		if hi < 0 {
			from = -uint64(hi)
		}
		for _, p := range naturalsBetween(from, -uint64(lo)) {
			parts = append(parts, "-"+p)
		}
	}
	if hi >= 0 && lo <= hi {
		parts = append(parts, naturalsBetween(uint64(max(lo, 0)), uint64(hi))...)
	}
	if len(parts) == 0 {
		return ""
	}
	return "(?:" + strings.Join(parts, "|") + ")"
}

// naturalsBetween returns the alternatives for the numbers from lo to hi.
func naturalsBetween(lo, hi uint64) []string {
	var parts []string
	a, b := strconv.FormatUint(lo, 10), strconv.FormatUint(hi, 10)
	for len(a) < len(b) {
		parts = append(parts, digitsBetween(a, strings.Repeat("9", len(a)))...)
		a = "1" + strings.Repeat("0", len(a))
	}
	return append(parts, digitsBetween(a, b)...)
}

// digitsBetween is naturalsBetween for numbers of the same length, zeros in front allowed.
func digitsBetween(a, b string) []string {
	switch {
	case a == "":
		return []string{""}
	case strings.Trim(a, "0") == "" && strings.Trim(b, "9") == "":
		return []string{anyDigits(len(a))}
	case a[0] == b[0]:
		return prefixed(a[:1], digitsBetween(a[1:], b[1:]))
	}
	lo, hi := a[0], b[0]
	var parts, last []string
	if strings.Trim(a[1:], "0") != "" {
		parts = prefixed(a[:1], digitsBetween(a[1:], strings.Repeat("9", len(a)-1)))
		lo++
	}
	if strings.Trim(b[1:], "9") != "" {
		last = prefixed(b[:1], digitsBetween(strings.Repeat("0", len(b)-1), b[1:]))
		hi--
	}
	if lo <= hi {
		parts = append(parts, "["+string(rune(lo))+"-"+string(rune(hi))+"]"+anyDigits(len(a)-1))
	}
	return append(parts, last...)
}

func anyDigits(n int) string {
	if n == 0 {
		return ""
	}
	return "[0-9]{" + strconv.Itoa(n) + "}"
}

func prefixed(digit string, parts []string) []string {
	for i, p := range parts {
		parts[i] = digit + p
	}
	return parts
}
