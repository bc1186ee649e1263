package parse

import "strings"

// scanDS389File reads the header of 389 Directory Server's files (log.c): "[23/Nov/2026:18:00:49.123456789 +0000] TEXT"
// of the access and the error log, and the time in a line of JSON, "utc_time" of the security log and "local_time" of
// the others, where that is in the format that it has unless it was changed.
func scanDS389File(h *header, s string) bool {
	if len(s) < len("[23/Nov/2026:18:00:49 +0000] ") {
		return false
	}
	var st stamp
	text, ok := "", false
	switch s[0] {
	case '[':
		if text, ok = st.scanCommon(s[1:]); ok {
			text, ok = strings.CutPrefix(text, "] ")
			ok = ok && (strings.HasPrefix(text, "conn=") || strings.HasPrefix(text, "- ")) // others write such times too
		}
	case '{':
		text = s
		st, ok = scanJSONTime(s)
	}
	if !ok || !st.valid() {
		return false
	}
	h.stamp = st
	h.program, h.text, h.format = "ns-slapd", text, "ns-slapd"
	return true
}

// scanJSONTime reads the time in a line of JSON.
func scanJSONTime(s string) (st stamp, ok bool) {
	if _, rest, found := strings.Cut(s[:min(len(s), 200)], `"utc_time": "`); found {
		st, _, ok = scanEpoch(strings.Replace(rest, `"`, " ", 1))
		return st, ok
	}
	rest, ok := strings.CutPrefix(strings.TrimLeft(s[1:], " "), `"local_time":`)
	if !ok {
		return st, false
	}
	if rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), `"`); ok {
		if rest, ok = st.scanISO(rest); ok && st.zoned {
			return st, true
		}
	}
	return st, ok && st.scanEast(strings.TrimPrefix(rest, " "))
}

// scanCommon reads "23/Nov/2026:18:00:49.123456789 +0000", as NCSA's common log format has it, but for the fraction.
func (s *stamp) scanCommon(t string) (rest string, ok bool) {
	if len(t) < len("23/Nov/2026:18:00:49 +0000") || t[2] != '/' || t[6] != '/' || t[11] != ':' || t[14] != ':' || t[17] != ':' {
		return t, false
	}
	parts := [...]struct {
		into     *int
		from, to int
	}{{&s.day, 0, 2}, {&s.year, 7, 11}, {&s.hour, 12, 14}, {&s.min, 15, 17}, {&s.sec, 18, 20}}
	for _, p := range parts {
		if *p.into, ok = number(t[p.from:p.to]); !ok {
			return t, false
		}
	}
	if s.month = monthOf(t[3:6]); s.month == 0 {
		return t, false
	}
	t = s.scanFraction(t[20:])
	if len(t) < len(" +0000") || t[0] != ' ' || !s.scanEast(t[1:]) {
		return t, false
	}
	return t[len(" +0000"):], true
}

// scanEast reads a zone as "+0100", which more may follow.
func (s *stamp) scanEast(t string) bool {
	if len(t) < len("+0000") || t[0] != '+' && t[0] != '-' {
		return false
	}
	hours, ok := number(t[1:3])
	minutes, too := number(t[3:5])
	if !ok || !too || hours > 18 || minutes > 59 {
		return false
	}
	s.zoned, s.east = true, hours*3600+minutes*60
	if t[0] == '-' {
		s.east = -s.east
	}
	return true
}
