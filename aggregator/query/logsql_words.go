package query

import (
	"regexp"
	"strings"
)

func (n words) logsql(b bound) filter {
	filters := make([]filter, len(n.fields))
	for i, f := range n.fields {
		c, ok := columnOf(f)
		switch {
		case !ok:
			filters[i] = unknown(b)
		case b == atLeast:
			filters[i] = c.wordsAtLeast(n.words)
		default:
			filters[i] = c.wordsAtMost(n.words)
		}
	}
	return either(filters...)
}

// wordsAtLeast finds the words in a plain value, and beside that in the two kinds of values where logstorage sees
// other words than we do: lists, where "\n" in JSON puts an n before a word, and text with U+FFFD, which it takes for
// a part of a word.
func (c column) wordsAtLeast(w []pattern) filter {
	scalar := make([]filter, 0, len(w)+1)
	odd := make([]filter, 0, len(w)+1)
	odd = append(odd, either(c.list(), c.re("\uFFFD")))
	exact := true
	for _, p := range w {
		scalar = append(scalar, c.word(p))
		odd = append(odd, c.fold(p))
		_, literal := p.literal()
		exact = exact && literal
	}
	if exact && len(w) > 1 {
		scalar = append(scalar, c.sequence(w))
	}
	return either(every(scalar...), every(odd...))
}

// word finds one word. The case-insensitive filters of logstorage would miss digits in columns of numbers.
func (c column) word(p pattern) filter {
	prefix, rest := p.prefix()
	text, literal := p.literal()
	switch {
	case literal && digits(text):
		return c.re(text)
	case literal:
		return c.with("i(" + quote(text) + ")")
	case rest && prefix != "" && !digits(prefix):
		return c.with("i(" + quote(prefix) + "*)")
	}
	return c.fold(p)
}

// fold finds the pieces of a word anywhere.
func (c column) fold(p pattern) filter {
	var filters []filter
	for _, piece := range p.pieces() {
		filters = append(filters, c.re(foldRegexp(piece)))
	}
	if len(filters) == 0 {
		return c.with("*")
	}
	return every(filters...)
}

// maxSequence bounds the regular expression of a sequence: logstorage parses it in more than linear time.
const maxSequence = 12

// sequence finds the first words in their order, with no ASCII letter, digit or '_' between them.
func (c column) sequence(w []pattern) filter {
	w = w[:min(len(w), maxSequence)]
	exprs := make([]string, len(w))
	for i, p := range w {
		text, _ := p.literal()
		exprs[i] = foldRegexp(text)
	}
	return c.re(strings.Join(exprs, "[^0-9A-Za-z_]+"))
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
	return every(c.with("i("+quote(phrase)+")"), negate(c.list()))
}

// foldRegexp returns an RE2 that finds a lower-cased text in any case that lower makes equal to it. Case folding in
// RE2 knows all of them but one: the capital dotted I, which lower makes an i.
func foldRegexp(text string) string {
	if digits(text) {
		return text
	}
	return "(?i)" + strings.ReplaceAll(regexp.QuoteMeta(text), "i", "[iİ]")
}

func digits(s string) bool { return strings.Trim(s, "0123456789_") == "" }
