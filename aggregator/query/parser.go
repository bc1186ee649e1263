package query

import (
	"fmt"
	"time"

	"belfry/shared/event"
)

// existsField is the name that asks for a field instead of a value.
const existsField = "_exists_"

// bareFields are where a term without a field is looked for.
var bareFields = []string{"message", "event.original"}

// parser builds the tree: or = and {OR and}, and = unary {[AND] unary}, unary = {NOT} primary.
type parser struct {
	text   string
	now    time.Time
	tokens []token // the last is tEnd
	at     int
	terms  int
	depth  int
	field  string // that the terms of this group belong to; "" at the top
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != tEnd {
		p.at++
	}
	return t
}

func (p *parser) fail(t token, problem, hint string) error {
	return &Error{Column: t.col, Problem: problem, Hint: hint, Text: p.text}
}

func (p *parser) query() (node, error) {
	if p.peek().kind == tEnd {
		return all{}, nil
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind == tClose {
		return nil, p.fail(t, `")" without a "("`, `remove it, or put it into quotes`)
	}
	return n, nil
}

func (p *parser) or() (node, error) {
	var kids []node
	for {
		n, err := p.and()
		if err != nil {
			return nil, err
		}
		kids = append(kids, n)
		if p.peek().kind != tOr {
			break
		}
		p.take()
	}
	if len(kids) == 1 {
		return kids[0], nil
	}
	return or{kids}, nil
}

func (p *parser) and() (node, error) {
	var kids []node
	for {
		n, err := p.unary()
		if err != nil {
			return nil, err
		}
		kids = append(kids, n)
		switch p.peek().kind {
		case tAnd:
			p.take()
		case tOr, tClose, tEnd:
			if len(kids) == 1 {
				return kids[0], nil
			}
			return and{kids}, nil
		}
	}
}

func (p *parser) unary() (node, error) {
	t := p.peek()
	if t.kind != tNot {
		return p.primary()
	}
	if err := p.enter(t); err != nil {
		return nil, err
	}
	defer p.leave()
	p.take()
	n, err := p.unary()
	if err != nil {
		return nil, err
	}
	return not{n}, nil
}

func (p *parser) enter(t token) error {
	if p.depth++; p.depth > maxDepth {
		return p.fail(t, fmt.Sprintf("nested deeper than %d", maxDepth), "write it flatter")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) primary() (node, error) {
	switch t := p.take(); t.kind {
	case tOpen:
		return p.group(t)
	case tField:
		return p.fieldTerm(t)
	case tValue, tRange, tRegex:
		return p.term(p.field, t)
	default:
		return nil, p.missing(t)
	}
}

// term makes the node of a value, a range or a regular expression.
func (p *parser) term(field string, t token) (node, error) {
	switch t.kind {
	case tRange:
		return p.between(field, t)
	case tRegex:
		return p.expression(field, t)
	}
	return p.leaf(field, t)
}

// missing says what is wrong with a token that stands where a term should.
func (p *parser) missing(t token) error {
	before := token{}
	if i := p.before(t); i >= 0 {
		before = p.tokens[i]
	}
	switch {
	case before.kind == tField:
		return p.fail(t, "a value is missing after "+before.text+":", `write field:value, or field:* for any value`)
	case before.kind == tOpen && t.kind == tClose:
		return p.fail(before, "the parentheses are empty", "put a term between them, or remove them")
	case before.kind == tAnd || before.kind == tOr || before.kind == tNot:
		return p.fail(before, before.text+" has nothing behind it", "add a term, or put the word into quotes")
	case t.kind == tAnd || t.kind == tOr:
		return p.fail(t, t.text+" has nothing before it", "add a term, or put the word into quotes")
	case t.kind == tClose:
		return p.fail(t, `")" without a "("`, "remove it, or put it into quotes")
	}
	return p.fail(t, "a term is missing", "add a word or field:value")
}

// before returns the index of the token before t, which was just taken or is the end.
func (p *parser) before(t token) int {
	if t.kind == tEnd {
		return p.at - 1
	}
	return p.at - 2
}

func (p *parser) group(open token) (node, error) {
	if err := p.enter(open); err != nil {
		return nil, err
	}
	defer p.leave()
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.take().kind != tClose {
		return nil, p.fail(open, `this "(" is never closed`, `add a ")", or put it into quotes`)
	}
	return n, nil
}

func (p *parser) fieldTerm(name token) (node, error) {
	if name.text == "" {
		return nil, p.fail(name, "the name of the field is empty", "write field:value")
	}
	if p.field != "" {
		return nil, p.fail(name, fmt.Sprintf("the field %s within the values of %s", show(name.text), show(p.field)),
			"close the parenthesis before it, or put the value into quotes")
	}
	switch t := p.take(); t.kind {
	case tValue, tRange, tRegex:
		return p.term(name.text, t)
	case tOpen:
		p.field = name.text
		n, err := p.group(t)
		p.field = ""
		return n, err
	default:
		return nil, p.missing(t)
	}
}

// leaf makes the node of one term.
func (p *parser) leaf(field string, t token) (node, error) {
	if err := p.spend(t, 1); err != nil {
		return nil, err
	}
	if len(t.value) == 0 {
		return nil, p.fail(t, "the value is empty", "an absent or empty field is found by NOT field:*")
	}
	if _, literal := t.value.literal(); !literal && len(t.value) > maxWild {
		return nil, p.fail(t, fmt.Sprintf("a value with wildcards of more than %d characters", maxWild),
			"use a part of it")
	}
	switch {
	case field == existsField:
		return p.exists(t)
	case field == "" && t.value.any():
		return all{}, nil
	case field == "":
		return p.words(bareFields, t)
	case t.value.any():
		return exists{field}, nil
	case event.TypeOf(field) == event.Text:
		return p.words([]string{field}, t)
	}
	return p.value(field, t)
}

// spend counts terms.
func (p *parser) spend(t token, terms int) error {
	if p.terms += terms; p.terms > maxTerms {
		return p.fail(t, fmt.Sprintf("more than %d terms", maxTerms), "ask in several queries")
	}
	return nil
}

func (p *parser) exists(t token) (node, error) {
	name, ok := t.value.literal()
	if !ok {
		return nil, p.fail(t, "the name of a field with a wildcard", "name one field")
	}
	return exists{name}, nil
}

func (p *parser) words(fields []string, t token) (node, error) {
	w := wordsOf(t.value)
	if len(w) == 0 {
		return nil, p.fail(t, show(t.text)+" has no word in it to search for",
			"a word is made of letters, digits and _")
	}
	return words{fields, w}, p.spend(t, len(w)-1)
}
