package embedded

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"belfry/aggregator/index/admit"
	"belfry/aggregator/query"
	"belfry/shared/event"
)

// What logstorage drops with no error but a line in its log. The guards keep to these bounds, with room for the
// columns that this package adds. It drops rows for those beside them too: see columnSets.
const (
	maxName    = 128             // bytes of a field's name
	maxColumns = setColumns - 16 // fields of a row
	maxRow     = 2<<20 - 8<<10   // bytes of a row, as rowWriter makes it
)

// maxValues bounds the values of an event, so that cutting them short makes any event fit into a row. A decoder takes
// far fewer.
const maxValues = 16 << 10

const (
	overflowField = "details.overflow" // JSON object of the fields that cannot be columns
	tagOverflow   = "overflow"
	tagTruncated  = "truncated"
)

// guard makes an event one that a storage takes that keeps it so long, and returns its time and its size as a row. It changes the event
// in place, so that the alerts see what a search will find.
func guard(e *event.Event, now time.Time, keep time.Duration) (ts int64, size int) {
	ts = admit.Time(e, now, keep).UnixNano()
	guardNames(e)
	size = rowSize(e)
	for round := 0; size > maxRow; round++ {
		shorten(e, round)
		size = rowSize(e)
	}
	return ts, size
}

// reserved are the names that mean something else to the storage or to this package.
var reserved = slices.AppendSeq([]string{"", "_msg", "_time", "_stream", "_stream_id", columnPosition, columnLists, columnSetID},
	maps.Values(foldedColumns))

func isReserved(name string) bool {
	return (name == "" || name[0] == '_') && slices.Contains(reserved, name)
}

// essential are the fields that are never folded.
var essential = []string{"@timestamp", "event.id", "event.original", "event.created", "host.name", "message", "tags", admit.LogTimeField}

// guardNames folds the fields that cannot be columns into one.
func guardNames(e *event.Event) {
	if !mustFold(e) {
		return
	}
	kept, folded := e.Fields[:0:0], new(event.Event)
	names := make(map[string]bool, maxColumns)
	for _, f := range e.Fields {
		switch {
		case slices.Contains(essential, f.Name):
			kept = append(kept, f)
		case f.Name == overflowField, len(f.Name) > maxName, isReserved(f.Name),
			!names[f.Name] && len(names) == maxColumns:
			folded.Fields = append(folded.Fields, f)
		default:
			names[f.Name] = true
			kept = append(kept, f)
		}
	}
	e.Fields = kept
	if len(folded.Fields) == 0 { // many values, few names
		return
	}
	e.Append(overflowField, string(folded.AppendJSON(nil)))
	e.Add("tags", tagOverflow)
}

func mustFold(e *event.Event) bool {
	if len(e.Fields) > maxColumns {
		return true
	}
	for i := range e.Fields {
		name := e.Fields[i].Name
		if len(name) > maxName || isReserved(name) {
			return true
		}
	}
	return false
}

// shorten cuts the longest values until all of them together have no more bytes than there is room for, or half of
// that in the next round, and so on: the text of a list may be longer than its values.
func shorten(e *event.Event, round int) {
	var lengths []int
	room := maxRow - 1024
	for _, f := range e.Fields {
		room -= len(f.Name) + perField
		if staysWhole(e, f, round) {
			room -= len(f.Value)
		} else {
			lengths = append(lengths, len(f.Value))
		}
	}
	most := level(lengths, room>>round)
	for i := range e.Fields {
		if f := &e.Fields[i]; !staysWhole(e, *f, round) {
			f.Value = cutText(f.Value, most)
		}
	}
	e.Fields = slices.DeleteFunc(e.Fields, func(f event.Field) bool { return f.Value == "" })
	e.Add("tags", tagTruncated)
}

// wholeRounds is how many rounds of shorten a raw line stays whole. Its folded words may be more than foldedSize says:
// those of what stands in front of the message (query.FoldedHead).
const wholeRounds = 6

// staysWhole reports whether a value is not to be cut: those by which an event is known, and a raw line that leaves
// room for the rest, with its folded words.
func staysWhole(e *event.Event, f event.Field, round int) bool {
	switch f.Name {
	case "@timestamp":
		return true
	case "event.id", "event.created":
		return len(f.Value) <= maxName && len(e.All(f.Name)) == 1
	case "event.original":
		return round < wholeRounds && len(f.Value) <= maxRow/2 && len(e.All(f.Name)) == 1 &&
			len(f.Value)+foldedSize(f.Value) <= maxRow/2
	}
	return false
}

func foldedSize(value string) int { return len(query.AppendFolded(nil, value, false)) }

// level returns the largest m for which the lengths, none of them counted for more than m, add up to no more than
// budget.
func level(lengths []int, budget int) int {
	slices.Sort(lengths)
	for i, n := range lengths {
		if rest := len(lengths) - i; n > budget/rest {
			return max(budget/rest, 1)
		}
		budget -= n
	}
	return maxRow
}

// cutText returns at most n bytes of s, and no half of a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n]) // the rest must not stay in memory
}
