package alert

import (
	"fmt"
	"strings"
)

// maxDepth bounds the nesting of a condition and of a sample.
const maxDepth = 32

// selections are what a condition may name.
type selections struct {
	names  []string // in the order of the file
	byName map[string]cond
	used   map[string]bool
}

// conditionParser reads: or = and {"or" and}, and = not {"and" not}, not = {"not"} (name | "(" or ")" | quantity).
// A quantity is "1 of", "any of" or "all of", and then "them" or a name that may hold *.
type conditionParser struct {
	tokens []conditionToken
	*selections
	depth int
}

type conditionToken struct {
	text string
	col  int // from 1
}

func parseCondition(text string, s *selections) (cond, error) {
	p := &conditionParser{tokens: splitCondition(text), selections: s}
	c, err := p.or()
	if err != nil {
		return nil, err
	}
	if t, ok := p.peek(); ok {
		if t.text == "|" {
			return nil, fmt.Errorf("column %d: aggregations (|) are not supported", t.col)
		}
		return nil, fmt.Errorf("column %d: %q is not expected here", t.col, t.text)
	}
	return c, nil
}

func splitCondition(text string) []conditionToken {
	var tokens []conditionToken
	start := -1
	flush := func(end int) {
		if start >= 0 {
			tokens = append(tokens, conditionToken{text[start:end], start + 1})
		}
		start = -1
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '(' || c == ')' || c == '|':
			flush(i)
			tokens = append(tokens, conditionToken{text[i : i+1], i + 1})
		case strings.IndexByte(" \t\r\n", c) >= 0:
			flush(i)
		case start < 0:
			start = i
		}
	}
	flush(len(text))
	return tokens
}

func (p *conditionParser) peek() (conditionToken, bool) {
	if len(p.tokens) == 0 {
		return conditionToken{}, false
	}
	return p.tokens[0], true
}

// word takes the next token if it is one of the operators or signs; they may be written in any case.
func (p *conditionParser) word(words ...string) (conditionToken, bool) {
	t, ok := p.peek()
	for _, w := range words {
		if ok && strings.EqualFold(t.text, w) {
			p.tokens = p.tokens[1:]
			return t, true
		}
	}
	return t, false
}

func (p *conditionParser) or() (cond, error) {
	var all anyOf
	for {
		c, err := p.and()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
		if _, ok := p.word("or"); !ok {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func (p *conditionParser) and() (cond, error) {
	var all allOf
	for {
		c, err := p.not()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
		if _, ok := p.word("and"); !ok {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func (p *conditionParser) not() (cond, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	if _, ok := p.word("not"); ok {
		c, err := p.not()
		return noneOf{c}, err
	}
	if t, ok := p.word("("); ok {
		c, err := p.or()
		if err != nil {
			return nil, err
		}
		if _, ok := p.word(")"); !ok {
			return nil, fmt.Errorf("column %d: this parenthesis is never closed", t.col)
		}
		return c, nil
	}
	if t, ok := p.word("1", "any", "all"); ok {
		return p.quantity(t)
	}
	return p.name()
}

func (p *conditionParser) name() (cond, error) {
	t, ok := p.peek()
	if !ok {
		return nil, fmt.Errorf("the name of a selection is missing at the end")
	}
	c := p.byName[t.text]
	if c == nil {
		return nil, fmt.Errorf("column %d: there is no selection %q", t.col, t.text)
	}
	p.tokens = p.tokens[1:]
	p.used[t.text] = true
	return c, nil
}

func (p *conditionParser) quantity(how conditionToken) (cond, error) {
	if _, ok := p.word("of"); !ok {
		return nil, fmt.Errorf("column %d: %q without of", how.col, how.text)
	}
	what, ok := p.peek()
	if !ok {
		return nil, fmt.Errorf("column %d: %q of nothing", how.col, how.text)
	}
	p.tokens = p.tokens[1:]
	var some []cond
	for _, name := range p.names {
		if what.selects(name) {
			p.used[name] = true
			some = append(some, p.byName[name])
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("column %d: there is no selection %q", what.col, what.text)
	}
	if strings.EqualFold(how.text, "all") {
		return allOf(some), nil
	}
	return anyOf(some), nil
}

// selects reports whether "them" or a name with * means a selection; names that begin with _ are not of them.
func (t conditionToken) selects(name string) bool {
	if strings.EqualFold(t.text, "them") {
		return !strings.HasPrefix(name, "_")
	}
	return parsePattern(t.text).match(name, same)
}
