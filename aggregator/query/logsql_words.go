package query

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// What stands between two words could be asked of logstorage by a regular expression, and so could a word with a
// wildcard in front. But that takes it longer than reading the events takes, by far: so Match is asked about them.

func (n words) logsql(b bound) filter {
	filters := make([]filter, len(n.fieldNames))
	for i, f := range n.fieldNames {
		c, ok := columnOf(f)
		if !ok {
			filters[i] = unknown(b)
			continue
		}
		one, exact := filter(""), false
		if len(n.words) == 1 {
			one, exact = c.oneWord(b, n.words[0])
		}
		switch {
		case exact:
			filters[i] = one
		case b == atLeast:
			filters[i] = c.wordsAtLeast(n.words)
		default:
			filters[i] = c.wordsAtMost(n.words)
		}
	}
	return either(filters...)
}

// oneWord finds a word, or the words that begin with a text; ok is false where that cannot be made exact. In a text with
// U+FFFD logstorage sees other words than we do.
func (c column) oneWord(b bound, p pattern) (f filter, ok bool) {
	usual, ok := c.word(p)
	if !ok {
		return "", false
	}
	expr := []string{p.wordExpression()}
	odd := every(c.re(string(utf8.RuneError)), c.re(inText(expr)))
	return c.values(b, either(usual, odd), c.re(inListWords(expr)), true), true
}

// wordsAtLeast finds the words in a plain value, and beside that in the two kinds of values where logstorage sees other
// words than we do: lists, where "\n" in JSON puts an n before a word, and text with U+FFFD.
func (c column) wordsAtLeast(w []pattern) filter {
	usual := make([]filter, 0, len(w))
	odd := make([]filter, 0, len(w)+1)
	odd = append(odd, either(c.arrays(atLeast), c.re(string(utf8.RuneError))))
	for _, p := range w {
		f, _ := c.word(p)
		usual = append(usual, f)
		odd = append(odd, c.fold(p))
	}
	return either(every(usual...), every(odd...))
}

// wordsAtMost finds the words where one space is between them.
func (c column) wordsAtMost(w []pattern) filter {
	texts := make([]string, len(w))
	for i, p := range w {
		text, literal := p.literal()
		if !literal {
			return nothing
		}
		texts[i] = text
	}
	phrase := strings.Join(texts, " ")
	if digits(phrase) {
		return nothing
	}
	return every(c.with("i("+quote(phrase)+")"), negate(c.arrays(atLeast)))
}

// word finds at least the texts with a word, those with U+FFFD apart, and says whether it finds no others. The
// case-insensitive filters of logstorage would miss digits in columns of numbers.
func (c column) word(p pattern) (f filter, same bool) {
	prefix, rest := p.prefix()
	text, literal := p.literal()
	switch {
	case literal && digits(text):
		return c.re(text), false
	case literal:
		return c.with("i(" + quote(text) + ")"), true
	case rest && prefix != "" && !digits(prefix):
		return c.with("i(" + quote(prefix) + "*)"), true
	case prefix != "" && !digits(prefix):
		return c.with("i(" + quote(prefix) + "*)"), false
	}
	return c.fold(p), false
}

// fold finds the longest piece of a word anywhere.
func (c column) fold(p pattern) filter {
	longest := ""
	for _, piece := range p.pieces() {
		if len(piece) > len(longest) {
			longest = piece
		}
	}
	if longest == "" {
		return c.with("*")
	}
	return c.re(foldRegexp(longest))
}

// foldRegexp returns an RE2 that finds a lower-cased text in any case that lower makes equal to it, and perhaps in
// others. Case folding in RE2 knows all of them but one: the capital dotted I, which lower makes an i.
func foldRegexp(text string) string {
	if digits(text) {
		return text
	}
	return "(?i)" + strings.ReplaceAll(text, "i", "[iİ]") // a word has no signs
}

// inText finds a text with such words in a row.
func inText(exprs []string) string {
	return "(?:^|" + gapChar + ")" + strings.Join(exprs, gapChar+"+") + "(?:$|" + gapChar + ")"
}

// wordExpression writes the beginning of a word, or all of one, as a regular expression that finds it in any case.
func (p pattern) wordExpression() string {
	var b strings.Builder
	for _, r := range p {
		if r == anyRun {
			b.WriteString(wordChar + "*")
		} else {
			b.WriteString(classRE2(casesOf(r)))
		}
	}
	return b.String()
}

func digits(s string) bool { return strings.Trim(s, "0123456789_") == "" }

func (n wordRegex) logsql(b bound) filter {
	filters := make([]filter, len(n.fieldNames))
	for i, f := range n.fieldNames {
		c, ok := columnOf(f)
		switch {
		case !ok:
			filters[i] = unknown(b)
		case b == atMost:
			filters[i] = nothing
		default:
			filters[i] = c.wordsAtLeast([]pattern{n.outline()})
		}
	}
	return either(filters...)
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
