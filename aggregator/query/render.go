package query

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// render writes an expression anew, by a func that writes a class of characters. It says by ok whether the expression
// finds anything at all.
func render(tree *syntax.Regexp, class func([]rune) string) (text string, ok bool) {
	var b strings.Builder
	ok = renderTo(&b, tree, class)
	return b.String(), ok
}

func renderTo(b *strings.Builder, tree *syntax.Regexp, class func([]rune) string) (ok bool) {
	one := func(pairs ...rune) bool {
		s := class(pairs)
		b.WriteString(s)
		return s != ""
	}
	sub := func() bool {
		b.WriteByte('(')
		ok := renderTo(b, tree.Sub[0], class)
		b.WriteByte(')')
		return ok
	}
	switch tree.Op {
	case syntax.OpEmptyMatch:
		b.WriteString("()")
		return true
	case syntax.OpLiteral:
		ok := true
		for _, r := range tree.Rune {
			ok = one(r, r) && ok
		}
		return ok
	case syntax.OpCharClass:
		return one(tree.Rune...)
	case syntax.OpAnyChar:
		return one(0, unicode.MaxRune)
	case syntax.OpCapture:
		return sub()
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return renderRepeat(b, tree, class)
	case syntax.OpConcat:
		ok := true
		for _, s := range tree.Sub {
			ok = renderTo(b, s, class) && ok
		}
		return ok
	case syntax.OpAlternate:
		return renderAlternate(b, tree, class)
	}
	return false // OpNoMatch; there are no others in the subset
}

func renderRepeat(b *strings.Builder, tree *syntax.Regexp, class func([]rune) string) bool {
	lo, hi := tree.Min, tree.Max
	switch tree.Op {
	case syntax.OpStar:
		lo, hi = 0, -1
	case syntax.OpPlus:
		lo, hi = 1, -1
	case syntax.OpQuest:
		lo, hi = 0, 1
	}
	text, ok := render(tree.Sub[0], class)
	switch {
	case !ok && lo > 0:
		return false
	case !ok:
		b.WriteString("()")
		return true
	}
	b.WriteString("(" + text + ")")
	switch {
	case lo == 0 && hi < 0:
		b.WriteByte('*')
	case lo == 1 && hi < 0:
		b.WriteByte('+')
	case lo == 0 && hi == 1:
		b.WriteByte('?')
	case hi < 0:
		fmt.Fprintf(b, "{%d,}", lo)
	case lo == hi:
		fmt.Fprintf(b, "{%d}", lo)
	default:
		fmt.Fprintf(b, "{%d,%d}", lo, hi)
	}
	return true
}

func renderAlternate(b *strings.Builder, tree *syntax.Regexp, class func([]rune) string) bool {
	var kept []string
	for _, s := range tree.Sub {
		if text, ok := render(s, class); ok {
			kept = append(kept, text)
		}
	}
	b.WriteString("(" + strings.Join(kept, "|") + ")")
	return len(kept) > 0
}

// classRE2 writes a class for RE2.
func classRE2(pairs []rune) string {
	switch {
	case len(pairs) == 0:
		return ""
	case len(pairs) == 2 && pairs[0] == pairs[1]:
		return regexp.QuoteMeta(string(pairs[0]))
	case len(pairs) == 2 && pairs[0] == 0 && pairs[1] == unicode.MaxRune:
		return `(?s:.)`
	}
	return bracketed(pairs, inBrackets)
}

// bracketed writes the pairs of a class in brackets, each character as write does.
func bracketed(pairs []rune, write func(rune) string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(write(pairs[i]))
		if pairs[i] != pairs[i+1] {
			b.WriteString("-" + write(pairs[i+1]))
		}
	}
	b.WriteByte(']')
	return b.String()
}

func inBrackets(r rune) string {
	if r < utf8.RuneSelf && isWordRune(r) {
		return string(r)
	}
	return fmt.Sprintf(`\x{%X}`, r)
}

// escapedRunes are the characters that event.AppendString writes as an escape.
func escapedRunes() []rune {
	return []rune{0, 0x1f, '"', '"', '\\', '\\', 0x7f, 0x9f, 0x2028, 0x2029}
}

// classJSON writes a class for RE2 as its characters stand in a JSON string that event.AppendString wrote.
func classJSON(pairs []rune) string {
	if len(pairs) == 2 && pairs[0] == 0 && pairs[1] == unicode.MaxRune {
		return jsonOne
	}
	verbatim, escaped := without(pairs, escapedRunes()), intersect(pairs, escapedRunes())
	if len(escaped) == 0 {
		return classRE2(verbatim)
	}
	var alternatives []string
	if len(verbatim) > 0 {
		alternatives = append(alternatives, classRE2(verbatim))
	}
	for i := 0; i < len(escaped); i += 2 {
		for r := escaped[i]; r <= escaped[i+1]; r++ {
			alternatives = append(alternatives, regexp.QuoteMeta(escapeOf(r)))
		}
	}
	return "(?:" + strings.Join(alternatives, "|") + ")"
}
