package query

import (
	"strings"
	"unicode/utf8"
)

// maxSequence bounds the regular expression of a sequence: logstorage parses it in more than linear time.
const maxSequence = 12

func (n words) logsql(b bound) filter {
	filters := make([]filter, len(n.fieldNames))
	for i, f := range n.fieldNames {
		c, ok := columnOf(f)
		switch {
		case !ok:
			filters[i] = unknown(b)
		case b == atMost && len(n.words) > maxSequence:
			filters[i] = nothing
		default:
			filters[i] = c.words(b, n.words)
		}
	}
	return either(filters...)
}

// words finds words in a row. In a text with U+FFFD logstorage sees other words than we do.
func (c column) words(b bound, w []pattern) filter {
	exprs := make([]string, 0, min(len(w), maxSequence))
	for _, p := range w[:min(len(w), maxSequence)] {
		exprs = append(exprs, p.wordExpression())
	}
	sequence := c.re(inText(exprs))
	usual := make([]filter, 0, len(w)+1)
	whole := len(w) == 1 // the filters of the words say all
	for _, p := range w {
		f, same := c.word(p)
		usual = append(usual, f)
		whole = whole && same
	}
	if !whole {
		usual = append(usual, sequence)
	}
	odd := every(c.re(string(utf8.RuneError)), sequence)
	return c.values(b, either(every(usual...), odd), c.re(inListWords(exprs)), true)
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
	return c.with("*"), false
}

// inText finds a text with such words in a row.
func inText(exprs []string) string {
	return "(?:^|" + gapChar + ")" + strings.Join(exprs, gapChar+"+") + "(?:$|" + gapChar + ")"
}

// wordExpression writes a pattern as a regular expression that finds it in any case.
func (p pattern) wordExpression() string {
	if p.any() {
		return wordChar + "+"
	}
	var b strings.Builder
	for _, r := range p {
		switch r {
		case anyOne:
			b.WriteString(wordChar)
		case anyRun:
			b.WriteString(wordChar + "*")
		default:
			b.WriteString(classRE2(casesOf(r)))
		}
	}
	return b.String()
}

func digits(s string) bool { return strings.Trim(s, "0123456789_") == "" }

func (n wordRegex) logsql(b bound) filter {
	expr, ok := render(n.any, classWord)
	if !ok {
		return nothing
	}
	exprs := []string{"(?:" + expr + ")"}
	filters := make([]filter, len(n.fieldNames))
	for i, f := range n.fieldNames {
		c, ok := columnOf(f)
		switch {
		case !ok:
			filters[i] = unknown(b)
		case n.re.MatchString(""): // which is no word
			filters[i] = c.some(b)
		default:
			filters[i] = c.values(b, c.re(inText(exprs)), c.re(inListWords(exprs)), true)
		}
	}
	return either(filters...)
}
