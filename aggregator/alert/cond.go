package alert

import (
	"strconv"

	"belfry/shared/event"
)

// cond is a node of a compiled detection. Nodes never change, and no deeper than maxDepth.
type cond interface {
	match(e *event.Event) bool
	// keys returns what an event must have at least one of to match; nil when that cannot be said.
	keys() []keySet
}

type (
	allOf  []cond // all; true when empty
	anyOf  []cond // at least one; false when empty
	noneOf struct{ cond }

	// absent holds for events without the field; an empty value is none.
	absent struct{ field string }
	// present holds for events with the field.
	present struct{ field string }
	// oneOf holds when a value of the field is one of the lower-cased values, whatever the case.
	oneOf struct {
		field   string
		values  map[string]struct{}
		longest int // bytes of the longest of them
	}
	// valued holds when a value of the field passes the test.
	valued struct {
		field string
		test  func(value string) bool
	}
	// keyword holds when the message or the raw line passes the test.
	keyword struct{ test func(value string) bool }
)

func (n allOf) match(e *event.Event) bool {
	for _, c := range n {
		if !c.match(e) {
			return false
		}
	}
	return true
}

func (n anyOf) match(e *event.Event) bool {
	for _, c := range n {
		if c.match(e) {
			return true
		}
	}
	return false
}

func (n noneOf) match(e *event.Event) bool  { return !n.cond.match(e) }
func (n absent) match(e *event.Event) bool  { return !e.Has(n.field) }
func (n present) match(e *event.Event) bool { return e.Has(n.field) }

// maxShrink is how many times shorter lower-casing can make a text: the sign for kelvin has three bytes, k has one.
const maxShrink = 3

func (n oneOf) match(e *event.Event) bool {
	var small [longestKey]byte
	for i := range e.Fields {
		f := &e.Fields[i]
		if f.Name == n.field && f.Value != "" && len(f.Value) <= n.longest*maxShrink {
			if _, ok := n.values[string(appendLower(small[:0], f.Value))]; ok {
				return true
			}
		}
	}
	return false
}

func (n valued) match(e *event.Event) bool {
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Name == n.field && f.Value != "" && n.test(f.Value) {
			return true
		}
	}
	return false
}

func (n keyword) match(e *event.Event) bool {
	for i := range e.Fields {
		if f := &e.Fields[i]; (f.Name == "message" || f.Name == "event.original") && n.test(f.Value) {
			return true
		}
	}
	return false
}

// compare returns the test of lt, lte, gt and gte. What is no number passes none.
func compare(op string, than float64) func(string) bool {
	return func(v string) bool {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return false
		}
		switch op {
		case "lt":
			return n < than
		case "lte":
			return n <= than
		case "gt":
			return n > than
		}
		return n >= than
	}
}
