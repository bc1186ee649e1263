package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"belfry/shared/event"
)

// Action is one item of a bulk request.
type Action struct {
	Op    string       // create, index, update or delete, as the sender wrote it
	Index string       // where the sender wants it; "" if it does not say
	ID    string       // the sender's name for it; "" if it has none
	Event *event.Event // nil for what cannot be taken
	Err   error        // why
}

// The reasons for which an item alone is refused.
var (
	ErrAppendOnly = errors.New("events are never changed: only create and index are taken")
	ErrDocument   = errors.New("failed to parse")
	ErrLongName   = fmt.Errorf("_id is too long, must be no longer than %d bytes", MaxName)
)

// Bulk reads a request in Elasticsearch's bulk format: a line that says what to do, and for all but delete a line with
// the document. index is where those go that name none themselves. An item that cannot be taken has its reason, and
// the others are read all the same. A line that says nothing that can be done is a *SyntaxError, and then there is no
// item: behind it nobody knows which line is what. The key of an Origin is not used here: each item has its own.
func Bulk(body []byte, index string, from Origin) ([]Action, error) {
	r := bulkReader{rest: body, index: index, from: from}
	actions := make([]Action, 0, min(MaxEvents, bytes.Count(body, []byte{'\n'})/2+1))
	for {
		line, err := r.line()
		if err != nil || line == nil {
			return orNone(actions, err)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if len(actions) == MaxEvents {
			return nil, &SyntaxError{r.at, ErrTooMany}
		}
		a, err := r.action(line)
		if err != nil {
			return nil, err
		}
		actions = append(actions, a)
	}
}

func orNone(actions []Action, err error) ([]Action, error) {
	switch {
	case err != nil:
		return nil, err
	case len(actions) == 0:
		return nil, &SyntaxError{1, errors.New("request body is required")}
	}
	return actions, nil
}

// bulkReader reads the lines of a request.
type bulkReader struct {
	rest  []byte
	at    int // number of the last line, from 1
	index string
	from  Origin
	dec   event.Decoder
}

// line returns the next line without its end, or nil at the end of the request. The last line must have an end, too: so
// a request that was cut off is known.
func (r *bulkReader) line() ([]byte, error) {
	if len(r.rest) == 0 {
		return nil, nil
	}
	r.at++
	line, rest, ended := bytes.Cut(r.rest, []byte{'\n'})
	if !ended {
		return nil, &SyntaxError{r.at, errors.New("The bulk request must be terminated by a newline [\\n]")} //nolint:staticcheck // as Elasticsearch says it
	}
	r.rest = rest
	return line, nil
}

// ops are what may be asked for, in the order in which Elasticsearch names them.
var ops = []string{"create", "delete", "index", "update"}

// meta is what an action says of its document. Whatever else it says means nothing here: Belfry has no routing, no
// pipelines and no versions.
type meta struct {
	Index text `json:"_index"`
	ID    text `json:"_id"`
}

// text is a string, or a number that is taken for one.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if len(b) > 0 && (b[0] == '{' || b[0] == '[') {
		return errors.New("a text is wanted")
	}
	if *t = text(b); *t == "null" {
		*t = ""
	}
	return nil
}

// maxAction bounds the line that says what to do, in bytes: each name in it costs far more memory than it has letters.
const maxAction = 16 << 10

// action reads an item, of which line is the first.
func (r *bulkReader) action(line []byte) (Action, error) {
	// The words are Elasticsearch's.
	malformed := func(format string, args ...any) (Action, error) {
		return Action{}, &SyntaxError{r.at, fmt.Errorf("Malformed action/metadata line [%d], "+format, append([]any{r.at}, args...)...)}
	}
	if len(line) > maxAction {
		return malformed("it is longer than %d bytes", maxAction)
	}
	var said map[string]json.RawMessage
	if err := json.Unmarshal(line, &said); err != nil {
		return malformed("expected a JSON object: %w", err)
	}
	if len(said) != 1 {
		return malformed("expected one action but found %d", len(said))
	}
	var a Action
	var m meta
	for op, raw := range said {
		if !slices.Contains(ops, op) {
			return malformed("expected one of [%s] but found [%.50q]", strings.Join(ops, ", "), op)
		}
		a.Op = op
		if raw[0] != '{' {
			return malformed("expected an object behind [%s]", op)
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return malformed("cannot read what is behind [%s]: %w", op, err)
		}
	}
	a.Index, a.ID = string(m.Index), string(m.ID)
	if a.Index == "" {
		a.Index = r.index
	}
	if a.Op == "delete" {
		a.Err = ErrAppendOnly
		return a, nil
	}
	document, err := r.line()
	if err != nil {
		return a, err
	}
	if document == nil {
		return malformed("the action [%s] has no document behind it", a.Op)
	}
	r.take(&a, document)
	return a, nil
}

// take makes the event of an item.
func (r *bulkReader) take(a *Action, document []byte) {
	switch {
	case a.Op == "update":
		a.Err = ErrAppendOnly
		return
	case len(a.ID) > MaxName:
		a.Err = fmt.Errorf("%w but was: %d", ErrLongName, len(a.ID))
		return
	}
	a.Event, a.Err = Document(document, a.Index, a.ID, r.from, &r.dec)
}

// Document makes an event of a document that is to go into an index under an id; either may be "". The error wraps
// ErrDocument.
func Document(document []byte, index, id string, from Origin, dec *event.Decoder) (*event.Event, error) {
	if len(document) > MaxEvent {
		return nil, fmt.Errorf("%w: %w", ErrDocument, errLarge)
	}
	e, err := dec.Decode(document)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	if len(e.Fields) == 0 {
		return nil, fmt.Errorf("%w: the document is empty", ErrDocument)
	}
	e = adopt(e, from)
	e.Add("labels.index", index)
	if id != "" {
		name(e, from.Sender, "bulk", index, id)
	}
	return e, nil
}
