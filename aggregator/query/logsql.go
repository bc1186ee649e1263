package query

import "strings"

// LogsQL returns a filter for VictoriaLogs' logstorage, which finds at least the events that Match finds. If it is exact
// it finds no others; if not, the caller asks Match again. Nothing in it that a user wrote can be anything but a value.
//
// It holds for rows as the embedded index keeps them: one column for each field of the event, by the field's name, but
// for @timestamp, which each row has and keeps as its time; a field that is a list (event.IsList) as a JSON array of
// strings, written by event.AppendString; so is any other field that has several values, or one that is not Verbatim, and
// then the column _lists, a JSON array too, has its name; any other value as it is. Beside a text field (event.Text)
// stands a column of its folded words (FoldedColumn).
func (x *Expr) LogsQL() (filter string, exact bool) {
	least, most := x.root.logsql(atLeast), x.root.logsql(atMost)
	return string(least), least == most
}

// LogsQLMost returns the filter on the other side: it finds nothing that Match does not find, and most of what Match
// finds. Where LogsQL is not exact, what it finds and LogsQLMost does not is all that Match must be asked about.
func (x *Expr) LogsQLMost() string { return string(x.root.logsql(atMost)) }

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
		case exact, exists, longs, times, addresses:
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
