// Package receive turns what foreign senders say into events: JSON in the names of ECS or of MozDef, as one object, an
// array, or NDJSON. Its subpackages are the doors.
//
// Nothing that a sender said is dropped: a name that is neither ECS nor MozDef is kept under labels or details.
package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"belfry/shared/event"
)

// MaxEvents bounds the events of one message.
const MaxEvents = 10_000

// SyntaxError names where the first event that cannot be read begins. Nothing of its message was taken.
type SyntaxError struct {
	Line int // of the message, from 1
	Err  error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *SyntaxError) Unwrap() error { return e.Err }

// Foreign reads all events of a message, or none: then the error is a *SyntaxError. An event that brings no id of its
// own gets one at random, and the tag no_id.
func Foreign(body []byte, now time.Time) ([]*event.Event, error) {
	objects, err := split(body)
	if err != nil {
		return nil, err
	}
	var dec event.Decoder
	events := make([]*event.Event, 0, len(objects))
	for _, o := range objects {
		e, err := dec.Decode(o.text)
		if err != nil {
			return nil, &SyntaxError{lineAt(body, o.at), err}
		}
		events = append(events, adopt(e, now))
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
			return nil, &SyntaxError{lineAt(body, dec.InputOffset()), fmt.Errorf("more than %d events", MaxEvents)}
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

// mozdef maps the names of a MozDef event that are single words to those of ECS.
var mozdef = map[string]string{
	"category":     "labels.category",
	"hostname":     "host.name",
	"severity":     "log.level",
	"summary":      "message",
	"processname":  "process.name",
	"processid":    "process.pid",
	"source":       "event.provider",
	"utctimestamp": "@timestamp",
	"timestamp":    "@timestamp",
}

// rootNames are the field sets of ECS, and those that Belfry adds.
const rootNames = `@timestamp agent client cloud container data_stream destination details device dll dns ecs email error
	event faas file group hash host http labels ldap log message network observer orchestrator organization package process
	registry related rule server service source span sudo tags threat tls trace transaction url user user_agent
	vulnerability x509`

func isRoot(name string) bool {
	root, _, _ := strings.Cut(name, ".")
	for _, r := range strings.Fields(rootNames) {
		if r == root {
			return true
		}
	}
	return false
}

// adopt gives a foreign event the names of ECS.
func adopt(in *event.Event, now time.Time) *event.Event {
	out := &event.Event{Fields: make([]event.Field, 0, len(in.Fields)+4)}
	for _, f := range in.Fields {
		out.Append(rename(f.Name, in), f.Value)
	}
	setTime(out, now)
	created := now.UTC().Format(time.RFC3339Nano)
	out.Set("event.created", created)
	out.Set("event.id", event.RandomKey().String())
	out.Add("tags", "no_id")
	out.Default("event.kind", "event")
	return out
}

// rename returns the ECS name for a foreign one.
func rename(name string, in *event.Event) string {
	if to, ok := mozdef[name]; ok && (name == "utctimestamp" || in.Get(to) == "" && !(name == "timestamp" && in.Has("utctimestamp"))) {
		return to
	}
	switch {
	case name == "agent.id" || name == "agent.name": // who sends is proven, not said
		return "details." + name
	case name == "source" || name == "host" || name == "user" || name == "process": // a field set of ECS, never a value
		return "labels." + name
	case isRoot(name):
		return name
	case strings.Contains(name, "."):
		return "details." + name
	}
	return "labels." + name
}

// setTime makes one valid @timestamp of what the sender said, or takes the time of arrival.
func setTime(e *event.Event, now time.Time) {
	said := e.Get("@timestamp")
	t, err := parseTime(said)
	if err != nil {
		t = now
		e.Append("labels.log_time", said)
	}
	e.Set("@timestamp", t.UTC().Format(time.RFC3339Nano))
}

// parseTime reads RFC 3339 and the like, or seconds or milliseconds since 1970.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", time.DateTime} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n > 1e14 {
		return time.Time{}, fmt.Errorf("time %q is not RFC 3339", s)
	}
	if n > 1e11 {
		return time.UnixMilli(int64(n)), nil
	}
	return time.UnixMicro(int64(n * 1e6)), nil
}
