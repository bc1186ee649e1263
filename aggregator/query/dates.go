package query

import (
	"strconv"
	"strings"
	"time"
)

// dateForms are the ways to write a time, each with what it spans. One is known by its length.
var dateForms = []struct {
	layout string
	end    func(time.Time) time.Time
}{
	{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
	{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"2006-01-02T15", func(t time.Time) time.Time { return t.Add(time.Hour) }},
	{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
	{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
}

// span reads a time as a user writes it, and returns what it spans: 2026-11-23 is that day, 17:54:15.5 a tenth of a
// second. Without a zone it is UTC. A time by the clock, now-24h, spans a millisecond.
func span(s string, now time.Time) (from, to time.Time, ok bool) {
	if rest, found := strings.CutPrefix(s, "now"); found {
		d, ok := offset(rest)
		from = now.Add(d).UTC().Truncate(time.Millisecond)
		return from, from.Add(time.Millisecond), ok
	}
	s = strings.Replace(s, " ", "T", 1)
	s, zone := cutZone(s)
	s, fraction, fractional := strings.Cut(s, ".")
	for _, f := range dateForms {
		if len(f.layout) != len(s) {
			continue
		}
		t, err := time.Parse(f.layout, s)
		if err != nil {
			return from, to, false
		}
		from, to = t.Add(-zone), f.end(t).Add(-zone)
		if fractional {
			if f.layout != dateForms[len(dateForms)-1].layout {
				return from, to, false
			}
			from, to, ok = part(from, fraction)
			return from, to, ok
		}
		return from, to, true
	}
	return from, to, false
}

// part returns the part of a second that digits behind its point span.
func part(t time.Time, digits string) (from, to time.Time, ok bool) {
	const most = len("000000000")
	if digits == "" || len(digits) > most || countDigits(digits) != len(digits) {
		return t, t, false
	}
	unit := time.Nanosecond
	for range most - len(digits) {
		unit *= 10
	}
	n, err := strconv.Atoi(digits)
	from = t.Add(time.Duration(n) * unit)
	return from, from.Add(unit), err == nil
}

// cutZone cuts Z or +01:00 off a time that has an hour.
func cutZone(s string) (rest string, zone time.Duration) {
	if rest, ok := strings.CutSuffix(s, "Z"); ok && strings.Contains(rest, "T") {
		return rest, 0
	}
	at := len(s) - len("+00:00")
	if at < len("2006-01-02T15") || s[at] != '+' && s[at] != '-' {
		return s, 0
	}
	t, err := time.Parse("-07:00", s[at:])
	if err != nil {
		return s, 0
	}
	_, seconds := t.Zone()
	return s[:at], time.Duration(seconds) * time.Second
}

// units are what a time by the clock is counted in.
var units = map[byte]time.Duration{
	's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
}

// maxOffset bounds times by the clock: a century.
const maxOffset = 100 * 365 * 24 * time.Hour

// offset reads what stands behind now: nothing, or a sign, a number and a unit, as "-24h".
func offset(s string) (time.Duration, bool) {
	if s == "" {
		return 0, true
	}
	if len(s) < len("-1s") || s[0] != '-' && s[0] != '+' {
		return 0, false
	}
	unit := units[s[len(s)-1]]
	number := s[1 : len(s)-1]
	if unit == 0 || countDigits(number) != len(number) {
		return 0, false
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > int64(maxOffset/unit) {
		return 0, false
	}
	d := time.Duration(n) * unit
	if s[0] == '-' {
		d = -d
	}
	return d, true
}
