package query

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// odd finds the documents of which the column of a field does not say all.
func odd(field string) dsl { return term(OddField, field) }

func term(path string, value any) dsl { return dsl{"term": dsl{path: dsl{"value": value}}} }

func between(path string, edges dsl) dsl { return dsl{"range": dsl{path: edges}} }

// unsure is a condition on what the column holds, while the values that it does not hold may meet it too.
func unsure(field string, held dsl, b bound) dsl {
	if b == atLeast {
		return anyOf(held, odd(field))
	}
	return held
}

// there finds the documents with a field.
func (c Column) there(field string, b bound) dsl {
	switch {
	case c.Kind == ColumnFlat && b == atMost:
		return odd(field)
	case c.Kind == ColumnFlat: // those with any field of the object
		return anyOf(dsl{"exists": dsl{"field": strings.TrimSuffix(c.Path, "."+field)}}, odd(field))
	}
	return anyOf(dsl{"exists": dsl{"field": c.Path}}, odd(field))
}

// some is what can be said of a value of a field if there is no query for it.
func (c Column) some(field string, b bound) dsl {
	if b == atMost {
		return matchNone()
	}
	return c.there(field, b)
}

// of returns the column of a field; ok is false where nothing can be asked of it. A path with a star would be taken for
// many fields, and no key has a NUL or is that long.
func (s Schema) of(field string) (c Column, ok bool) {
	switch c = s(field); {
	case c.Kind == ColumnNone, strings.ContainsRune(c.Path, '*'):
		return c, false
	case c.Kind == ColumnRest || c.Kind == ColumnFlat:
		return c, len(field) <= MaxKeyword && strings.IndexByte(field, 0) < 0 && utf8.ValidString(field)
	}
	return c, true
}

func (n exists) elastic(s Schema, b bound) dsl {
	c, ok := s.of(n.field)
	if !ok {
		return vague(b)
	}
	return c.there(n.field, b)
}

func (n exact) elastic(s Schema, b bound) dsl {
	c, ok := s.of(n.field)
	switch {
	case !ok:
		return vague(b)
	case c.Kind == ColumnWords:
		return c.wholeText(n, b)
	case c.Kind == ColumnBool && (n.value == "true" || n.value == "false"):
		return unsure(n.field, term(c.Path, n.value == "true"), b) // a list with anything else in it may not be held
	case (c.Kind == ColumnKeyword || c.Kind == ColumnRest || c.Kind == ColumnFlat) && c.Kind.Holds(n.value):
		return term(c.Path, n.value)
	case b == atMost:
		return matchNone()
	}
	return odd(n.field) // too long, or not of the type
}

// wholeText finds the texts that may be a value: those with its words.
func (c Column) wholeText(n exact, b bound) dsl {
	w := wordsOf(pattern(n.value))
	switch {
	case b == atMost:
		return matchNone()
	case len(w) == 0:
		return odd(n.field)
	}
	return words{[]string{n.field}, w}.column(c, n.field, b)
}

func (n like) elastic(s Schema, b bound) dsl {
	c, ok := s.of(n.field)
	if !ok {
		return vague(b)
	}
	switch c.Kind {
	case ColumnKeyword:
		if q := wildcard(c.Path, n.value); q != nil {
			return unsure(n.field, q, b)
		}
	case ColumnBool:
		held := make([]dsl, 0, 2)
		for _, v := range []bool{false, true} {
			if n.value.match(map[bool]string{false: "false", true: "true"}[v]) {
				held = append(held, term(c.Path, v))
			}
		}
		return unsure(n.field, anyOf(held...), b)
	}
	return c.some(n.field, b)
}

// wildcard finds a pattern in a keyword, or among the words of a text. It is nil if that is too much to ask.
func wildcard(path string, p pattern) dsl {
	if prefix, rest := p.prefix(); rest {
		if len(prefix) > maxBound {
			return nil
		}
		return dsl{"prefix": dsl{path: dsl{"value": prefix}}}
	}
	if tree, err := syntax.Parse(p.expression(classRE2), regexFlags); err != nil || tooComplex(tree) {
		return nil
	}
	var b strings.Builder
	for _, r := range p {
		switch r {
		case anyOne:
			b.WriteByte('?')
		case anyRun:
			b.WriteByte('*')
		case '*', '?', '\\':
			b.WriteByte('\\')
			fallthrough
		default:
			b.WriteRune(r)
		}
	}
	return dsl{"wildcard": dsl{path: dsl{"value": b.String()}}}
}

// maxLucene is the longest regular expression that an index takes (index.max_regex_length), in UTF-16 units.
const maxLucene = 1000

// lucene finds a regular expression in a keyword, or among the words of a text. It is nil if that is too much to ask.
func lucene(path, expr string) dsl {
	if len(expr) > maxLucene {
		return nil
	}
	return dsl{"regexp": dsl{path: dsl{"value": expr, "flags": "NONE"}}}
}

func (n regex) elastic(s Schema, b bound) dsl {
	c, ok := s.of(n.field)
	if !ok {
		return vague(b)
	}
	if c.Kind == ColumnKeyword {
		expr, found := render(n.tree, classLucene)
		if !found {
			return matchNone()
		}
		if q := lucene(c.Path, expr); q != nil {
			return unsure(n.field, q, b)
		}
	}
	return c.some(n.field, b)
}

// classLucene writes a class for Lucene.
func classLucene(pairs []rune) string {
	switch {
	case len(pairs) == 0:
		return ""
	case len(pairs) == 2 && pairs[0] == pairs[1]:
		return luceneRune(pairs[0])
	case len(pairs) == 2 && pairs[0] == 0 && pairs[1] == unicode.MaxRune:
		return "."
	}
	return bracketed(pairs, luceneRune)
}

// luceneRune writes a character that means itself.
func luceneRune(r rune) string {
	if r < utf8.RuneSelf && !isWordRune(r) {
		return `\` + string(r)
	}
	return string(r)
}
