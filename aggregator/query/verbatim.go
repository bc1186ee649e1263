package query

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// longestNumber is the longest text that logstorage takes for a number, an address or a time.
const longestNumber = len("-18_446_744_073_709_551_615")

// storedTime is the one form of a time in which logstorage gives it back.
const storedTime = "2006-01-02T15:04:05.000Z"

// Verbatim reports whether logstorage gives a value back as it is written, whatever else its column holds. Where all
// values of a block look like numbers, addresses or times it keeps what they are, and writes that anew: 1_000 becomes
// 1000, 1.10 becomes 1.1, 1.9 becomes 1.9000000000000001, 10.0.0.07 becomes 10.0.0.7, and the 31st of November the first
// of December. False may be said of a value that would stay.
func Verbatim(value string) bool {
	if value == "" || len(value) > longestNumber {
		return true
	}
	if c := value[0]; c != '-' && c != '_' && (c < '0' || c > '9') {
		return true
	}
	if len(value) == len(storedTime) && value[len(value)-1] == 'Z' {
		return verbatimTime(value)
	}
	dots, odd := 0, false
	for i := range len(value) {
		switch c := value[i]; {
		case c == '.':
			dots++
		case c == '_':
			odd = true // it reads numbers with such signs
		case c != '-' && (c < '0' || c > '9'):
			return !likeAddress(value)
		}
	}
	switch {
	case odd:
		return false
	case dots == 3:
		_, ok := parseIP(value)
		return ok || !likeAddress(value)
	case dots == 1:
		return verbatimFloat(value)
	}
	return value != "-0"
}

// likeAddress reports whether logstorage may read a text as an IPv4 address. Of two digits it looks at the first alone:
// 10.0.0.1a is one.
func likeAddress(value string) bool {
	parts := 0
	for part := range strings.SplitSeq(value, ".") {
		if parts++; part == "" || len(part) > 3 || part[0] < '0' || part[0] > '9' {
			return false
		}
	}
	return parts == 4
}

// verbatimFloat computes a number of digits and one dot as logstorage does.
func verbatimFloat(value string) bool {
	digits, minus := strings.CutPrefix(value, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil || len(whole) > 1 && whole[0] == '0' {
		return true // no number there
	}
	part, err := strconv.ParseUint(fraction, 10, 64)
	if err != nil {
		return true
	}
	f := math.FMA(float64(part), math.Pow10(-len(fraction)), float64(n))
	if minus {
		f = -f
	}
	return strconv.FormatFloat(f, 'f', -1, 64) == value
}

// verbatimTime is Verbatim for a text that is as long as a time.
func verbatimTime(value string) bool {
	plain := value[10] == 'T'
	for i := range len(storedTime) {
		switch c := storedTime[i]; {
		case c >= '0' && c <= '9':
			plain = plain && value[i] >= '0' && value[i] <= '9'
		case c != 'T' && value[i] != c:
			return true // no time there
		}
	}
	if !plain {
		return false
	}
	number := func(at int) int { return int(value[at]-'0')*10 + int(value[at+1]-'0') }
	month, day := number(5), number(8)
	switch {
	case month < 1 || month > 12 || day < 1 || number(11) > 23 || number(14) > 59 || number(17) > 59:
		return false
	case day <= 28:
		return true
	}
	return time.Date(number(0)*100+number(2), time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() == day
}
