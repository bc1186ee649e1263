package query

import "strings"

// The wildcards, as they stand in a pattern.
const (
	anyRun rune = -1 // *: any number of characters, none too
	anyOne rune = -2 // ?: one character
)

// pattern is a value of a query: its characters, with the wildcards apart from them.
type pattern []rune

// literal returns the text of a pattern without wildcards.
func (p pattern) literal() (string, bool) {
	for _, r := range p {
		if r < 0 {
			return "", false
		}
	}
	return string(p), true
}

// any reports whether the pattern matches all there is: one * or more, and nothing else.
func (p pattern) any() bool {
	for _, r := range p {
		if r != anyRun {
			return false
		}
	}
	return len(p) > 0
}

// prefix returns the text before the first wildcard, and whether all that follows is *.
func (p pattern) prefix() (text string, rest bool) {
	for i, r := range p {
		if r < 0 {
			return string(p[:i]), p[i:].any()
		}
	}
	return string(p), false
}

// pieces returns the runs of characters between the wildcards.
func (p pattern) pieces() []string {
	var pieces []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			pieces = append(pieces, b.String())
			b.Reset()
		}
	}
	for _, r := range p {
		if r < 0 {
			flush()
		} else {
			b.WriteRune(r)
		}
	}
	flush()
	return pieces
}

// match reports whether the pattern is the whole of s, case and all.
func (p pattern) match(s string) bool { return p.run(s, func(r rune) rune { return r }) }

// matchFold is match for a lower-cased pattern and any case of s.
func (p pattern) matchFold(s string) bool { return p.run(s, lower) }

// run is the matching of wildcards with one point to go back to: at most len(p)·len(s) steps.
func (p pattern) run(s string, fold func(rune) rune) bool {
	at, i := 0, 0
	starAt, starI := -1, 0
	for i < len(s) {
		r, size := decode(s, i)
		switch {
		case at < len(p) && p[at] == anyRun:
			starAt, starI = at, i
			at++
		case at < len(p) && (p[at] == anyOne || p[at] == fold(r)):
			at++
			i += size
		case starAt >= 0:
			_, size = decode(s, starI)
			starI += size
			at, i = starAt+1, starI
		default:
			return false
		}
	}
	return p[at:].any() || at == len(p)
}
