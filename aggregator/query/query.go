// Package query is Belfry's search language: one text, one syntax tree, and several uses of it that agree.
//
//	user.name:averez AND process.name:sudo AND NOT event.outcome:success
//
//	word  "some words"     in message or event.original: words in this order, whatever the case
//	field:value            a text field (event.TypeOf): as above; any other: one of its values is this one
//	field:"a value"        the same, quoted: nothing inside means anything but \" and \\
//	field:val*  field:v?l  * is any run of characters, ? is one; in text they stay within one word
//	field:/expression/     a regular expression: all of a value; in text, and without a field, all of a word
//	field:/usr/bin/su      a path: what no slash ends
//	field:*  _exists_:f    the field is there; empty is absent
//	field:>=10  field:<5   also > and <=
//	field:[1 TO 5}         from 1, and before 5: [ and ] take the value in, { and } leave it out, * is no bound
//	field:10.0.0.0/8       a field of addresses: one in this network
//	field:(a OR "b c")     several values of one field, ranges and expressions too
//	NOT AND OR  ! - && ||  in this order of strength; terms side by side are joined by AND
//	\                      outside quotes: the next character means itself
//
// # Words
//
// A word is a run of letters, digits and '_', lower-cased by this package and by nobody else: no index may split or
// fold text in a way of its own.
//
// # Case
//
// As in ECS and KQL: text is searched for in any case; every other value as it is written, case and all, wildcards and
// regular expressions too. AND, OR, NOT and TO are upper-case: in lower case they are refused, not searched for.
//
// # Types
//
// A field's type follows from its name (event.TypeOf). Where the value that is asked for and the one that an event has
// are both of the type, as Fits says, they are compared by it: 10.0.0.1 is ::ffff:10.0.0.1, and 1.5 is 1.50. Else they
// are compared as text, character by character; so are all values by wildcards and regular expressions, which see what
// is written. A range takes only values of the type. Ranges of keywords compare numbers where every bound that is given
// is a number (JSON's), and the bytes of UTF-8 else. Addresses are in the order of their 16 bytes, where an IPv4 address
// stands at its IPv6 notation, so that ::/0 is all of them. Text, true and false have no order.
//
// A time is written 2026, 2026-11, 2026-11-23, 2026-11-23T17, and so on to nine digits of a second; Z or +01:00 may
// follow, UTC is meant without; or now, now-24h (s m h d w), which counts from Parse on. It means all that it spans:
// @timestamp:2026-11-23 is that day, >2026-11-23 begins behind it, <=2026-11-23 has it.
//
// # Regular expressions
//
// They are what RE2 and Lucene both know: characters, the dot, which is any one, classes [a-z] [^a-z] \d \w \s \D \W \S,
// groups (…), alternatives |, and repeats * + ? {2,5}. A \ before a sign is the sign itself, and \/ a slash. They are
// the whole value: nothing needs ^ and $, and .* stands for what may be before and behind. In text they are the whole
// word. Anything else is an error, and so is one that would take a large automaton.
//
// # Not
//
// NOT finds the events that lack the field as well. An event is found if one of the field's values is; so NOT field:a
// finds those of which no value is a.
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
