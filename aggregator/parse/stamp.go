package parse

import "time"

// stamp is a time as a line writes it. The zero value is no time.
type stamp struct {
	year, month, day int // year is 0 where the line names none
	hour, min, sec   int
	nsec             int
	zoned            bool
	unset            bool   // the device says that nobody has set its clock
	east             int    // seconds east of UTC, if zoned
	zone             string // a zone's word whose meaning depends on the host's zone, as "CET"
}

func (s stamp) isZero() bool { return s.month == 0 }

// scanStamp reads the time at the start of s: "Nov 23 17:53:29" with or without a year and a fraction (RFC 3164), or
// ISO 8601 with "T" or a blank, with or without a zone. Behind it must be a blank, a tab, a colon or the end.
func scanStamp(s string) (st stamp, rest string, ok bool) {
	if s == "" {
		return st, s, false
	}
	switch {
	case s[0]-'0' > 9:
		if day := weekday(s); day != s { // journalctl -o short-full: "Mon 2026-11-23 17:53:29 UTC"
			rest, ok = st.scanISO(day)
			break
		}
		rest, ok = st.scanMonth(s)
	case len(s) > 5 && s[4] == ' ': // NX-OS: "2026 Nov 23 17:53:29"
		if st.year, rest, ok = fixed(s, 4); ok {
			rest, ok = st.scanMonth(rest[1:])
		}
	default:
		rest, ok = st.scanISO(s)
	}
	if !ok || rest != "" && rest[0] != ' ' && rest[0] != ':' && rest[0] != '\t' || !st.valid() {
		return stamp{}, s, false
	}
	return st, rest, true
}

// weekday cuts off the name of a day before a year.
func weekday(s string) string {
	if len(s) < len("Mon 2026-11-23") || s[3] != ' ' || s[4]-'0' > 9 {
		return s
	}
	if isWeekday(s[:3]) {
		return s[4:]
	}
	return s
}

func isWeekday(s string) bool {
	switch s {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
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

// monthOf returns the number of a month by the first three letters of its name, 0 if it is none.
func monthOf(name string) int {
	switch name {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

// scanMonth reads "Nov 23 17:53:29", "Nov  3 …", "Nov 3 …", "November 3 …", "Nov 23 2026 17:53:29" and, as ctime(3) and
// ArubaOS write it, "Nov 23 17:53:29 2026".
func (s *stamp) scanMonth(t string) (string, bool) {
	if len(t) < len("Nov 3 17:53:29") {
		return t, false
	}
	if s.month = monthOf(t[:3]); s.month == 0 {
		return t, false
	}
	t = t[3:]
	for len(t) > 1 && t[0]-'a' < 26 {
		t = t[1:]
	}
	if t[0] != ' ' {
		return t, false
	}
	if t = t[1:]; t != "" && t[0] == ' ' {
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
	if t, ok = s.scanClock(t); ok && s.year == 0 {
		t = s.scanYear(t)
	}
	return t, ok
}

// scanYear reads a year of this century behind the time. What else is a number there has no blank behind it.
func (s *stamp) scanYear(t string) string {
	if len(t) < len(" 2026 ") || t[1] != '2' || t[2] != '0' || t[0] != ' ' || t[5] != ' ' {
		return t
	}
	if y, after, ok := fixed(t[1:], 4); ok {
		s.year = y
		return after
	}
	return t
}

// scanEpoch reads the seconds since 1970 of this century, with or without a fraction.
func scanEpoch(s string) (st stamp, rest string, ok bool) {
	num, rest := digits(s)
	seconds, ok := number(num)
	if !ok || len(num) != len("1700000000") {
		return st, s, false
	}
	rest = st.scanFraction(rest)
	if rest != "" && rest[0] != ' ' {
		return stamp{}, s, false
	}
	nsec := st.nsec
	st = stampAt(time.Unix(int64(seconds), 0))
	st.nsec = nsec
	return st, rest, true
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
	return s.scanFraction(t), true
}

// scanFraction reads ".123" or ",123": up to nanoseconds, the rest is dropped.
func (s *stamp) scanFraction(t string) string {
	if len(t) < 2 || t[0] != '.' && t[0] != ',' || t[1]-'0' > 9 {
		return t
	}
	fraction, rest := digits(t[1:])
	unit := int(time.Second / 10)
	for i := 0; i < len(fraction) && unit > 0; i++ {
		s.nsec += int(fraction[i]-'0') * unit
		unit /= 10
	}
	return rest
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
