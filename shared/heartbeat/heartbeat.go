// Package heartbeat is what an agent and the aggregators tell each other of themselves: the heartbeat, by which an agent
// says how far each of its streams reaches, and the acknowledgement, by which an aggregator says how far it has them.
//
// A heartbeat is an event like any other (event.dataset: belfry.heartbeat) and goes the same road, signed with its batch.
// A stream is named by it until the index has acknowledged the stream's end, so that a tail that was cut off shows.
package heartbeat

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"belfry/shared/event"
)

// Every is how often an agent tells how it is, and how often an aggregator acknowledges.
const Every = 30 * time.Second

// Dataset is the event.dataset of a heartbeat.
const Dataset = "belfry.heartbeat"

// Doubt is the event.dataset of what may be there twice, or not be whole.
const Doubt = "belfry.doubt"

// MaxStreams bounds the streams that one heartbeat names; what is over goes into further ones.
const MaxStreams = 200

// Heartbeat is what an agent says of itself.
type Heartbeat struct {
	Boot    event.Key // of the process; new at each of its starts
	Config  string    // hash of the configuration file, in hex
	Expires time.Time // of the agent's certificate; zero if unknown
	Dropped uint64    // messages that were lost before they could be kept, since the process began
	Spool   uint64    // bytes that wait in the spool
	Streams []Stream  // whose end the index has not acknowledged
}

// Stream is how far one stream reaches.
type Stream struct {
	ID     event.Key `json:"id"`
	Epoch  uint64    `json:"epoch,string"`
	Path   string    `json:"path,omitempty"`  // of the file, its last name
	End    uint64    `json:"end"`             // all before it was handed on to be sent
	Cursor uint64    `json:"cursor"`          // all before it was taken by the broker or the aggregator
	Behind uint64    `json:"behind"`          // bytes that were not read yet
	Since  time.Time `json:"since,omitzero"`  // when the oldest event that was not taken was read; zero: all was taken
	Final  bool      `json:"final,omitempty"` // it ends at End
}

// The fields of a heartbeat's event.
const (
	fieldBoot    = "belfry.heartbeat.boot"
	fieldConfig  = "belfry.heartbeat.config"
	fieldExpires = "belfry.heartbeat.certificate_expires"
	fieldDropped = "belfry.heartbeat.dropped"
	fieldSpool   = "belfry.heartbeat.spool_bytes"
	fieldStreams = "belfry.heartbeat.streams" // JSON text
)

// Put writes the heartbeat into the fields of an event.
func (h *Heartbeat) Put(e *event.Event) error {
	streams, err := json.Marshal(h.Streams)
	if err != nil {
		return fmt.Errorf("write heartbeat: %w", err)
	}
	e.Set("event.dataset", Dataset)
	e.Set("event.kind", "event")
	e.Set(fieldBoot, h.Boot.String())
	e.Set(fieldConfig, h.Config)
	if !h.Expires.IsZero() {
		e.Set(fieldExpires, h.Expires.UTC().Format(time.RFC3339))
	}
	e.Set(fieldDropped, strconv.FormatUint(h.Dropped, 10))
	e.Set(fieldSpool, strconv.FormatUint(h.Spool, 10))
	e.Set(fieldStreams, string(streams))
	return nil
}

// String says in short what it says.
func (h *Heartbeat) String() string {
	lag, behind := uint64(0), uint64(0)
	for _, s := range h.Streams {
		lag += s.End - min(s.End, s.Cursor)
		behind += s.Behind
	}
	return fmt.Sprintf("heartbeat: %d streams not yet indexed to their end, %d bytes on the way, %d not read yet, %d messages dropped",
		len(h.Streams), lag, behind, h.Dropped)
}

// Is reports whether an event is a heartbeat.
func Is(e *event.Event) bool { return e.Get("event.dataset") == Dataset }

// Of reads the heartbeat of an event. Its error names the field.
func Of(e *event.Event) (*Heartbeat, error) {
	h := &Heartbeat{Config: e.Get(fieldConfig)}
	var err error
	fault := func(field string, e error) {
		if err == nil && e != nil {
			err = fmt.Errorf("heartbeat: %s: %w", field, e)
		}
	}
	number := func(field string) uint64 {
		n, e := strconv.ParseUint(e.Get(field), 10, 64)
		fault(field, e)
		return n
	}
	var parsed error
	h.Boot, parsed = event.ParseKey(e.Get(fieldBoot))
	fault(fieldBoot, parsed)
	if text := e.Get(fieldExpires); text != "" {
		h.Expires, parsed = ParseTime(text)
		fault(fieldExpires, parsed)
	}
	h.Dropped, h.Spool = number(fieldDropped), number(fieldSpool)
	h.Streams, parsed = readStreams(e.Get(fieldStreams))
	fault(fieldStreams, parsed)
	return h, err
}

// ParseTime reads a time (RFC 3339) that can be written as JSON again: the years of what time.Parse takes may lie outside
// of four digits, and its zones a whole day off.
func ParseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	t = t.UTC()
	if err == nil && (t.Year() < 1 || t.Year() > 9999) {
		err = fmt.Errorf("%q is in no year of four digits", text)
	}
	if err != nil {
		return time.Time{}, err
	}
	return t, nil
}

// readStreams reads the streams one by one: a short text may be a long list.
func readStreams(text string) (all []Stream, err error) {
	dec := json.NewDecoder(strings.NewReader(text))
	switch t, err := dec.Token(); {
	case err != nil:
		return nil, err
	case t == nil: // null: there are none
		return nil, nil
	case t != json.Delim('['):
		return nil, fmt.Errorf("%v is not a list", t)
	}
	for dec.More() {
		if len(all) == MaxStreams {
			return nil, fmt.Errorf("more than %d streams", MaxStreams)
		}
		var s Stream
		if err := dec.Decode(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	_, err = dec.Token()
	return all, err
}

// Ack is how far an aggregator has an agent's streams: those that its heartbeats name. It is cumulative: the last one
// tells all.
type Ack struct {
	Agent   event.Key `json:"agent"`
	Streams []Held    `json:"streams"`
}

// Held is how far one stream is accounted for: all before End is in the index, among the dead letters, or was declared
// dropped or skipped.
type Held struct {
	ID    event.Key `json:"id"`
	Epoch uint64    `json:"epoch,string"`
	End   uint64    `json:"end"`
}

// ParseAck reads an acknowledgement.
func ParseAck(text []byte) (*Ack, error) {
	a := new(Ack)
	if err := json.Unmarshal(text, a); err != nil {
		return nil, fmt.Errorf("acknowledgement: %w", err)
	}
	return a, nil
}
