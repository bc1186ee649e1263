package query

import "belfry/shared/event"

// node is one node of the syntax tree. Trees never change after Parse and are no deeper than maxDepth allows.
type node interface {
	match(e *event.Event) bool
	logsql(b bound) filter
}

type (
	all struct{} // every event
	and struct{ kids []node }
	or  struct{ kids []node }
	not struct{ kid node }

	// exists finds the events that have a field.
	exists struct{ field string }
	// exact finds the events that have the value among those of the field.
	exact struct{ field, value string }
	// like is exact with wildcards.
	like struct {
		field string
		value pattern
	}
	// words finds the events where the words stand in a row in one value of one of the fields.
	words struct {
		fields []string
		words  []pattern
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

func (n words) match(e *event.Event) bool {
	for _, f := range n.fields {
		if anyValue(e, f, func(v string) bool { return containsWords(v, n.words) }) {
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
