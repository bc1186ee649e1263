package parse

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanJSON reads a text that is one JSON object (RFC 8259) and nothing else. The objects in it are flattened, their
// names joined by dots; a list of scalars has several values, and one that holds objects is kept as it is written.
func (b *body) scanJSON(text string) bool {
	if text == "" || text[0] != '{' {
		return false
	}
	end := b.object(text, 0, 1)
	return end > 0 && strings.Trim(text[end:], " \t\r\n") == "" && len(b.pairs) > 0
}

// object reads the object at s[i], and returns where it ends, 0 if it is none.
func (b *body) object(s string, i, depth int) int {
	if i = skipSpace(s, i+1); i < len(s) && s[i] == '}' {
		return i + 1
	}
	for {
		key, at, ok := jsonString(s, i)
		if !ok {
			return 0
		}
		if i = skipSpace(s, at); i >= len(s) || s[i] != ':' {
			return 0
		}
		if i = b.member(s, skipSpace(s, i+1), key, depth); i == 0 {
			return 0
		}
		switch i = skipSpace(s, i); {
		case i < len(s) && s[i] == ',':
			i = skipSpace(s, i+1)
		case i < len(s) && s[i] == '}':
			return i + 1
		default:
			return 0
		}
	}
}

// member reads the value at s[i].
func (b *body) member(s string, i int, key string, depth int) int {
	if i >= len(s) {
		return 0
	}
	switch s[i] {
	case '{':
		if depth < maxBodyDepth && len(b.path)+len(key) < maxLabel {
			n := len(b.path)
			b.path = append(append(b.path, key...), '.')
			end := b.object(s, i, depth+1)
			b.path = b.path[:n]
			return end
		}
		return b.tree(s, i, key)
	case '[':
		return b.array(s, i, key)
	}
	value, k, end := jsonScalar(s, i)
	if end > 0 {
		b.add(key, value, k, false)
	}
	return end
}

