package app

import (
	"strings"
)

// wordsOf returns what of a query is worth to be seen in what it found: words and values, lower-cased, without those that
// stand behind NOT. It is no parser of queries: what it gets wrong is a matter of colour.
func wordsOf(query string) (words []string) {
	negated := false
	for _, term := range terms(query) {
		bare := strings.TrimLeft(term, "(")
		switch {
		case bare == "AND", bare == "OR", bare == "&&", bare == "||":
			continue
		case bare == "NOT", bare == "!":
			negated = true
			continue
		case negated, strings.HasPrefix(bare, "-"), strings.HasPrefix(bare, "!"):
			negated = false
			continue
		}
		if field, value, ok := strings.Cut(bare, ":"); ok && !strings.Contains(field, `"`) {
			if field == "_exists_" {
				continue
			}
			bare = value
		}
		bare = strings.ToLower(strings.Trim(bare, `()"`))
		if !strings.ContainsAny(bare, `*?\`) && len(bare) > 1 {
			words = append(words, bare)
		}
	}
	return words
}

// terms splits a query at blanks that stand outside of quotes.
func terms(query string) []string {
	quoted := false
	return strings.FieldsFunc(query, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t' || r == '\n')
	})
}

// highlight colours words in a text that is printable already. The words are lower-cased.
func (s screen) highlight(text string, words []string) string {
	if !s.colour || len(words) == 0 {
		return text
	}
	low := lowerASCII(text)
	var b strings.Builder
	for at := 0; at < len(text); {
		first, size := len(text), 0
		for _, w := range words {
			if i := strings.Index(low[at:], w); i >= 0 && (at+i < first || at+i == first && len(w) > size) {
				first, size = at+i, len(w)
			}
		}
		b.WriteString(text[at:first])
		b.WriteString(s.paint(foundAs, text[first:first+size]))
		at = first + size
	}
	return b.String()
}

// lowerASCII keeps every byte in its place.
func lowerASCII(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
