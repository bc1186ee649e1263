package admit

import (
	"slices"

	"belfry/shared/event"
)

// The field that keeps those that an event cannot have, as one JSON object, and the tag that says so.
const (
	OverflowField = "details.overflow"
	TagOverflow   = "overflow"
)

// essential are the fields that are never folded.
var essential = []string{
	"@timestamp", "event.id", "event.original", "event.created", "host.name", "message", "tags", LogTimeField,
}

// Essential reports whether a field is never folded: an event is known by it.
func Essential(name string) bool { return slices.Contains(essential, name) }

// Fold leaves an event no more than most values: the essential fields, but for those that have more than half of them or
// for which the others with fewer leave no room, and of the rest those that come first, each with all its values. The
// others become one field. An event that has no more is left as it is.
func Fold(e *event.Event, most int) {
	if len(e.Fields) <= most {
		return
	}
	count := make(map[string]int)
	for _, f := range e.Fields {
		count[f.Name]++
	}
	room := most - 2 // for what is folded, and its tag
	stays := make(map[string]bool)
	first := slices.Clone(essential)
	slices.SortStableFunc(first, func(a, b string) int { return count[a] - count[b] })
	for _, name := range first {
		n := count[name]
		if stays[name] = n <= room && n <= most/2; stays[name] {
			room -= n
		}
	}
	kept, folded := e.Fields[:0:0], new(event.Event)
	for _, f := range e.Fields {
		in, known := stays[f.Name]
		if !known {
			n := count[f.Name]
			in = f.Name != OverflowField && n <= room
			if stays[f.Name] = in; in {
				room -= n
			}
		}
		if in {
			kept = append(kept, f)
		} else {
			folded.Fields = append(folded.Fields, f)
		}
	}
	e.Fields = kept
	e.Append(OverflowField, string(folded.AppendJSON(nil)))
	e.Add("tags", TagOverflow)
}
