package parse

import "strings"

// maxDigits bounds a decimal number, so that it always fits an int64.
const maxDigits = 18

// number reads a decimal number that is nothing but digits.
func number(s string) (int, bool) {
	if s == "" || len(s) > maxDigits {
		return 0, false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int(c)
	}
	return n, true
}

func isNumber(s string) bool {
	_, ok := number(s)
	return ok
}

// isDecimal reports whether s is a number like "0.000163", as JSON writes it.
func isDecimal(s string) bool {
	whole, fraction, point := strings.Cut(s, ".")
	return isNumber(whole) && (whole == "0" || whole[0] != '0') && (!point || isNumber(fraction))
}

// digits cuts off the decimal number at the start of s.
func digits(s string) (num, rest string) {
	i := 0
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return s[:i], s[i:]
}

// word cuts off what comes before the next blank.
func word(s string) (first, rest string) {
	first, rest, _ = strings.Cut(s, " ")
	return first, rest
}

// between returns what is between prefix and suffix, which must be all of the rest of s.
func between(s, prefix, suffix string) (string, bool) {
	if len(s) < len(prefix)+len(suffix) || !strings.HasPrefix(s, prefix) || !strings.HasSuffix(s, suffix) {
		return "", false
	}
	return s[len(prefix) : len(s)-len(suffix)], true
}

// cutLast splits s at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// hexDigit returns what a hexadecimal digit means, -1 if it is none.
func hexDigit(c byte) int {
	switch {
	case c-'0' <= 9:
		return int(c - '0')
	case c-'a' < 6:
		return int(c-'a') + 10
	case c-'A' < 6:
		return int(c-'A') + 10
	}
	return -1
}

// hexNumber reads up to eight digits.
func hexNumber(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		d := hexDigit(s[i])
		if d < 0 {
			return 0, false
		}
		n = n<<4 | d
	}
	return n, s != "" && len(s) <= 8
}
