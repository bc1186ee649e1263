package parse

import "strings"

// inKey has the bytes of a pair's name.
var inKey = func() (t [256]bool) {
	for c := range t {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		t[c] = letter || strings.IndexByte("_.@-", byte(c)) >= 0
	}
	return t
}()

// keyLength returns the length of the name of a pair at the start of s, 0 if there is none.
func keyLength(s string) int {
	if s == "" || s[0]-'0' <= 9 || s[0] == '.' || s[0] == '-' {
		return 0
	}
	i := 0
	for i < len(s) && inKey[s[i]] {
		i++
	}
	if i == len(s) || s[i] != '=' {
		return 0
	}
	return i
}

// beginsPair reports whether the first word of a text may be a pair.
func beginsPair(s string) bool { return keyLength(s) > 0 }

// leastPairs are needed for a text to be one of pairs: prose may begin with one.
const leastPairs = 2

// scanPairs reads a text that is nothing but pairs, at least two:
//
//	time=2026-11-23T17:54:31Z level=info msg="it \"works\"" n=1     logfmt
//	key=value, key2="v 2"; key3='v 3'                              pairs with commas or semicolons
//
// Each name is of letters, digits and "_.@-", and does not begin with a digit; only behind the first pair it may be in quotes. A value in quotes ends where they do; any
// other ends at a blank. One word that is no pair makes all of it prose. "key: value" is never read: people write so.
func (b *body) scanPairs(text string) bool {
	rest := strings.TrimRight(text, " \t\r\n")
	for rest != "" {
		key, after := pairKey(rest)
		if key == "" {
			return false
		}
		value, after, ok := pairValue(after)
		if !ok {
			return false
		}
		b.add(key, value, isText, false)
		rest = trimBlanks(after)
	}
	return len(b.pairs) >= leastPairs
}

// pairKey reads a name and the "=" behind it. Go's slog writes names in quotes that would not be one otherwise.
func pairKey(s string) (key, rest string) {
	if n := keyLength(s); n > 0 {
		return s[:n], s[n+1:]
	}
	if s[0] != '"' {
		return "", s
	}
	end := quoteEnd(s[1:], '"')
	if end < 1 || !strings.HasPrefix(s[end+2:], "=") {
		return "", s
	}
	return unquoted(s[1 : end+1]), s[end+3:]
}

// pairValue reads a value and the separator behind it.
func pairValue(s string) (value, rest string, ok bool) {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		end := quoteEnd(s[1:], s[0])
		if end < 0 {
			return "", "", false
		}
		value, rest = unquoted(s[1:end+1]), s[end+2:]
		if rest != "" && (rest[0] == ',' || rest[0] == ';') {
			rest = rest[1:]
		}
		return value, rest, rest == "" || rest[0] == ' ' || rest[0] == '\t'
	}
	end := strings.IndexAny(s, " \t")
	if end < 0 {
		end = len(s)
	}
	value, rest = s[:end], s[end:]
	if n := len(value) - 1; n >= 0 && (value[n] == ',' || value[n] == ';') {
		value = value[:n]
	}
	return value, rest, true
}

// unquoted decodes what stood in quotes. Where not all that look like escapes are some, as in a path of Windows, none is.
func unquoted(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	if plain, ok := unescape(s); ok {
		return plain
	}
	return s
}
