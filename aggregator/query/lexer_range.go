package query

import (
	"fmt"
	"strings"
	"unicode"
)

// edge is one end of a range.
type edge struct {
	text string
	col  int
	in   bool // the value itself belongs to the range
	open bool // there is no end
}

// openRange reads [low TO high] with either bracket on either side. The lexer stands on the first.
func (l *lexer) openRange() error {
	start := l.at
	t := token{kind: tRange, col: start + 1, low: edge{in: l.src[start] == '['}}
	l.at++
	if err := l.edge(&t.low); err != nil {
		return err
	}
	l.space()
	if !l.keyword("TO") {
		hint := `a range is written [low TO high], with * where it has no end`
		if l.at == len(l.src) {
			return l.fail(start+1, fmt.Sprintf("this %q is never closed", l.src[start]), hint+"; for the sign itself use quotes")
		}
		return l.fail(l.at+1, "TO is missing in this range", hint)
	}
	if err := l.edge(&t.high); err != nil {
		return err
	}
	l.space()
	switch l.peek(0) {
	case ']':
		t.high.in = true
	case '}':
	default:
		if l.at == len(l.src) {
			return l.fail(start+1, fmt.Sprintf("this %q is never closed", l.src[start]), `add a "]", or a "}" if the end itself is not meant`)
		}
		return l.fail(l.at+1, "the end of the range is missing here", `write ] or }, and put a value with spaces into quotes`)
	}
	l.at++
	return l.endSign(start, t)
}

// keyword takes a word that stands alone.
func (l *lexer) keyword(word string) bool {
	end := l.at + len(word)
	if end >= len(l.src) || string(l.src[l.at:end]) != word || !unicode.IsSpace(l.src[end]) {
		return false
	}
	l.at = end
	return true
}

// comparison reads >=10 and its like.
func (l *lexer) comparison() error {
	start := l.at
	up := l.src[start] == '>'
	l.at++
	in := l.peek(0) == '='
	if in {
		l.at++
	}
	t := token{kind: tRange, col: start + 1, low: edge{open: true}, high: edge{open: true}}
	side := &t.high
	if up {
		side = &t.low
	}
	*side = edge{in: in}
	if err := l.edge(side); err != nil {
		return err
	}
	if side.open {
		return l.fail(side.col, "* is no value to compare with", "write field:* for any value")
	}
	return l.endSign(start, t)
}

// edge reads one value of a range: in quotes, or up to a space, a bracket or a parenthesis.
func (l *lexer) edge(e *edge) error {
	l.space()
	e.col = l.at + 1
	if l.peek(0) == '"' {
		value, err := l.inQuotes()
		e.text = string(value)
		if err == nil && e.text == "" {
			err = l.fail(e.col, "the value is empty", "write * where the range has no end")
		}
		return err
	}
	var b strings.Builder
	start := l.at
	for ; l.at < len(l.src); l.at++ {
		r := l.src[l.at]
		if unicode.IsSpace(r) || strings.ContainsRune(`]})`, r) {
			break
		}
		switch {
		case strings.ContainsRune(`[{(<>="`, r):
			return l.fail(l.at+1, fmt.Sprintf("%q within a range", r), "put the value into quotes")
		case r == '\\' && l.at+1 < len(l.src):
			l.at++
			r = l.src[l.at]
		}
		b.WriteRune(r)
	}
	e.text = b.String()
	if e.open = string(l.src[start:l.at]) == "*"; e.open {
		e.text = ""
		return nil
	}
	if e.text == "" {
		return l.fail(e.col, "a value is missing here", "as in field:>=10 and field:[1 TO *]")
	}
	return nil
}

// expression reads a regular expression: what ends with the next slash, behind which a value may end. Without that it is
// a path, as /usr/bin/su*. The lexer stands on its first slash.
func (l *lexer) expression() error {
	start := l.at
	class, open := false, 0
	for l.at++; ; l.at++ {
		if l.at == len(l.src) {
			if class && l.slashEnds(start) {
				return l.fail(open+1, `this "[" is never closed`, `add a "]", or write \[ for the sign itself; a path stands in quotes`)
			}
			l.at = start
			return l.bare()
		}
		switch r := l.src[l.at]; {
		case r == '\\':
			if l.at+1 < len(l.src) {
				l.at++
			}
		case r == '[' && !class:
			class, open = true, l.at
		case r == ']':
			class = false
		case r == '/' && !class:
			l.at++
			return l.endExpression(start)
		}
	}
}

// slashEnds reports whether what begins at start has a slash at its end too, so that an expression is meant.
func (l *lexer) slashEnds(start int) bool {
	end := start + 1
	for end < len(l.src) && !unicode.IsSpace(l.src[end]) && l.src[end] != ')' {
		end++
	}
	return end > start+1 && l.src[end-1] == '/'
}

func (l *lexer) endExpression(start int) error {
	body := l.src[start+1 : l.at-1]
	if len(body) == 0 {
		return l.fail(start+1, "this regular expression is empty", `for the sign itself use quotes, as "//"`)
	}
	if l.at < len(l.src) && !l.ends() {
		l.at = start
		return l.bare()
	}
	l.emit(token{kind: tRegex, col: start + 1, text: string(l.src[start:l.at]), body: body})
	return nil
}

// endSign emits a range, behind which something must end.
func (l *lexer) endSign(start int, t token) error {
	if l.at < len(l.src) && !l.ends() {
		return l.fail(l.at+1, "there is no space behind the range", "put a value with such signs into quotes")
	}
	t.text = string(l.src[start:l.at])
	l.emit(t)
	return nil
}

// ends reports whether a value may end before the next character.
func (l *lexer) ends() bool {
	return unicode.IsSpace(l.src[l.at]) || strings.ContainsRune("()&|", l.src[l.at])
}
