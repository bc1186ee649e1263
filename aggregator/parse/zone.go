package parse

import "time"

// maxZone bounds a zone's word, as "UTC+07:30".
const maxZone = 10

// setZone notes the zone that a line names behind its time: an offset if the word tells it, or the word.
func (s *stamp) setZone(word string) {
	if east, ok := zoneOffset(word); ok {
		s.zoned, s.east = true, east
		return
	}
	s.zone = word
}

// zoneOffset reads "UTC+1", "GMT-03:30", "+0100". A word like CET is not read here: the host's own zone may have it.
func zoneOffset(word string) (east int, ok bool) {
	switch word {
	case "UTC", "GMT", "Z", "UT", "utc", "gmt":
		return 0, true
	}
	if len(word) > 4 && (word[:3] == "UTC" || word[:3] == "GMT") {
		word = word[3:]
	}
	if len(word) < 2 || word[0] != '+' && word[0] != '-' {
		return 0, false
	}
	hours, rest, ok := upTo(word[1:], 2)
	if ok && rest != "" && rest[0] == ':' {
		rest = rest[1:]
	}
	minutes := 0
	if ok && rest != "" {
		minutes, rest, ok = fixed(rest, 2)
	}
	if !ok || rest != "" || hours > 14 || minutes > 59 {
		return 0, false
	}
	east = hours*3600 + minutes*60
	if word[0] == '-' {
		east = -east
	}
	return east, true
}

// scanZoneWord reads the zone behind a time and a blank: " CET host …", " +0100 host …". It returns what follows, which
// is all of t where the word is none that is known: it may be the host.
func (s *stamp) scanZoneWord(t string) string {
	c := t[1]
	if c-'A' >= 26 && c != '+' && c != '-' {
		return t
	}
	end := 2
	for end < len(t) && end <= maxZone && t[end] != ' ' && (t[end] != ':' || end+1 < len(t) && t[end+1] != ' ') {
		end++
	}
	word := t[1:end]
	if end > maxZone || end == len(t) || !isZoneWord(word) {
		return t
	}
	s.setZone(word)
	return t[end:]
}

// isZoneWord reports whether a word can only be a zone.
func isZoneWord(word string) bool {
	if _, ok := zoneOffset(word); ok {
		return true
	}
	_, ok := zoneEast(word)
	return ok
}

// zoneEast returns how many seconds a zone is ahead of UTC: the zones of RFC 5322, section 4.3, and others that have
// one meaning, or one that is by far the most common. IST is not among them.
func zoneEast(word string) (east int, ok bool) {
	if len(word) < 2 || len(word) > 5 {
		return 0, false
	}
	var upper [5]byte
	for i := range len(word) {
		upper[i] = word[i] &^ 0x20
	}
	quarters := 0 // of an hour
	switch string(upper[:len(word)]) {
	case "WET":
	case "BST", "CET", "WEST", "MEZ", "WAT":
		quarters = 1 * 4
	case "CEST", "EET", "MESZ", "SAST", "CAT":
		quarters = 2 * 4
	case "EEST", "MSK", "EAT", "IDT":
		quarters = 3 * 4
	case "GST":
		quarters = 4 * 4
	case "PKT":
		quarters = 5 * 4
	case "WIB":
		quarters = 7 * 4
	case "SGT", "HKT", "AWST", "PHT", "MYT":
		quarters = 8 * 4
	case "JST", "KST":
		quarters = 9 * 4
	case "ACST":
		quarters = 9*4 + 2
	case "AEST":
		quarters = 10 * 4
	case "ACDT":
		quarters = 10*4 + 2
	case "AEDT":
		quarters = 11 * 4
	case "NZST":
		quarters = 12 * 4
	case "NZDT":
		quarters = 13 * 4
	case "BRT", "ART", "ADT":
		quarters = -3 * 4
	case "NDT":
		quarters = -2*4 - 2
	case "NST":
		quarters = -3*4 - 2
	case "EDT", "AST":
		quarters = -4 * 4
	case "EST", "CDT":
		quarters = -5 * 4
	case "CST", "MDT":
		quarters = -6 * 4
	case "MST", "PDT":
		quarters = -7 * 4
	case "PST", "AKDT":
		quarters = -8 * 4
	case "AKST":
		quarters = -9 * 4
	case "HST":
		quarters = -10 * 4
	default:
		return 0, false
	}
	return quarters * 15 * 60, true
}

// eastOf returns what a zone's word means near a time, in seconds east of UTC: what the host's own zone means by it, or
// what most do. t is the time as it is written, in UTC.
func eastOf(word string, loc *time.Location, t time.Time) (east int, ok bool) {
	for _, near := range [...]time.Duration{-future, future} {
		if name, seconds := t.Add(near).In(loc).Zone(); name == word {
			return seconds, true
		}
	}
	return zoneEast(word)
}
