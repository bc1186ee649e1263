package parse

import (
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep JSON may be nested.
const maxDepth = 32

// jsonScan reads JSON from left to right, in parts of the text: it allocates nothing. Where the text is none, or ends
// before the JSON does, everything after reports false.
type jsonScan struct {
	text  string
	at    int
	first bool // no member of the innermost object or list was read yet
	bad   bool // it is no JSON
	cut   bool // the text ended before the JSON did
}

// peek returns the next byte that is no white space, 0 at the end.
func (j *jsonScan) peek() byte {
	for ; j.at < len(j.text); j.at++ {
		switch j.text[j.at] {
		case ' ', '\t', '\n', '\r':
		default:
			return j.text[j.at]
		}
	}
	return 0
}

// take reads one byte.
func (j *jsonScan) take(c byte) bool {
	switch got := j.peek(); {
	case j.bad || j.cut:
		return false
	case got == c:
		j.at++
		return true
	case got == 0:
		j.cut = true
	default:
		j.bad = true
	}
	return false
}

// enter reads the bracket that opens an object or a list.
func (j *jsonScan) enter(open byte) bool {
	j.first = j.take(open)
	return j.first
}

// more reports whether another member follows, and reads what stands before it, or the bracket that closes.
func (j *jsonScan) more(closing byte) bool {
	first := j.first
	j.first = false
	if !j.bad && !j.cut && j.peek() == closing {
		j.at++
		return false
	}
	return !j.bad && !j.cut && j.peek() != 0 && (first || j.take(',')) || j.end()
}

// end notes that the text ended, and reports false.
func (j *jsonScan) end() bool {
	j.cut = j.cut || !j.bad
	return false
}

// str reads a string, as it is written between its quotes.
func (j *jsonScan) str() (string, bool) {
	if !j.take('"') {
		return "", false
	}
	start := j.at
	for ; j.at < len(j.text); j.at++ {
		switch c := j.text[j.at]; {
		case c == '\\':
			j.at++
		case c == '"':
			j.at++
			return j.text[start : j.at-1], true
		case c < ' ':
			j.bad = true
			return "", false
		}
	}
	j.at = len(j.text) // a backslash may have stood last
	return "", j.end()
}

// key reads the name of a member and the colon.
func (j *jsonScan) key() (string, bool) {
	name, ok := j.str()
	return name, ok && j.take(':')
}

// word reads a number, true, false or null.
func (j *jsonScan) word() (string, bool) {
	j.peek()
	start := j.at
	for j.at < len(j.text) && strings.IndexByte("+-.0123456789Eaeflnrstu", j.text[j.at]) >= 0 {
		j.at++
	}
	if j.at == len(j.text) {
		return "", j.end()
	}
	j.bad = j.bad || j.at == start
	return j.text[start:j.at], !j.bad && !j.cut
}

// value reads any value, as it is written; a string without its quotes. kind is its first byte.
func (j *jsonScan) value() (raw string, kind byte, ok bool) {
	switch kind = j.peek(); kind {
	case '"':
		raw, ok = j.str()
	case '{', '[':
		start := j.at
		ok = j.skip(0)
		raw = j.text[start:j.at]
	default:
		raw, ok = j.word()
	}
	return raw, kind, ok
}

// skip reads an object or a list.
func (j *jsonScan) skip(depth int) bool {
	open := j.peek()
	if depth == maxDepth {
		j.bad = true
		return false
	}
	if open != '{' && open != '[' {
		_, _, ok := j.value()
		return ok
	}
	j.enter(open)
	for j.more(open + 2) { // ']' is two behind '[', and '}' behind '{'
		if open == '{' {
			j.key()
		}
		j.skip(depth + 1)
	}
	return !j.bad && !j.cut
}

// decoded takes the escapes out of a string of JSON, as unescape does; what is no escape of JSON stays, without its "\".
func decoded(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	text := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			text = append(text, raw[i])
			continue
		}
		i++
		switch c := raw[i]; {
		case c == 'u':
			r, n := escapedRune(raw[i+1:])
			if n == 0 {
				r = utf8.RuneError
			}
			text = utf8.AppendRune(text, r)
			i += n
		case plainOf[c] != 0:
			text = append(text, plainOf[c])
		default:
			text = append(text, c)
		}
	}
	return string(text)
}
