package query

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LogsQL returns a filter for VictoriaLogs' logstorage, which finds at least the events that Match finds. It may find
// more: the caller asks Match again. Nothing in it that a user wrote can be anything but a value.
//
// It holds for rows that have one column for each field of the event, by the field's name (@timestamp may be kept
// elsewhere, it is not asked for): a field with one value as that value or as a JSON array of one, a field with
// several as a JSON array, and a single value that begins with "[" as either.
func (x *Expr) LogsQL() string { return string(x.root.logsql(atLeast)) }

// bound says to which side a filter may err. NOT turns it around.
type bound bool

const (
	atLeast bound = true  // all that match, perhaps more
	atMost  bound = false // nothing that does not match, perhaps less
)

// filter is LogsQL that can stand anywhere in a filter: one term, or in parentheses.
type filter string

const (
	everything filter = "*"
	nothing    filter = "!*"
)

// unknown is what can be said of a condition that has no filter.
func unknown(b bound) filter {
	if b == atLeast {
		return everything
	}
	return nothing
}

// every joins filters by AND.
func every(filters ...filter) filter {
	return join(filters, " ", nothing, everything)
}

// either joins filters by OR.
func either(filters ...filter) filter {
	return join(filters, " or ", everything, nothing)
}

// join leaves out what changes nothing, and sees what decides alone.
func join(filters []filter, by string, decides, neutral filter) filter {
	var kept []string
	for _, f := range filters {
		switch f {
		case decides:
			return decides
		case neutral:
		default:
			kept = append(kept, string(f))
		}
	}
	switch len(kept) {
	case 0:
		return neutral
	case 1:
		return filter(kept[0])
	}
	return filter("(" + strings.Join(kept, by) + ")")
}

func negate(f filter) filter {
	switch f {
	case everything:
		return nothing
	case nothing:
		return everything
	}
	return "!" + f
}

func (all) logsql(bound) filter { return everything }

// The conditions on exact values come first: logstorage rules out whole blocks by them.
func (n and) logsql(b bound) filter {
	var cheap, dear []filter
	for _, k := range n.kids {
		switch k.(type) {
		case exact, like, exists:
			cheap = append(cheap, k.logsql(b))
		default:
			dear = append(dear, k.logsql(b))
		}
	}
	return every(append(cheap, dear...)...)
}

func (n or) logsql(b bound) filter {
	filters := make([]filter, len(n.kids))
	for i, k := range n.kids {
		filters[i] = k.logsql(b)
	}
	return either(filters...)
}

func (n not) logsql(b bound) filter { return negate(n.kid.logsql(!b)) }

func (n exists) logsql(b bound) filter {
	c, ok := columnOf(n.field)
	if !ok {
		return unknown(b)
	}
	return c.with("*")
}

func (n exact) logsql(b bound) filter {
	c, ok := columnOf(n.field)
	switch {
	case !ok:
		return unknown(b)
	case strings.ContainsRune(n.value, utf8.RuneError) && b == atLeast:
		return c.with("*") // logstorage is of two minds whether U+FFFD ends a word
	case b == atMost && (strings.HasPrefix(n.value, "[") || strings.ContainsRune(n.value, utf8.RuneError)):
		return nothing // it may be the text of another list
	case b == atMost && likeNumber(n.value):
		return c.re("^" + regexp.QuoteMeta(n.value) + "$")
	case b == atMost:
		return c.with("=" + quote(n.value))
	case plain(n.value):
		return either(c.with("="+quote(n.value)), c.with("json_array_contains_any("+quote(n.value)+")"))
	}
	return either(c.with("="+quote(n.value)), c.list())
}

func (n like) logsql(b bound) filter {
	c, ok := columnOf(n.field)
	if !ok || b == atMost {
		return unknown(b)
	}
	scalar, list := []filter{c.with("*")}, []filter{c.list()}
	value := n.value.without(utf8.RuneError) // as in exact
	prefix, _ := value.prefix()
	for _, piece := range value.pieces() {
		if piece != prefix {
			scalar = append(scalar, c.re(regexp.QuoteMeta(piece)))
		}
		if plain(piece) {
			list = append(list, c.re(regexp.QuoteMeta(piece)))
		}
	}
	switch {
	case prefix == "":
	case likeNumber(prefix): // on a column of numbers logstorage takes such a prefix for a number
		scalar = append(scalar, c.re("^"+regexp.QuoteMeta(prefix)))
	default:
		scalar = append(scalar, c.with("="+quote(prefix)+"*"))
	}
	return either(every(scalar...), every(list...))
}

// column is a field's name in LogsQL, quoted, with its colon.
type column string

// maxName is the longest name that logstorage keeps a column by.
const maxName = 128

// columnOf returns the column of a field; ok is false where logstorage gives the name another meaning.
func columnOf(field string) (c column, ok bool) {
	switch {
	case field == "@timestamp", strings.HasPrefix(field, "_"), strings.HasSuffix(field, "*"),
		len(field) > maxName, field == "":
		return "", false
	}
	return column(quote(field) + ":"), true
}

func (c column) with(condition string) filter { return filter(string(c) + condition) }
func (c column) re(expr string) filter        { return c.with("~" + quote(expr)) }
func (c column) list() filter                 { return c.with(`="["*`) }

func quote(s string) string { return strconv.Quote(s) }

// plain reports whether s stands in JSON as it is, whoever wrote the JSON.
func plain(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || r == utf8.RuneError || strings.ContainsRune(`"\/<>&`, r)
	}) < 0
}

// likeNumber reports whether logstorage may read s as a number, a time or an address, and so as others of its kind.
func likeNumber(s string) bool {
	return s != "" && strings.IndexByte("+-.0123456789", s[0]) >= 0
}
