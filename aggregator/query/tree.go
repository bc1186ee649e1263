package query

import (
	"regexp"
	"regexp/syntax"

	"belfry/shared/event"
)

// node is one node of the syntax tree. Trees never change after Parse and are no deeper than maxDepth allows.
type node interface {
	match(e *event.Event) bool
	logsql(b bound) filter
	elastic(s Schema, b bound) dsl
	fields(add func(name string))
}

type (
	all struct{} // every event
	and struct{ kids []node }
	or  struct{ kids []node }
	not struct{ kid node }

	// exists finds the events that have a field.
	exists struct{ field string }
	// exact finds the events that have the value among those of the field, as it is written.
	exact struct{ field, value string }
	// like is exact with wildcards.
	like struct {
		field string
		value pattern
	}
	// words finds the events where the words stand in a row in one value of one of the fields.
	words struct {
		fieldNames []string
		words      []pattern
	}
	// regex finds the events where one of the field's values is, all of it, what the expression describes.
	regex struct {
		field string
		re    *regexp.Regexp // anchored
		tree  *syntax.Regexp // of the expression alone
	}
	// wordRegex finds the events where one word in one of the fields is what the expression describes.
	wordRegex struct {
		fieldNames []string
		re         *regexp.Regexp // anchored, for any case
		tree       *syntax.Regexp // for lower-cased words
	}
)

func (all) match(*event.Event) bool { return true }

func (n and) match(e *event.Event) bool {
	for _, k := range n.kids {
		if !k.match(e) {
			return false
		}
	}
	return true
}

func (n or) match(e *event.Event) bool {
	for _, k := range n.kids {
		if k.match(e) {
			return true
		}
	}
	return false
}

func (n not) match(e *event.Event) bool { return !n.kid.match(e) }

func (n exists) match(e *event.Event) bool {
	return anyValue(e, n.field, func(string) bool { return true })
}

func (n exact) match(e *event.Event) bool {
	return anyValue(e, n.field, func(v string) bool { return v == n.value })
}

func (n like) match(e *event.Event) bool { return anyValue(e, n.field, n.value.match) }

func (n regex) match(e *event.Event) bool { return anyValue(e, n.field, n.re.MatchString) }

func (n words) match(e *event.Event) bool {
	for _, f := range n.fieldNames {
		if anyValue(e, f, func(v string) bool { return containsWords(v, n.words) }) {
			return true
		}
	}
	return false
}

func (n wordRegex) match(e *event.Event) bool {
	for _, f := range n.fieldNames {
		if anyValue(e, f, n.matchText) {
			return true
		}
	}
	return false
}

func (n wordRegex) matchText(s string) bool {
	for start, end, ok := nextWord(s, 0); ok; start, end, ok = nextWord(s, end) {
		if n.re.MatchString(s[start:end]) {
			return true
		}
	}
	return false
}

// anyValue reports whether ok says yes to one of the field's values. An empty value is none.
func anyValue(e *event.Event, field string, ok func(string) bool) bool {
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Name == field && f.Value != "" && ok(f.Value) {
			return true
		}
	}
	return false
}

func (all) fields(func(string)) {}

func (n and) fields(add func(string)) {
	for _, k := range n.kids {
		k.fields(add)
	}
}

func (n or) fields(add func(string)) {
	for _, k := range n.kids {
		k.fields(add)
	}
}

func (n not) fields(add func(string))    { n.kid.fields(add) }
func (n exists) fields(add func(string)) { add(n.field) }
func (n exact) fields(add func(string))  { add(n.field) }
func (n like) fields(add func(string))   { add(n.field) }
func (n regex) fields(add func(string))  { add(n.field) }

func (n words) fields(add func(string)) {
	for _, f := range n.fieldNames {
		add(f)
	}
}

func (n wordRegex) fields(add func(string)) {
	for _, f := range n.fieldNames {
		add(f)
	}
}
