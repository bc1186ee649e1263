package query

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// What stands between two words could be asked of logstorage by a regular expression, and so could a word with a
// wildcard in front. But that takes it longer than reading the events takes, by far: so Match is asked about them.

func (n words) logsql(b bound) filter {
	return anyText(b, n.fieldNames, n.words)
}

// anyText finds values of some text fields with such words in a row.
func anyText(b bound, fields []string, w []pattern) filter {
	filters := make([]filter, len(fields))
	for i, f := range fields {
		c, _ := columnOf(f)
		t := text{c, []column{foldedOf(f)}}
		asked := len(w) == 1 && slices.Contains(fields, "message")
		if f == "event.original" && b == atLeast && !asked { // see FoldedColumn
			t.folded = append(t.folded, foldedOf("message"))
		}
		filters[i] = t.words(b, w)
	}
	return either(filters...)
}

// text is the column of a text field, and those of its folded words.
type text struct {
	column
	folded []column
}

func foldedOf(field string) column { return column{text: quote(FoldedColumn(field)) + ":"} }

// words finds values with such words in a row.
func (t text) words(b bound, w []pattern) filter {
	if one, exact := t.word(w[0]); exact && len(w) == 1 {
		return one
	}
	if b == atMost {
		return t.wordsAtMost(w)
	}
	each := make([]filter, len(w))
	for i, p := range w {
		each[i], _ = t.word(p)
	}
	return every(each...)
}

// wordsAtMost finds the words where they are written in lower case, with one space between them.
func (t text) wordsAtMost(w []pattern) filter {
	texts := make([]string, len(w))
	for i, p := range w {
		word, literal := p.literal()
		if !literal {
			return nothing
		}
		texts[i] = word
	}
	phrase := strings.Join(texts, " ")
	if digits(phrase) {
		return nothing
	}
	return every(t.with(quote(phrase)), negate(t.array))
}

// word finds at least the values with a word, and says whether it finds no others. In columns of numbers logstorage may
// take a word of digits for a number that is written in another way.
func (t text) word(p pattern) (f filter, exact bool) {
	prefix, rest := p.prefix()
	word, literal := p.literal()
	switch {
	case literal:
		return t.either(quote(word)), !digits(word) || plainNumber(word)
	case prefix != "" && !digits(prefix):
		return t.either(quote(prefix) + "*"), rest
	}
	longest := ""
	for _, piece := range p.pieces() {
		if len(piece) > len(longest) {
			longest = piece
		}
	}
	if longest == "" {
		return t.with("*"), false
	}
	return t.either("~" + quote(longest)), false // a word has no signs
}

// either joins a condition on the text of a value that stands alone with the same on the folded words.
func (t text) either(condition string) filter {
	filters := []filter{every(t.with(condition), negate(t.array))}
	for _, c := range t.folded {
		filters = append(filters, c.with(condition))
	}
	return either(filters...)
}

func plainNumber(s string) bool { _, ok := parseLong(s); return ok }

func digits(s string) bool { return strings.Trim(s, "0123456789_") == "" }

func (n wordRegex) logsql(b bound) filter {
	if b == atMost {
		return nothing
	}
	return anyText(b, n.fieldNames, []pattern{n.outline()})
}

// outline returns a pattern that finds all that an expression finds.
func (n wordRegex) outline() pattern {
	tree := n.tree
	p := pattern{}
	if tree.Op == syntax.OpConcat && tree.Sub[0].Op == syntax.OpLiteral {
		tree = tree.Sub[0]
	}
	if tree.Op == syntax.OpLiteral && isWord(string(tree.Rune)) {
		p = append(p, tree.Rune...)
	}
	if p = append(p, anyRun); len(p) > 1 {
		return p
	}
	for _, text := range literals(n.tree) {
		if isWord(text) {
			p = append(append(p, []rune(text)...), anyRun)
		}
	}
	return p
}

func isWord(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !isWordRune(r) }) < 0
}

// literals returns the texts that each value has in it that an expression finds.
func literals(tree *syntax.Regexp) []string {
	switch tree.Op {
	case syntax.OpLiteral:
		return []string{string(tree.Rune)}
	case syntax.OpCapture:
		return literals(tree.Sub[0])
	case syntax.OpConcat:
		var all []string
		for _, s := range tree.Sub {
			all = append(all, literals(s)...)
		}
		return all
	}
	return nil
}
