package query

import (
	"fmt"
	"strings"
	"unicode"

	"belfry/shared/event"
)

// foreign explains the signs that other languages or a word processor's quotes bring along.
var foreign = map[rune]string{
	'\'': "single quotes do not quote",
	'“':  "typographic quotes do not quote",
	'”':  "typographic quotes do not quote",
	'„':  "typographic quotes do not quote",
}

// bare reads a run without quotes: an operator, the name of a field with its colon, or a value.
func (l *lexer) bare() error {
	start := l.at
	if err := l.start(); err != nil {
		return err
	}
	value, err := l.run()
	if err != nil {
		return err
	}
	text := string(l.src[start:l.at])
	if l.peek(0) == ':' {
		return l.field(start, value)
	}
	if k, ok := operators[text]; ok {
		l.emit(token{kind: k, col: start + 1, text: text})
		return nil
	}
	if err := l.mistaken(start, text); err != nil {
		return err
	}
	l.emit(token{kind: tValue, col: start + 1, text: text, value: value, bare: true})
	return nil
}

var operators = map[string]kind{"AND": tAnd, "OR": tOr, "NOT": tNot}

// mistaken refuses what would be searched for as words, and was hardly meant so: operators in lower case and of other
// languages, and comparisons of a field without the colon.
func (l *lexer) mistaken(start int, text string) error {
	if l.afterField() {
		return nil
	}
	if up := strings.ToUpper(text); operators[up] != 0 {
		return l.fail(start+1, show(text)+" is no operator", fmt.Sprintf(`write %s; for the word itself put it into quotes, as "%s"`, up, text))
	}
	name, rest := text, ""
	if i := strings.IndexAny(text, "=<>~!"); i > 0 {
		name, rest = text[:i], text[i:]
	}
	if rest == "" || !likeField(name) {
		return nil
	}
	column := start + 1 + len([]rune(name))
	sign := rest[:len(rest)-len(strings.TrimLeft(rest, "=<>~!"))]
	hint := "write " + name + ":value"
	switch sign {
	case "<", ">", "<=", ">=":
		hint = "write " + name + ":" + sign + "value"
	case "!=", "<>":
		hint = "write NOT " + name + ":value"
	case "~", "=~":
		hint = "write " + name + ":/expression/"
	}
	return l.fail(column, show(sign)+" is no operator behind a field", hint+"; for the text itself use quotes")
}

// likeField reports whether a word looks like the name of an ECS field: dotted, in lower case, or a known one.
func likeField(s string) bool {
	if event.TypeOf(s) != event.Keyword || s == "tags" {
		return true
	}
	first, rest, dotted := strings.Cut(s, ".")
	return dotted && first != "" && rest != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_.") == ""
}

// start refuses the characters that no value begins with.
func (l *lexer) start() error {
	r := l.src[l.at]
	if problem, ok := foreign[r]; ok && (r != '\'' || l.afterField()) {
		return l.fail(l.at+1, problem, `use "`)
	}
	switch {
	case r == ':' && !l.afterField():
		return l.fail(l.at+1, "there is no field before the colon", `write field:value, or ":" for the sign itself`)
	case r == '&' || r == '|':
		return l.fail(l.at+1, fmt.Sprintf("%q alone means nothing", r), fmt.Sprintf("write %c%c", r, r))
	case r == '+' && !l.afterField():
		return l.fail(l.at+1, `"+" means nothing`,
			"terms side by side must all be there; for the sign itself use quotes")
	}
	return nil
}

// run reads up to the end of a value: space, a parenthesis, an operator, or the colon behind the name of a field.
func (l *lexer) run() (pattern, error) {
	var value pattern
	for start := l.at; l.at < len(l.src); l.at++ {
		switch r := l.src[l.at]; {
		case unicode.IsSpace(r) || r == ')' || r == ':' && !l.afterField() ||
			r == '&' && l.peek(1) == '&' || r == '|' && l.peek(1) == '|':
			return value, nil
		case r == '(':
			if _, ok := operators[string(l.src[start:l.at])]; ok {
				return value, nil
			}
			return nil, l.fail(l.at+1, `"(" within a word`,
				"put the words into quotes, or a space before the parenthesis")
		case r == '"':
			return nil, l.fail(l.at+1, "a quote within a word",
				`put all of it into quotes, or write \" for the sign itself`)
		case r == '\\':
			if l.at++; l.at == len(l.src) {
				return nil, l.fail(l.at, `nothing follows the \`, `write \\ for the sign itself`)
			}
			value = append(value, l.src[l.at])
		case r == '*':
			value = append(value, anyRun)
		case r == '?':
			value = append(value, anyOne)
		default:
			value = append(value, r)
		}
	}
	return value, nil
}

// field takes the run before a colon as the name of a field. The lexer stands on the colon.
func (l *lexer) field(start int, value pattern) error {
	name, ok := value.literal()
	if !ok {
		return l.fail(start+1, "the name of a field with a wildcard", `name one field, or put the value into quotes`)
	}
	if strings.Trim(name, "0123456789") == "" {
		return l.fail(start+1, show(name)+" is not the name of a field", `a time or an address goes into quotes`)
	}
	l.at++
	l.emit(token{kind: tField, col: start + 1, text: name})
	return nil
}
