package parse

import "time"

// stamp is a time as a line writes it. The zero value is no time.
type stamp struct {
	year, month, day int // year is 0 where the line names none
	hour, min, sec   int
	nsec             int
	zoned            bool
	east             int // seconds east of UTC, if zoned
}

func (s stamp) isZero() bool { return s.month == 0 }

// scanStamp reads the time at the start of s: "Nov 23 17:53:29" with or without a year and a fraction (RFC 3164), or
// ISO 8601 with "T" or a blank, with or without a zone. Behind it must be a blank, a colon or the end.
func scanStamp(s string) (st stamp, rest string, ok bool) {
	if s == "" {
		return st, s, false
	}
	if s[0]-'0' <= 9 {
		rest, ok = st.scanISO(s)
	} else {
		rest, ok = st.scanMonth(s)
	}
	if !ok || rest != "" && rest[0] != ' ' && rest[0] != ':' || !st.valid() {
		return stamp{}, s, false
	}
	return st, rest, true
}

// longMonths has a bit for each month of 31 days.
const longMonths = 1<<1 | 1<<3 | 1<<5 | 1<<7 | 1<<8 | 1<<10 | 1<<12

func daysIn(year, month int) int {
	switch {
	case month == 2 && (year%4 == 0 && year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case longMonths>>month&1 == 1:
		return 31
	}
	return 30
}

// valid allows a leap second, and the 29th of February in a year that is not named.
func (s *stamp) valid() bool {
	return s.month >= 1 && s.month <= 12 && s.day >= 1 && s.day <= daysIn(s.year, s.month) &&
		s.hour <= 23 && s.min <= 59 && s.sec <= 60
}

// months has the names where their number times three is the place.
const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// scanMonth reads "Nov 23 17:53:29", "Nov  3 …", "Nov 3 …", "Nov 23 2026 …".
func (s *stamp) scanMonth(t string) (string, bool) {
	if len(t) < len("Nov 3 17:53:29") || t[3] != ' ' {
		return t, false
	}
	for i := 0; i < len(months); i += 3 {
		if t[:3] == months[i:i+3] {
			s.month = i/3 + 1
		}
	}
	if s.month == 0 {
		return t, false
	}
	t = t[4:]
	if t[0] == ' ' {
		t = t[1:]
	}
	var ok bool
	if s.day, t, ok = upTo(t, 2); !ok || t == "" || t[0] != ' ' {
		return t, false
	}
	t = t[1:]
	if y, after, ok := fixed(t, 4); ok && after != "" && after[0] == ' ' {
		s.year, t = y, after[1:]
	}
	return s.scanClock(t)
}

// scanISO reads "2026-11-23T17:53:29.123456+01:00".
func (s *stamp) scanISO(t string) (string, bool) {
	var ok bool
	if s.year, t, ok = fixed(t, 4); !ok || s.year == 0 || t == "" || t[0] != '-' {
		return t, false
	}
	if s.month, t, ok = fixed(t[1:], 2); !ok || t == "" || t[0] != '-' {
		return t, false
	}
	if s.day, t, ok = fixed(t[1:], 2); !ok || t == "" || t[0] != 'T' && t[0] != 't' && t[0] != ' ' {
		return t, false
	}
	if t, ok = s.scanClock(t[1:]); !ok {
		return t, false
	}
	return s.scanZone(t)
}

// scanClock reads "17:53:29" and a fraction.
func (s *stamp) scanClock(t string) (string, bool) {
	var ok bool
	if s.hour, t, ok = fixed(t, 2); !ok || t == "" || t[0] != ':' {
		return t, false
	}
	if s.min, t, ok = fixed(t[1:], 2); !ok || t == "" || t[0] != ':' {
		return t, false
	}
	if s.sec, t, ok = fixed(t[1:], 2); !ok {
		return t, false
	}
	if len(t) < 2 || t[0] != '.' && t[0] != ',' || t[1]-'0' > 9 {
		return t, true
	}
	fraction, rest := digits(t[1:])
	unit := int(time.Second / 10)
	for i := 0; i < len(fraction) && unit > 0; i++ {
		s.nsec += int(fraction[i]-'0') * unit
		unit /= 10
	}
	return rest, true
}

// scanZone reads "Z", "+01:00", "+0100" or "+01", or nothing.
func (s *stamp) scanZone(t string) (string, bool) {
	if t == "" {
		return t, true
	}
	sign := 1
	switch t[0] {
	case 'Z', 'z':
		s.zoned = true
		return t[1:], true
	case '-':
		sign = -1
	case '+':
	default:
		return t, true
	}
	hours, rest, ok := fixed(t[1:], 2)
	if !ok {
		return t, false
	}
	minutes := 0
	if m, after, ok := fixed(rest, 2); ok {
		minutes, rest = m, after
	} else if rest != "" && rest[0] == ':' {
		if minutes, rest, ok = fixed(rest[1:], 2); !ok {
			return t, false
		}
	}
	if hours > 23 || minutes > 59 {
		return t, false
	}
	s.zoned, s.east = true, sign*(hours*3600+minutes*60)
	return rest, true
}

// fixed reads a number of n digits.
func fixed(s string, n int) (int, string, bool) {
	if len(s) < n {
		return 0, s, false
	}
	v, ok := number(s[:n])
	return v, s[n:], ok
}

// upTo reads a number of one to n digits.
func upTo(s string, n int) (int, string, bool) {
	i := 0
	for i < len(s) && i < n && s[i]-'0' <= 9 {
		i++
	}
	v, ok := number(s[:i])
	return v, s[i:], ok
}
