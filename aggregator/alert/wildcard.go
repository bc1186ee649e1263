package alert

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The wildcards within a pattern.
const (
	anyRun rune = -1 // *
	anyOne rune = -2 // ?
)

// pattern is a Sigma value: its characters, with the wildcards apart from them.
type pattern []rune

// parsePattern reads a Sigma string: * and ? are wildcards; a backslash before them or another backslash takes their
// meaning away, and stands for itself before anything else.
func parsePattern(s string) pattern {
	var p pattern
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == '*':
			p = append(p, anyRun)
		case r == '?':
			p = append(p, anyOne)
		case r == '\\' && i+1 < len(runes) && strings.ContainsRune(`*?\`, runes[i+1]):
			i++
			p = append(p, runes[i])
		default:
			p = append(p, r)
		}
	}
	return p
}

func lower(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(r)
}

func same(r rune) rune { return r }

func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			for _, r := range s[i:] {
				dst = utf8.AppendRune(dst, lower(r))
			}
			return dst
		}
		dst = append(dst, byte(lower(rune(s[i]))))
	}
	return dst
}

// literal returns the text of a pattern without wildcards.
func (p pattern) literal() (string, bool) {
	for _, r := range p {
		if r < 0 {
			return "", false
		}
	}
	return string(p), true
}

// test returns a func that tells whether the pattern is the whole of a value.
func (p pattern) test(cased bool) func(string) bool {
	fold := lower
	if cased {
		fold = same
	}
	q := make(pattern, 0, len(p))
	for _, r := range p {
		if r >= 0 {
			r = fold(r)
		} else if r == anyRun && len(q) > 0 && q[len(q)-1] == anyRun {
			continue
		}
		q = append(q, r)
	}
	if len(q) > 2 && q[0] == anyRun && q[len(q)-1] == anyRun {
		if middle, ok := q[1 : len(q)-1].literal(); ok {
			return func(v string) bool { return contains(v, middle, fold) }
		}
	}
	return func(v string) bool { return q.match(v, fold) }
}

// match is the matching of wildcards with one point to go back to: at most len(p)·len(s) steps.
func (p pattern) match(s string, fold func(rune) rune) bool {
	at, i := 0, 0
	starAt, starI := -1, 0
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case at < len(p) && p[at] == anyRun:
			starAt, starI = at, i
			at++
		case at < len(p) && (p[at] == anyOne || p[at] == fold(r)):
			at++
			i += size
		case starAt >= 0:
			_, size = utf8.DecodeRuneInString(s[starI:])
			starI += size
			at, i = starAt+1, starI
		default:
			return false
		}
	}
	return at == len(p) || at == len(p)-1 && p[at] == anyRun
}

// contains reports whether a folded text stands anywhere in s.
func contains(s, folded string, fold func(rune) rune) bool {
	first, _ := utf8.DecodeRuneInString(folded)
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if fold(r) == first && hasPrefix(s[i:], folded, fold) {
			return true
		}
		i += size
	}
	return false
}

func hasPrefix(s, folded string, fold func(rune) rune) bool {
	i := 0
	for _, want := range folded {
		if i == len(s) {
			return false
		}
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if fold(r) != want {
			return false
		}
		i += size
	}
	return true
}
