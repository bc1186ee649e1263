package event

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// AppendJSON appends the event as one nested ECS object, names in order, without a line end. Where one name is a
// scalar and the prefix of another ("a" and "a.b"), the longer one keeps its dots.
func (e *Event) AppendJSON(dst []byte) []byte {
	fields := slices.Clone(e.Fields)
	slices.SortStableFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	w := writer{buf: append(dst, '{')}
	for len(fields) > 0 {
		n := 1
		for n < len(fields) && fields[n].Name == fields[0].Name {
			n++
		}
		w.field(fields[0].Name, fields[:n], fields[n:])
		fields = fields[n:]
	}
	w.closeTo(0)
	return append(w.buf, '}')
}

// writer holds the open objects of an encoding.
type writer struct {
	buf     []byte
	open    []string // names of the objects that are open, outermost first
	scalars []string // scalars written so far that a longer name may have as a prefix
}

func (w *writer) field(name string, values, rest []Field) {
	path := w.path(name)
	same := 0
	for same < len(w.open) && same < len(path)-1 && w.open[same] == path[same] {
		same++
	}
	w.closeTo(same)
	for _, p := range path[same : len(path)-1] {
		w.key(p)
		w.buf = append(w.buf, '{')
		w.open = append(w.open, p)
	}
	w.key(path[len(path)-1])
	w.value(name, values)
	if len(rest) > 0 && strings.HasPrefix(rest[0].Name, name) {
		w.scalars = append(w.scalars, name+".")
	}
}

// path splits a name, but for what would lie inside a scalar.
func (w *writer) path(name string) []string {
	path := strings.Split(name, ".")
	for _, s := range w.scalars {
		if strings.HasPrefix(name, s) {
			depth := strings.Count(s, ".") - 1
			return append(path[:depth:depth], strings.Join(path[depth:], "."))
		}
	}
	return path
}

func (w *writer) closeTo(depth int) {
	for len(w.open) > depth {
		w.buf = append(w.buf, '}')
		w.open = w.open[:len(w.open)-1]
	}
}

func (w *writer) key(k string) {
	if last := w.buf[len(w.buf)-1]; last != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = AppendString(w.buf, k)
	w.buf = append(w.buf, ':')
}

func (w *writer) value(name string, values []Field) {
	if len(values) == 1 && !IsList(name) {
		w.buf = appendValue(w.buf, TypeOf(name), values[0].Value)
		return
	}
	w.buf = append(w.buf, '[')
	for i, v := range values {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = appendValue(w.buf, TypeOf(name), v.Value)
	}
	w.buf = append(w.buf, ']')
}

// appendValue writes a number or a boolean bare only if it is one: a value that its type does not fit stays a string.
func appendValue(dst []byte, t Type, v string) []byte {
	switch t {
	case Long:
		// "007" and "+7" are other texts than 7: reading must give back what was written.
		n, err := strconv.ParseInt(v, 10, 64)
		if bare := strconv.AppendInt(dst, n, 10); err == nil && string(bare[len(dst):]) == v {
			return bare
		}
	case Float:
		if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) && json.Valid([]byte(v)) {
			return append(dst, v...)
		}
	case Bool:
		if v == "true" || v == "false" {
			return append(dst, v...)
		}
	}
	return AppendString(dst, v)
}

// verbatim are the bytes that a JSON string holds as they are: one look at a table for each byte of each line.
var verbatim = func() (t [256]bool) {
	for c := range byte(0x7f) {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string (RFC 8259, section 7). Control characters, DEL and the C1 range are escaped,
// so that the text is safe on a terminal; bytes that are not UTF-8 become U+FFFD.
func AppendString[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if verbatim[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 || r < 0xa0 || r == '\u2028' || r == '\u2029' {
			dst = append(dst, s[start:i]...)
			dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
