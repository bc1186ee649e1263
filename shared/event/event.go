// Package event is the one vocabulary that all parts of Belfry share: an event as a flat list of fields with the
// names of the Elastic Common Schema (ECS 8), its JSON form, and its identity.
//
// A field's value is always a string; its type follows from its name (see TypeOf), so that an event reads the same
// before an index and after it. An empty value is an absent one. A name may stand several times: then the field is a
// list, in that order.
//
// An Event is not safe for concurrent use.
package event

// Stamp is the layout of the times that an agent writes, in UTC.
const Stamp = "2006-01-02T15:04:05.000000Z"

// Field is one name and one value of an event.
type Field struct {
	Name  string // dotted ECS name, as "source.ip"
	Value string // never empty within an Event
}

// Event is a list of fields. The zero value is an empty event.
type Event struct {
	Fields []Field // in no order that means anything, but for several of one name; change it by the methods
}

// Get returns the first value of a field, "" if it is absent.
func (e *Event) Get(name string) string {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i].Value
		}
	}
	return ""
}

// Has reports whether a field is there.
func (e *Event) Has(name string) bool { return e.Get(name) != "" }

// All returns every value of a field, in order.
func (e *Event) All(name string) []string {
	var all []string
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			all = append(all, e.Fields[i].Value)
		}
	}
	return all
}

// Set makes value the only value of a field. An empty value removes the field.
func (e *Event) Set(name, value string) {
	if value == "" {
		e.Delete(name)
		return
	}
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			e.Fields[i].Value = value
			e.deleteFrom(i+1, name)
			return
		}
	}
	e.Fields = append(e.Fields, Field{name, value})
}

// Default sets a field that is absent.
func (e *Event) Default(name, value string) {
	if !e.Has(name) {
		e.Set(name, value)
	}
}

// Append adds a value without looking for the name: the fast way to fill a field that is known to be absent, and the
// way to make a list that may repeat a value. Empty values are left out.
func (e *Event) Append(name, value string) {
	if value != "" {
		e.Fields = append(e.Fields, Field{name, value})
	}
}

// Add adds a value to a list unless it is there already.
func (e *Event) Add(name, value string) {
	if value == "" {
		return
	}
	for i := range e.Fields {
		if e.Fields[i].Name == name && e.Fields[i].Value == value {
			return
		}
	}
	e.Fields = append(e.Fields, Field{name, value})
}

// Delete removes a field with all its values.
func (e *Event) Delete(name string) { e.deleteFrom(0, name) }

func (e *Event) deleteFrom(from int, name string) {
	kept := e.Fields[:from]
	for _, f := range e.Fields[from:] {
		if f.Name != name {
			kept = append(kept, f)
		}
	}
	clear(e.Fields[len(kept):])
	e.Fields = kept
}

// Reset removes all fields and keeps the memory.
func (e *Event) Reset() {
	clear(e.Fields)
	e.Fields = e.Fields[:0]
}

// Clone returns a copy that shares no memory for its list of fields.
func (e *Event) Clone() *Event {
	return &Event{Fields: append([]Field(nil), e.Fields...)}
}
