// Package query is Belfry's search language: one text, one syntax tree, and several uses of it that agree.
//
//	user.name:averez AND process.name:sudo AND NOT event.outcome:success
//
//	word  "some words"     in message or event.original: words in this order, whatever the case
//	field:value            a text field (event.TypeOf): as above; any other: one of its values is exactly this
//	field:"a value"        the same, quoted: nothing inside means anything but \" and \\
//	field:val*  field:v?l  * is any run of characters, ? is one; in text they stay within one word
//	field:*  _exists_:f    the field is there; empty is absent
//	field:(a OR "b c")     several values of one field
//	NOT AND OR  ! - && ||  in this order of strength; terms side by side are joined by AND
//	\                      outside quotes: the next character means itself
//
// A word is a run of letters, digits and '_', lower-cased by this package and by nobody else: no index may split or
// fold text in a way of its own. Values are compared as they are written, case and all; NOT finds the events that lack
// the field as well.
//
// Parse never panics, and its work is bounded: text, nesting and number of terms. Every error names the column where
// the text went wrong and says what to write instead.
package query

import (
	"slices"
	"time"

	"belfry/shared/event"
)

// The bounds of a query: it may come from anybody who may search.
const (
	maxText  = 16 << 10 // bytes of text
	maxTerms = 512      // values, in text words; each costs a scan of every event that is looked at
	maxWild  = 256      // characters of a value with wildcards; each costs such a scan at worst
	maxDepth = 64       // parentheses and negations around one term; Match and LogsQL recurse as deep
)

// Expr is a parsed query. It never changes and is safe for concurrent use.
type Expr struct {
	text string
	root node
}

// Parse reads a query. The empty text and "*" match every event. An error is always an *Error. What the query says of
// the time by the clock (now-24h) counts from this moment on.
func Parse(text string) (*Expr, error) { return ParseAt(text, time.Now()) }

// ParseAt is Parse at another time than now.
func ParseAt(text string, now time.Time) (*Expr, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := parser{text: text, now: now, tokens: tokens}
	root, err := p.query()
	if err != nil {
		return nil, err
	}
	return &Expr{text: text, root: root}, nil
}

// String returns the text that was parsed.
func (x *Expr) String() string { return x.text }

// Match reports whether the event is one that the query asks for.
func (x *Expr) Match(e *event.Event) bool { return x.root.match(e) }

// Fields returns the names of the fields that Match reads, in order.
func (x *Expr) Fields() []string {
	var names []string
	x.root.fields(func(name string) { names = append(names, name) })
	slices.Sort(names)
	return slices.Compact(names)
}
