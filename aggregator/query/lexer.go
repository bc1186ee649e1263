package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	tEnd kind = iota
	tOpen
	tClose
	tAnd
	tOr
	tNot
	tField // a name with the colon behind it
	tValue
	tRange
	tRegex
)

// token is one sign of a query.
type token struct {
	kind  kind
	col   int     // of its first character, from 1
	text  string  // as it was written; of a field: its name
	value pattern // of a value
	bare  bool    // a value without quotes
	low   edge    // of a range
	high  edge
	body  []rune // of a regular expression, between the slashes
}

// lexer splits a query into tokens. It works on characters, because columns are counted in them.
type lexer struct {
	text   string
	src    []rune
	at     int // of the next character
	tokens []token
}

// lex returns the tokens of a query, the last of them tEnd.
func lex(text string) ([]token, error) {
	l := &lexer{text: text}
	if len(text) > maxText {
		return nil, l.fail(1, fmt.Sprintf("a query of %d bytes is too long", len(text)),
			fmt.Sprintf("use no more than %d", maxText))
	}
	if !utf8.ValidString(text) {
		return nil, l.fail(invalidAt(text), "this byte is not UTF-8", "")
	}
	l.src = []rune(text)
	for {
		l.space()
		if l.at == len(l.src) {
			l.emit(token{kind: tEnd, col: l.at + 1})
			return l.tokens, nil
		}
		if err := l.next(); err != nil {
			return nil, err
		}
	}
}

func invalidAt(text string) int {
	column := 1
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			break
		}
		column++
	}
	return column
}

func (l *lexer) fail(column int, problem, hint string) error {
	return &Error{Column: column, Problem: problem, Hint: hint, Text: l.text}
}

func (l *lexer) space() {
	for l.at < len(l.src) && unicode.IsSpace(l.src[l.at]) {
		l.at++
	}
}

func (l *lexer) emit(t token) { l.tokens = append(l.tokens, t) }

// peek returns the character i places on, 0 behind the end.
func (l *lexer) peek(i int) rune {
	if l.at+i < len(l.src) {
		return l.src[l.at+i]
	}
	return 0
}

func (l *lexer) sign(k kind, length int) {
	l.emit(token{kind: k, col: l.at + 1, text: string(l.src[l.at : l.at+length])})
	l.at += length
}

// next reads one token. The lexer stands on a character that is not space.
func (l *lexer) next() error {
	switch r, after := l.src[l.at], l.peek(1); {
	case r == '(':
		l.sign(tOpen, 1)
	case r == ')':
		l.sign(tClose, 1)
	case r == '"':
		return l.quoted()
	case r == '[' || r == '{':
		return l.openRange()
	case r == '>' || r == '<':
		return l.comparison()
	case r == '/':
		return l.expression()
	case r == '&' && after == '&':
		l.sign(tAnd, 2)
	case r == '|' && after == '|':
		l.sign(tOr, 2)
	case (r == '!' || r == '-') && !l.afterField():
		if after == 0 || unicode.IsSpace(after) {
			return l.fail(l.at+1, fmt.Sprintf("%q excludes what stands right behind it, and there is nothing", r),
				`write it without a space, as -word, or write NOT`)
		}
		l.sign(tNot, 1)
	default:
		return l.bare()
	}
	return nil
}

// afterField reports whether the token before is a field, so that a value must follow.
func (l *lexer) afterField() bool {
	return len(l.tokens) > 0 && l.tokens[len(l.tokens)-1].kind == tField
}

// quoted reads what stands in quotes: a value, or with a colon behind it the name of a field.
func (l *lexer) quoted() error {
	start := l.at
	value, err := l.inQuotes()
	if err != nil {
		return err
	}
	return l.endQuoted(start, value)
}

// inQuotes reads up to the closing quote. The lexer stands on the first.
func (l *lexer) inQuotes() (pattern, error) {
	start := l.at
	var value pattern
	for l.at++; ; l.at++ {
		switch r, after := l.peek(0), l.peek(1); {
		case l.at == len(l.src):
			return nil, l.fail(start+1, "this quote is never closed", `add a " at the end, or write \" for the sign itself`)
		case r == '\\' && (after == '"' || after == '\\'):
			value = append(value, after)
			l.at++
		case r == '"':
			l.at++
			return value, nil
		default:
			value = append(value, r)
		}
	}
}

func (l *lexer) endQuoted(start int, value pattern) error {
	if l.peek(0) == ':' && !l.afterField() {
		l.at++
		l.emit(token{kind: tField, col: start + 1, text: string(value)})
		return nil
	}
	if l.at < len(l.src) && !l.ends() {
		return l.fail(l.at+1, "there is no space behind the closing quote",
			`put one there, or write \" for a quote inside the quotes`)
	}
	l.emit(token{kind: tValue, col: start + 1, text: string(l.src[start:l.at]), value: value})
	return nil
}
