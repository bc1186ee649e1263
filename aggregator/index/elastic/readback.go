package elastic

import (
	"bytes"
	"errors"
	"fmt"

	"belfry/shared/event"
)

// readEvent makes an event of a document: what was written, field by field. It shares no memory with the document, and
// writes into it.
func readEvent(d *event.Decoder, h *hit) (*event.Event, error) {
	text, kept, err := withoutOwn(h.Source)
	if err != nil {
		return nil, fmt.Errorf("document %s of index %s: %w", h.ID, h.Index, err)
	}
	e, err := d.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("document %s of index %s: %w", h.ID, h.Index, err)
	}
	if kept == nil {
		return e, nil
	}
	more, err := d.Decode(kept)
	if err != nil {
		return nil, fmt.Errorf("document %s of index %s: %w", h.ID, h.Index, err)
	}
	e.Fields = append(e.Fields, more.Fields...)
	return e, nil
}

// ownBegins is what each document begins with: see document.go.
var ownBegins = []byte(`{"belfry":{`)

var errDocument = errors.New("not a document of an event")

// withoutOwn takes what is ours out of a document, before it is decoded: it may be as much as the event, and an event
// with it more than a decoder takes. What stays of the object are fields of the event, as belfry.gap.id. kept is the
// object of the fields that could not stand in their own place, nil if there are none.
func withoutOwn(source []byte) (text, kept []byte, err error) {
	if !bytes.HasPrefix(source, ownBegins) {
		return nil, nil, errDocument
	}
	begin := len(ownBegins)
	at, end := begin, begin // what is read, and the end of what stays
	for at < len(source) && source[at] != '}' {
		next, err := memberEnd(source, at)
		if err != nil {
			return nil, nil, err
		}
		switch member := source[at:next]; ownMember(member) {
		case "":
			if end > begin {
				source[end] = ','
				end++
			}
			end += copy(source[end:], member)
		case "kept":
			kept = bytes.Clone(member[len(`"kept":`):])
		}
		if at = next; at < len(source) && source[at] == ',' {
			at++
		}
	}
	if at == len(source) {
		return nil, nil, errDocument
	}
	rest := source[at+1:] // from the comma on, or the end
	if end > begin {
		source[end] = '}'
		return append(source[:end+1], rest...), kept, nil
	}
	text = source[at:]
	if text[0] = '{'; len(rest) > 0 && rest[0] == ',' {
		text = text[1:]
		text[0] = '{'
	}
	return text, kept, nil
}

// ownMember returns the name of a member that is ours and no field of an event.
func ownMember(member []byte) string {
	for _, name := range [...]string{"order", "words", "rest", "kept", "odd"} {
		if rest, ok := bytes.CutPrefix(member, []byte(`"`+name)); ok && rest[0] == '"' {
			return name
		}
	}
	return ""
}

// memberEnd returns where the member of an object ends that begins at a place: before the comma or the brace. The text
// was read as JSON before.
func memberEnd(text []byte, at int) (int, error) {
	for depth := 0; at < len(text); at++ {
		switch text[at] {
		case '"':
			for at++; at < len(text) && text[at] != '"'; at++ {
				if text[at] == '\\' {
					at++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return at, nil
			}
		case ',':
			if depth == 0 {
				return at, nil
			}
		}
	}
	return 0, errDocument
}