// array reads the list at s[i].
func (b *body) array(s string, begin int, key string) int {
	first := len(b.pairs)
	i := skipSpace(s, begin+1)
	if i < len(s) && s[i] == ']' {
		return i + 1
	}
	for i < len(s) {
		if s[i] == '{' || s[i] == '[' {
			b.pairs = b.pairs[:first]
			return b.tree(s, begin, key)
		}
		value, k, end := jsonScalar(s, i)
		if end == 0 {
			return 0
		}
		b.add(key, value, k, true)
		switch i = skipSpace(s, end); {
		case i < len(s) && s[i] == ',':
			i = skipSpace(s, i+1)
		case i < len(s) && s[i] == ']':
			if len(b.pairs) == first+1 {
				b.pairs[first].list = false
			}
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// tree takes the value at s[i] as it is written.
func (b *body) tree(s string, i int, key string) int {
	end := skipJSON(s, i, 0)
	if end > 0 {
		b.add(key, s[i:end], isTree, false)
	}
	return end
}

// maxJSONDepth bounds what is skipped: the text is walked by recursion.
const maxJSONDepth = 200

// skipJSON returns where the value at s[i] ends, 0 if it is none.
func skipJSON(s string, i, depth int) int {
	if i >= len(s) || depth > maxJSONDepth {
		return 0
	}
	open := s[i]
	if open != '{' && open != '[' {
		_, _, end := jsonScalar(s, i)
		return end
	}
	shut := open + 2 // in ASCII
	if i = skipSpace(s, i+1); i < len(s) && s[i] == shut {
		return i + 1
	}
	for i < len(s) {
		if open == '{' {
			_, at, ok := jsonString(s, i)
			if at = skipSpace(s, at); !ok || at >= len(s) || s[at] != ':' {
				return 0
			}
			i = skipSpace(s, at+1)
		}
		if i = skipJSON(s, i, depth+1); i == 0 {
			return 0
		}
		switch i = skipSpace(s, i); {
		case i < len(s) && s[i] == ',':
			i = skipSpace(s, i+1)
		case i < len(s) && s[i] == shut:
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// jsonScalar reads the string, the number or the word at s[i]. The value of null is "".
func jsonScalar(s string, i int) (value string, k kind, end int) {
	if i >= len(s) {
		return "", isText, 0
	}
	switch rest := s[i:]; {
	case rest[0] == '"':
		value, end, ok := jsonString(s, i)
		if !ok {
			end = 0
		}
		return value, isText, end
	case strings.HasPrefix(rest, "true"):
		return rest[:4], isLogic, i + 4
	case strings.HasPrefix(rest, "false"):
		return rest[:5], isLogic, i + 5
	case strings.HasPrefix(rest, "null"):
		return "", isLogic, i + 4
	}
	n := numberLength(s[i:])
	if n == 0 {
		return "", isNumeric, 0
	}
	return s[i : i+n], isNumeric, i + n
}

// numberLength returns the length of the number of JSON at the start of s, 0 if there is none.
func numberLength(s string) int {
	rest := strings.TrimPrefix(s, "-")
	whole, rest := digits(rest)
	if whole == "" || whole[0] == '0' && len(whole) > 1 {
		return 0
	}
	if rest != "" && rest[0] == '.' {
		fraction, after := digits(rest[1:])
		if fraction == "" {
			return 0
		}
		rest = after
	}
	if rest != "" && rest[0]|0x20 == 'e' {
		exponent := rest[1:]
		if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
			exponent = exponent[1:]
		}
		power, after := digits(exponent)
		if power == "" {
			return 0
		}
		rest = after
	}
	return len(s) - len(rest)
}

// jsonString reads the string at s[i]. It is a part of s, unless it has escapes.
func jsonString(s string, i int) (value string, end int, ok bool) {
	if i >= len(s) || s[i] != '"' {
		return "", 0, false
	}
	inside := s[i+1:]
	quote := strings.IndexByte(inside, '"')
	if quote < 0 {
		return "", 0, false
	}
	if strings.IndexByte(inside[:quote], '\\') < 0 {
		return inside[:quote], i + quote + 2, true
	}
	quote = quoteEnd(inside, '"')
	if quote < 0 {
		return "", 0, false
	}
	value, ok = unescape(inside[:quote])
	return value, i + quote + 2, ok
}

// quoteEnd returns where the quote ends that s is behind the beginning of, -1 if it does not.
func quoteEnd(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case quote:
			return i
		case '\\':
			i++
		}
	}
	return -1
}

// unescape decodes the escapes of JSON (RFC 8259, section 7), which are those of most quotes. Half a surrogate pair
// becomes U+FFFD. It reports false where there is another escape.
func unescape(s string) (string, bool) {
	var out strings.Builder
	out.Grow(len(s))
	for {
		at := strings.IndexByte(s, '\\')
		if at < 0 {
			out.WriteString(s)
			return out.String(), true
		}
		out.WriteString(s[:at])
		if s = s[at+1:]; s == "" {
			return "", false
		}
		if s[0] == 'u' {
			r, n := escapedRune(s[1:])
			if n == 0 {
				return "", false
			}
			out.WriteRune(r)
			s = s[1+n:]
			continue
		}
		c := plainOf[s[0]]
		if c == 0 {
			return "", false
		}
		out.WriteByte(c)
		s = s[1:]
	}
}

// plainOf holds what the escapes of one letter stand for.
var plainOf = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escapedRune reads what follows "\u", and the other half of a surrogate pair, and returns its length.
func escapedRune(s string) (r rune, length int) {
	r, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 4
	}
	if rest, ok := strings.CutPrefix(s[4:], `\u`); ok {
		if low, ok := hex4(rest); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return both, 10
			}
		}
	}
	return utf8.RuneError, 4
}

func hex4(s string) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, ok := hexNumber(s[:4])
	return rune(n), ok
}
