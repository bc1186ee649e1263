package query

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"belfry/shared/event"
)

// column is a field's name in LogsQL, quoted, with its colon.
type column struct {
	text   string
	array  filter // finds the rows where the field has several values, and is a JSON array
	always bool   // it always is one
	sure   bool   // array is exact; if not, it finds more
}

// maxName is the longest name that logstorage keeps a column by.
const maxName = 128

// listsColumn is the column that names the fields with several values.
const listsColumn = `"_lists":`

// columnOf returns the column of a field; ok is false where logstorage gives the name another meaning.
func columnOf(field string) (c column, ok bool) {
	switch {
	case field == "@timestamp", strings.HasPrefix(field, "_"), strings.HasSuffix(field, "*"),
		len(field) > maxName, field == "":
		return column{}, false
	}
	c = column{text: quote(field) + ":", always: event.IsList(field), sure: plain(field)}
	switch {
	case c.always:
		c.array = c.with("*")
	case c.sure:
		c.array = filter(listsColumn + "json_array_contains_any(" + quote(field) + ")")
	default:
		c.array = c.with(`="["*`)
	}
	return c, true
}

func (c column) with(condition string) filter { return filter(c.text + condition) }
func (c column) re(expr string) filter        { return c.with("~" + quote(expr)) }

// arrays is array, for the one bound or the other.
func (c column) arrays(b bound) filter {
	if !c.sure && !c.always && b == atMost {
		return nothing
	}
	return c.array
}

// values joins a condition on a value that stands alone with one on the text of an array. Array says whether the text of
// an array may meet the first one too.
func (c column) values(b bound, alone, listed filter, array bool) filter {
	if c.always {
		return listed
	}
	if array {
		alone = every(alone, negate(c.arrays(!b)))
	}
	return either(alone, every(c.arrays(b), listed))
}

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

// alone finds a value that is the whole column, as it is written.
func (c column) alone(value string) filter {
	if _, canonical := parseLong(value); likeNumber(value) && !canonical {
		return c.re("^" + regexp.QuoteMeta(value) + "$")
	}
	return c.with("=" + quote(value))
}

// contains finds a value in arrays.
func (c column) contains(value string) filter {
	if plain(value) {
		return c.with("json_array_contains_any(" + quote(value) + ")")
	}
	return c.re(inList(textJSON(value)))
}

func (n exists) logsql(b bound) filter {
	if n.field == "@timestamp" {
		return everything
	}
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
	case doubtful(n.value):
		return c.some(b)
	}
	return c.values(b, c.alone(n.value), c.contains(n.value), strings.HasPrefix(n.value, "["))
}

// some is what can be said of a value of a field if there is no filter for it.
func (c column) some(b bound) filter {
	if b == atLeast {
		return c.with("*")
	}
	return nothing
}

func (n like) logsql(b bound) filter {
	c, ok := columnOf(n.field)
	if !ok {
		return unknown(b)
	}
	if slices.Contains(n.value, utf8.RuneError) {
		return c.some(b)
	}
	prefix, rest := n.value.prefix()
	var alone []filter
	switch {
	case prefix == "":
	case likeNumber(prefix): // on a column of numbers logstorage takes such a prefix for a number
		alone = append(alone, c.re("^"+regexp.QuoteMeta(prefix)))
	default:
		alone = append(alone, c.with("="+quote(prefix)+"*"))
	}
	if !rest {
		for _, piece := range n.value.pieces() { // which are found faster
			alone = append(alone, c.re(regexp.QuoteMeta(piece)))
		}
		alone = append(alone, c.re("^"+n.value.expression(classRE2)+"$"))
	}
	array := prefix == "" || prefix[0] == '['
	return c.values(b, every(alone...), c.re(inList(n.value.expression(classJSON))), array)
}

// expression writes a pattern as a regular expression.
func (p pattern) expression(class func([]rune) string) string {
	var b strings.Builder
	for _, r := range p {
		switch r {
		case anyOne:
			b.WriteString(class([]rune{0, unicode.MaxRune}))
		case anyRun:
			b.WriteString(class([]rune{0, unicode.MaxRune}) + "*")
		default:
			b.WriteString(class([]rune{r, r}))
		}
	}
	return b.String()
}

func (n regex) logsql(b bound) filter {
	c, ok := columnOf(n.field)
	if !ok {
		return unknown(b)
	}
	alone, found := render(n.tree, classRE2)
	if doubtful(n.tree.String()) {
		return c.some(b)
	}
	if !found {
		return nothing
	}
	listed, _ := render(n.tree, classJSON)
	whole := c.re("^(" + alone + ")$")
	for _, text := range literals(n.tree) { // which are found faster
		whole = every(c.re(regexp.QuoteMeta(text)), whole)
	}
	if n.re.MatchString("") { // a field that is absent looks like an empty one
		whole = every(c.with("*"), whole)
	}
	return c.values(b, whole, c.re(inList(listed)), true)
}
