package parse

import (
	"strings"
	"sync"

	"belfry/shared/event"
)

// A body is what a program said in a form that names its values: a JSON object, pairs, CEF or LEEF. Bodies are read of
// programs that have no scanner, and where a scanner did not understand the text. Which names mean a field of ECS is in
// body_names.go, which fields no line may set is in body_own.go. All else is kept as it is named, under labels.

// Bounds of a body. What is over them is kept as JSON in one field, as an index does it.
const (
	maxPairs     = 1500 // values; the rest of an event's fields is well below what is left of event.MaxFields
	maxLabel     = 128  // bytes of a name, with the "labels." before it: what an index takes
	maxBodyDepth = 16   // objects in objects: what lies deeper is one value, as it is written

	overflowField = "details.overflow"
	tagOverflow   = "overflow"
)

// kind is what a value was written as.
type kind uint8

const (
	isText    kind = iota // in quotes, or in a form that knows nothing else
	isNumeric             // of JSON
	isLogic               // true or false of JSON
	isTree                // JSON: a list that holds objects or lists, or what lies too deep
)

// pair is a name and a value: parts of the text, but for escapes that were decoded.
type pair struct {
	*name
	value string // never empty
	kind  kind
	list  bool // one of several values of a list
}

const labels = "labels."

// name is what is known of a name of pairs. It never changes.
type name struct {
	full  string // "labels." and the whole name, with dots
	means meaning
	known bool // it means something
}

// key is the name as the text has it.
func (n *name) key() string { return n.full[len(labels):] }

// body collects the pairs of a text.
type body struct {
	p     *Parser
	l     *line
	pairs []pair
	path  []byte           // "labels." and the names of the objects that are open, each with its dot
	names map[string]*name // so that one that was seen costs nothing
	over  event.Event      // what is over the bounds

	shape
	ambiguous bool
	before    int // fields of the event that are not of this text
}

// maxBodyNames bounds the table of names: senders choose them.
const maxBodyNames = 4096

var bodies = sync.Pool{New: func() any { return &body{names: make(map[string]*name)} }}

// openBody returns an empty body, which must be closed.
func openBody(p *Parser, l *line) *body {
	b := bodies.Get().(*body)
	b.p, b.l, b.before = p, l, len(l.event.Fields)
	b.path = append(b.path[:0], labels...)
	return b
}

func (b *body) close() {
	clear(b.pairs)
	b.over.Reset()
	*b = body{pairs: b.pairs[:0], path: b.path, names: b.names, over: b.over}
	bodies.Put(b)
}

// scanBody reads a text that names its values, and reports whether it is one. Prose is told from it by its first bytes.
// Pairs are looked for only where no scanner knows the program: theirs may look alike.
func (p *Parser) scanBody(l *line, known bool) bool {
	text := trimBlanks(l.text)
	if text == "" {
		return false
	}
	switch text[0] {
	case '{':
		return p.readBody(l, text, (*body).scanJSON)
	case '@':
		if rest, ok := strings.CutPrefix(text, "@cee:"); ok { // the cookie of CEE: JSON follows
			return p.readBody(l, trimBlanks(rest), (*body).scanJSON)
		}
	case 'C':
		if strings.HasPrefix(text, "CEF:") {
			return p.readBody(l, text, (*body).scanCEF)
		}
	case 'L':
		if strings.HasPrefix(text, "LEEF:") {
			return p.readBody(l, text, (*body).scanLEEF)
		}
	}
	return !known && beginsPair(text) && p.readBody(l, text, (*body).scanPairs)
}

// readBody writes what scan finds in a text, if it understands all of it.
func (p *Parser) readBody(l *line, text string, scan func(b *body, text string) bool) bool {
	b := openBody(p, l)
	defer b.close()
	if !scan(b, text) {
		return false
	}
	b.write()
	return true
}

// add takes a pair of the object that is open. Empty values are absent.
func (b *body) add(key, value string, k kind, list bool) {
	if value == "" {
		return
	}
	name := b.name(key)
	if name == nil || len(b.pairs) == maxPairs {
		b.spill(string(b.path[len(labels):])+key, value)
		return
	}
	b.pairs = append(b.pairs, pair{name, value, k, list})
}

// spill keeps what cannot be a field of its own, up to a bound: the raw line has it all.
func (b *body) spill(key, value string) {
	if len(b.over.Fields) < event.MaxFields {
		b.over.Append(key, value)
	}
}

// name returns the whole name of a pair, nil if it cannot be that of a field.
func (b *body) name(key string) *name {
	open := len(b.path)
	b.path = append(b.path, key...)
	full := b.path
	b.path = b.path[:open]
	if n, ok := b.names[string(full)]; ok {
		return n
	}
	if !isLabel(full) {
		return nil
	}
	if len(b.names) >= maxBodyNames {
		clear(b.names)
	}
	n := &name{full: string(full)}
	n.means, n.known = nameOf(n.key())
	b.names[n.full] = n
	return n
}

// isLabel reports whether a name is short enough, and has no empty parts and no control characters.
func isLabel(name []byte) bool {
	if len(name) > maxLabel {
		return false
	}
	dot := true
	for _, c := range name {
		if c < ' ' || c == 0x7f || c == '.' && dot {
			return false
		}
		dot = c == '.'
	}
	return !dot
}

// find returns the first value of a key, "" if there is none.
func (b *body) find(key string) string {
	for i := range b.pairs {
		if b.pairs[i].key() == key {
			return b.pairs[i].value
		}
	}
	return ""
}

// twice reports whether a pair's name stands in another place as well: then nobody knows which is meant.
func (b *body) twice(at int) bool {
	for i := range b.pairs {
		if i != at && b.pairs[i].full == b.pairs[at].full {
			return true
		}
	}
	return false
}
