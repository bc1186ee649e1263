package query

import (
	"strings"
	"unicode/utf8"
)

// MaxWord is the longest word that a column of words holds whole, in bytes: the tokenizer whitespace cuts those of more
// than 255 UTF-16 units in two. Of a longer one the column has the beginning and cutMark, and the field is odd.
const MaxWord = 255

// cutMark stands for the rest of a word, of which the first cutAt bytes are held; no word has it.
const (
	cutMark = "…"
	cutAt   = 240
)

func phraseWords(s string) int { return strings.Count(s, " ") + 1 }

func (n words) elastic(s Schema, b bound) dsl {
	queries := make([]dsl, len(n.fieldNames))
	for i, f := range n.fieldNames {
		c, ok := s.of(f)
		switch {
		case !ok:
			queries[i] = vague(b)
		case c.Kind != ColumnWords:
			queries[i] = c.some(f, b)
		default:
			queries[i] = n.column(c, f, b)
		}
	}
	return anyOf(queries...)
}

// column asks one field for the words.
func (n words) column(c Column, field string, b bound) dsl {
	texts := make([]string, 0, len(n.words))
	held := make([]dsl, 0, len(n.words))
	cut, literal := false, true
	for _, p := range n.words {
		text, ok := p.literal()
		if !ok {
			literal = false
			q := wildcard(c.Path, p)
			if q == nil {
				return c.some(field, b)
			}
			held = append(held, q)
			continue
		}
		whole := cutWord(text)
		cut = cut || whole != text
		texts = append(texts, whole)
		held = append(held, term(c.Path, whole))
	}
	switch {
	case cut && b == atMost:
		return matchNone()
	case literal && len(texts) == 1:
		return held[0]
	case literal:
		return dsl{"match_phrase": dsl{c.Path: dsl{"query": strings.Join(texts, " ")}}}
	case len(n.words) > 1 && b == atMost:
		return matchNone()
	}
	q := allOf(held...)
	if prefix, rest := n.words[0].prefix(); len(n.words) == 1 && rest && len(prefix) <= cutAt-utf8.UTFMax {
		return q // the beginning of a word is held in any case
	}
	return mostly(field, q, b)
}

// mostly is a condition that a document may meet by half a word, or by a word that is held in half only.
func mostly(field string, held dsl, b bound) dsl {
	if b == atLeast {
		return anyOf(held, odd(field))
	}
	return allOf(held, noneOf(odd(field)))
}

// cutWord returns a word as a column of words holds it.
func cutWord[S string | []byte](w S) S {
	if len(w) <= MaxWord {
		return w
	}
	n := cutAt
	for !utf8.RuneStart(w[n]) {
		n--
	}
	return S(string(w[:n]) + cutMark)
}

func (n wordRegex) elastic(s Schema, b bound) dsl {
	expr, found := render(n.tree, classLucene)
	if !found {
		return matchNone()
	}
	queries := make([]dsl, len(n.fieldNames))
	for i, f := range n.fieldNames {
		c, ok := s.of(f)
		if !ok {
			queries[i] = vague(b)
			continue
		}
		q := lucene(c.Path, expr)
		if c.Kind != ColumnWords || q == nil {
			queries[i] = c.some(f, b)
			continue
		}
		queries[i] = mostly(f, q, b)
	}
	return anyOf(queries...)
}
