package event

import (
	"errors"
	"fmt"
	"strings"

	"github.com/valyala/fastjson"
)

// Bounds of a decoded event: a hostile sender must not cost more than its bytes.
const (
	MaxFields = 2000 // fields of one event; more are folded into details.overflow as JSON
	maxDepth  = 32   // nesting; deeper is an error

	// The parser keeps some 250 bytes of each value, be it one digit: what is longer than maxDense bytes may hold as many
	// values as can be in these, and no more.
	maxDense  = 64 << 10
	maxValues = maxDense / 2
)

// Decoder reads events from JSON. It reuses its memory between calls; an Event that it returned shares none of it.
// It is not safe for concurrent use.
type Decoder struct {
	parser fastjson.Parser
	prefix []byte
	names  map[string]string
}

// notJSON is the error of the library without what it quotes, which comes last.
func notJSON(err error) error {
	what, _, _ := strings.Cut(err.Error(), `"`)
	what = strings.TrimSuffix(what, "; unparsed tail: ")
	return errors.New("not JSON: " + strings.TrimRight(what, ": "))
}

// Decode reads one JSON object, nested or with dotted names, into a new event. Lists of scalars become fields with
// several values; a list that holds objects or lists is kept as its JSON text. Null and empty values are absent.
// The error says what is wrong with the text, and quotes nothing of it: errors go where secrets must not.
func (d *Decoder) Decode(line []byte) (*Event, error) {
	if len(line) > maxDense && values(line) > maxValues {
		return nil, fmt.Errorf("more than %d values", maxValues)
	}
	v, err := d.parser.ParseBytes(line)
	if err != nil {
		return nil, notJSON(err)
	}
	o, err := v.Object()
	if err != nil {
		return nil, fmt.Errorf("not a JSON object but %s", v.Type())
	}
	e := &Event{Fields: make([]Field, 0, 24)}
	d.prefix = d.prefix[:0]
	if err := d.object(e, o, 0); err != nil {
		return nil, err
	}
	return e, nil
}

// values counts the values of a text, as far as commas part them.
func values(text []byte) int {
	n, quoted := 1, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++ // within a string; elsewhere it is no JSON
		case ',':
			if !quoted {
				n++
			}
		}
	}
	return n
}

func (d *Decoder) object(e *Event, o *fastjson.Object, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("objects nested deeper than %d at %q", maxDepth, d.prefix)
	}
	var err error
	o.Visit(func(key []byte, v *fastjson.Value) {
		if err != nil {
			return
		}
		n := len(d.prefix)
		if n > 0 {
			d.prefix = append(d.prefix, '.')
		}
		d.prefix = append(d.prefix, key...)
		err = d.value(e, v, depth)
		d.prefix = d.prefix[:n]
	})
	return err
}

func (d *Decoder) value(e *Event, v *fastjson.Value, depth int) error {
	if len(e.Fields) >= MaxFields {
		return fmt.Errorf("more than %d fields", MaxFields)
	}
	switch v.Type() {
	case fastjson.TypeNull:
	case fastjson.TypeObject:
		return d.object(e, v.GetObject(), depth+1)
	case fastjson.TypeArray:
		return d.array(e, v.GetArray(), v)
	default:
		d.scalar(e, v)
	}
	return nil
}

func (d *Decoder) array(e *Event, items []*fastjson.Value, whole *fastjson.Value) error {
	for _, v := range items {
		if t := v.Type(); t == fastjson.TypeObject || t == fastjson.TypeArray {
			e.Fields = append(e.Fields, Field{d.name(), string(whole.MarshalTo(nil))})
			return nil
		}
	}
	if len(e.Fields)+len(items) > MaxFields {
		return errors.New("list too long")
	}
	for _, v := range items {
		d.scalar(e, v)
	}
	return nil
}

func (d *Decoder) scalar(e *Event, v *fastjson.Value) {
	switch v.Type() {
	case fastjson.TypeString:
		if s := v.GetStringBytes(); len(s) > 0 {
			e.Fields = append(e.Fields, Field{d.name(), strings.ToValidUTF8(string(s), "\uFFFD")})
		}
	case fastjson.TypeNull:
	default: // numbers, true, false: as they are written
		e.Fields = append(e.Fields, Field{d.name(), string(v.MarshalTo(nil))})
	}
}

// maxNames bounds the table of names: senders choose them.
const maxNames = 4096

// name returns the current prefix as a string, without a new one for each event.
func (d *Decoder) name() string {
	if s, ok := d.names[string(d.prefix)]; ok {
		return s
	}
	if d.names == nil || len(d.names) >= maxNames {
		d.names = make(map[string]string)
	}
	s := string(d.prefix)
	d.names[s] = s
	return s
}
