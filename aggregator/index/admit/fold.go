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

// Fold leaves an event no more than most values: of the fields that are not essential those that come first, each with
// all its values. The others become one field. An event that has no more is left as it is.
func Fold(e *event.Event, most int) {
	if len(e.Fields) <= most {
		return
	}
	count := make(map[string]int)
	for _, f := range e.Fields {
		count[f.Name]++
	}
	room := most - 2 // for what is folded, and its tag
	for _, name := range essential {
		if n := count[name]; n <= room {
			room -= n
		}
	}
	stays := make(map[string]bool)
	kept, folded := e.Fields[:0:0], new(event.Event)
	for _, f := range e.Fields {
		in, known := stays[f.Name]
		if !known {
			n := count[f.Name]
			in = f.Name != OverflowField && (Essential(f.Name) && n <= most/2 || n <= room)
			if stays[f.Name] = in; in && !Essential(f.Name) {
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
