package parse

import (
	"strings"
	"time"
)

// takeTime takes the time that a text tells of itself, if its header tells none.
func (b *body) takeTime(a *pair) bool {
	if b.timed || b.l.timed {
		return false
	}
	st, ok := stampOf(a.value)
	if !ok {
		st, ok = b.fortinet(a)
	}
	if !ok {
		return false
	}
	b.timed = true
	b.p.setStamp(b.l, st)
	return true
}

// fortinet reads a time of the form: date=2026-11-23 time=17:54:31 tz="+0100".
func (b *body) fortinet(a *pair) (stamp, bool) {
	date := b.find("date")
	if len(date) != len("2026-11-23") || len(a.value) < len("17:54:31") || a.value[2] != ':' {
		return stamp{}, false
	}
	return stampOf(date + "T" + a.value + b.find("tz"))
}

// stampOf reads a value that is a time and nothing else: as lines write it, or the time since 1970 in seconds, with or
// without a fraction, in milliseconds, microseconds or nanoseconds, told apart by their digits.
func stampOf(v string) (stamp, bool) {
	if st, rest, ok := scanStamp(v); ok {
		return st, rest == ""
	}
	num, rest := digits(v)
	n, ok := number(num)
	if !ok && len(num) == len("1700000000000000000") {
		n, ok = number(num[:maxDigits])
		n = n*10 + int(num[maxDigits]-'0')
	}
	if !ok {
		return stamp{}, false
	}
	var t time.Time
	switch len(num) {
	case len("1700000000"):
		t = time.Unix(int64(n), 0)
	case len("1700000000000"):
		t = time.UnixMilli(int64(n))
	case len("1700000000000000"):
		t = time.UnixMicro(int64(n))
	case len("1700000000000000000"):
		t = time.Unix(0, int64(n))
	default:
		return stamp{}, false
	}
	st := stampAt(t)
	if len(num) == len("1700000000") {
		rest = st.scanFraction(rest)
	} else if fraction, ok := strings.CutPrefix(rest, "."); ok { // of a float
		_, rest = digits(fraction)
	}
	return st, rest == ""
}

// stampAt returns the stamp of a moment.
func stampAt(t time.Time) stamp {
	t = t.UTC()
	st := stamp{year: t.Year(), month: int(t.Month()), day: t.Day(), nsec: t.Nanosecond(), zoned: true}
	st.hour, st.min, st.sec = t.Clock()
	return st
}
