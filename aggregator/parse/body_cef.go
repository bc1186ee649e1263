package parse

import "strings"

// scanCEF reads the Common Event Format of ArcSight (Implementing ArcSight CEF, version 25):
//
//	CEF:0|vendor|product|version|signature id|name|severity|key=value with blanks key2=value2
//
// In the parts before the pairs, "|" and "\" have a "\" before them; in the values "=", "\" and line ends have.
func (b *body) scanCEF(text string) bool {
	rest := text[len("CEF:"):]
	var field [7]string
	for i := range field {
		part, after, ok := cefField(rest)
		if !ok {
			if i < 6 {
				return false
			}
			part, after = rest, "" // there are no pairs
		}
		field[i], rest = part, after
	}
	if !isDecimal(field[0]) || field[1] == "" && field[2] == "" {
		return false
	}
	b.device(field[1:])
	b.cefPairs(trimBlanks(rest))
	return true
}

// cefField cuts off what comes before the next "|".
func cefField(s string) (field, rest string, ok bool) {
	end := quoteEnd(s, '|')
	if end < 0 {
		return "", s, false
	}
	return unslash(s[:end]), s[end+1:], true
}

// device adds what CEF and LEEF say first: vendor, product, version, the event's code, and in CEF its name and severity.
func (b *body) device(field []string) {
	names := [...]string{"device.vendor", "device.product", "device.version", "device.event_id", "device.name", "device.severity"}
	for i, v := range field {
		b.add(names[i], v, isText, false)
	}
}

// cefPairs adds the pairs of an extension. A value ends where the next name begins: at the last blank before a "=" that
// has no "\" before it.
func (b *body) cefPairs(s string) {
	n := cefKey(s)
	for n > 0 {
		key, rest := s[:n], s[n+1:]
		end, next := cefValueEnd(rest)
		b.add(key, unslash(strings.TrimRight(rest[:end], " ")), isText, false)
		s, n = rest[min(end+1, len(rest)):], next
	}
	if s != "" {
		b.add("device.rest", s, isText, false)
	}
}

// cefValueEnd returns where a value ends, and the length of the name behind it, 0 if there is none.
func cefValueEnd(s string) (end, next int) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ' ':
			if n := cefKey(s[i+1:]); n > 0 {
				return i, n
			}
		}
	}
	return len(s), 0
}

// cefKey returns the length of the name of a pair at the start of s, 0 if there is none. Names are of letters and
// digits, but some products write more.
func cefKey(s string) int {
	i := 0
	for i < len(s) && (inKey[s[i]] || s[i] == '[' || s[i] == ']') {
		i++
	}
	if i == len(s) || s[i] != '=' {
		return 0
	}
	return i
}

// unslash takes the "\" away from before "|", "=" and "\"; "\n" and "\r" are line ends.
func unslash(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case '|', '=', '\\':
				i++
				c = s[i]
			case 'n':
				i++
				c = '\n'
			case 'r':
				i++
				c = '\r'
			}
		}
		out.WriteByte(c)
	}
	return out.String()
}

// scanLEEF reads the Log Event Extended Format of QRadar (IBM, LEEF version 1.0 and 2.0):
//
//	LEEF:1.0|vendor|product|version|event id|key=value<tab>key2=value2
//	LEEF:2.0|vendor|product|version|event id|delimiter|key=value…
//
// where the delimiter is a character, or its code as "x09" or "0x09"; none is a tab.
func (b *body) scanLEEF(text string) bool {
	version, rest, ok := strings.Cut(text[len("LEEF:"):], "|")
	if !ok || version != "1.0" && version != "2.0" {
		return false
	}
	var field [4]string
	for i := range field {
		if field[i], rest, ok = strings.Cut(rest, "|"); !ok {
			return false
		}
	}
	sep := "\t"
	if d, after, ok := strings.Cut(rest, "|"); ok && version == "2.0" {
		if c, ok := leefDelimiter(d); ok {
			sep, rest = c, after
		}
	}
	b.device(field[:])
	for pair := range strings.SplitSeq(rest, sep) {
		key, value, ok := strings.Cut(strings.TrimLeft(pair, " "), "=")
		if ok && key != "" {
			b.add(key, value, isText, false)
		} else if pair != "" {
			b.add("device.rest", pair, isText, true)
		}
	}
	return true
}

// leefDelimiter returns the character that parts the pairs.
func leefDelimiter(s string) (string, bool) {
	switch code := strings.TrimPrefix(strings.TrimPrefix(s, "0"), "x"); {
	case s == "":
		return "\t", true
	case len(s) == 1:
		return s, true
	case len(code) == len(s) || len(code) > 2 || code == "":
		return "", false
	default:
		r, ok := hex4("0000"[len(code):] + code)
		return string(r), ok && r < 0x80
	}
}
