// Package receive turns what foreign senders say into events: JSON in the names of ECS or of MozDef, as one object, an
// array, NDJSON, or Elasticsearch's bulk format, compressed or not. Its subpackages are the doors.
//
// Nothing that a sender said is dropped: a name that is neither ECS nor MozDef is kept under labels or details, and so
// is what a sender says where only Belfry may speak. Everything is bounded: bytes before and behind decompression,
// events, fields, nesting.
package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"belfry/shared/event"
)

// Bounds of one message.
const (
	MaxEvents = 10_000   // events
	MaxText   = 32 << 20 // bytes, decompressed
	MaxEvent  = 4 << 20  // bytes of one event: twice what an index keeps of it, and less than a batch may have
	MaxName   = 512      // bytes of the name that a sender gives an event, as Elasticsearch's _id
)

var errLarge = fmt.Errorf("%w: one event of more than %d", ErrTooLarge, MaxEvent)

// ErrTooMany says that a message holds more than MaxEvents.
var ErrTooMany = fmt.Errorf("more than %d events", MaxEvents)

// Origin says where a message comes from.
type Origin struct {
	Sender string    // proven: a certificate's common name, a token's name, the broker's user; "" for nobody
	Key    string    // the name that the sender gave to the message, so that it is known when it comes again; or ""
	Now    time.Time // of arrival
}

// SyntaxError names where the first event that cannot be read begins. Nothing of its message was taken.
type SyntaxError struct {
	Line int // of the message, from 1
	Err  error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *SyntaxError) Unwrap() error { return e.Err }

// Foreign reads all events of a message, or none: then the error is a *SyntaxError. Event n of a message that has a key
// is named "KEY/n"; the others get an id at random, and the tag no_id.
func Foreign(body []byte, from Origin) ([]*event.Event, error) {
	objects, err := split(body)
	if err != nil {
		return nil, err
	}
	var dec event.Decoder
	events := make([]*event.Event, 0, len(objects))
	for i, o := range objects {
		if len(o.text) > MaxEvent {
			return nil, &SyntaxError{lineAt(body, o.at), errLarge}
		}
		e, err := dec.Decode(o.text)
		if err != nil {
			return nil, &SyntaxError{lineAt(body, o.at), err}
		}
		e = adopt(e, from)
		if from.Key != "" {
			name(e, from.Sender, from.Key, strconv.Itoa(i))
		}
		events = append(events, e)
	}
	return events, nil
}

// object is the text of one event, and where it begins in its message.
type object struct {
	text []byte
	at   int64
}

func split(body []byte) ([]object, error) {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	dec := json.NewDecoder(bytes.NewReader(body))
	inArray := bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte{'['})
	if inArray {
		if _, err := dec.Token(); err != nil {
			return nil, &SyntaxError{1, err}
		}
	}
	var all []object
	for !inArray || dec.More() {
		var raw json.RawMessage
		begin := int64(len(body) - len(bytes.TrimLeft(body[dec.InputOffset():], ", \t\r\n")))
		err := dec.Decode(&raw)
		if err == io.EOF && !inArray {
			break
		}
		if err != nil {
			return nil, &SyntaxError{lineAt(body, begin), err}
		}
		all = append(all, object{raw, dec.InputOffset() - int64(len(raw))})
		if len(all) > MaxEvents {
			return nil, &SyntaxError{lineAt(body, dec.InputOffset()), ErrTooMany}
		}
	}
	if inArray {
		if _, err := dec.Token(); err != nil {
			return nil, &SyntaxError{lineAt(body, faultAt(err, body, dec)), err}
		}
		if _, err := dec.Token(); err != io.EOF {
			return nil, &SyntaxError{lineAt(body, dec.InputOffset()), errors.New("text behind the array")}
		}
	}
	if len(all) == 0 {
		return nil, &SyntaxError{1, errors.New("no event")}
	}
	return all, nil
}

func faultAt(err error, body []byte, dec *json.Decoder) int64 {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return int64(len(bytes.TrimRight(body, " \t\r\n")))
	}
	return dec.InputOffset()
}

func lineAt(body []byte, at int64) int {
	return 1 + bytes.Count(body[:min(int(max(at, 0)), len(body))], []byte{'\n'})
}
