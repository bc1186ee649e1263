package parse

import "strings"

// prefixed is what reads the lines that begin with a prefix. It gets what follows that.
type prefixed[F any] struct {
	prefix string
	scan   F
}

// prefixes holds scanners by the first byte of their prefix, so that a line is compared with few of them. Of one byte
// they are tried in the order in which they were listed.
type prefixes[F any] [256][]prefixed[F]

func byPrefix[F any](all []prefixed[F]) *prefixes[F] {
	t := new(prefixes[F])
	for _, f := range all {
		t[f.prefix[0]] = append(t[f.prefix[0]], f)
	}
	return t
}

// of returns those that a text may begin with.
func (t *prefixes[F]) of(text string) []prefixed[F] {
	if text == "" {
		return nil
	}
	return t[text[0]]
}

// lineScanner reads what follows a prefix, and reports whether it understood it. Where it did not, it writes nothing.
type lineScanner = func(p *Parser, l *line, rest string) bool

// scanPrefixed reads a text by the first scanner that knows it.
func scanPrefixed(t *prefixes[lineScanner], p *Parser, l *line, text string) bool {
	for _, f := range t.of(text) {
		if rest, ok := strings.CutPrefix(text, f.prefix); ok && f.scan(p, l, rest) {
			return true
		}
	}
	return false
}
