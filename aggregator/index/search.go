package index

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"belfry/aggregator/query"
	"belfry/shared/event"
)

// DefaultLimit is the number of events that a search returns when it does not say how many.
const DefaultLimit = 1000

// Searcher answers questions. Each sees every Write that was answered before it began, and every event that was shown to
// those who watch (Watch) before: who watches first and then searches misses nothing. Times are of @timestamp.
// ErrQuestion names an argument that is wrong; a context's error ends a question early.
type Searcher interface {
	// Search calls fn for each event that s asks for, in its order, with its place in that order; the events are fn's.
	// It ends with the first error of fn. Its memory is bounded, whatever the limit.
	Search(ctx context.Context, s Search, fn func(e *event.Event, at Cursor) error) error
	// Count counts events over time.
	Count(ctx context.Context, c Count) ([]Bucket, error)
	// Top counts the values of a field.
	Top(ctx context.Context, t Top) (TopResult, error)
	// Fields returns the names of the fields that the events of a span have, in order of name.
	Fields(ctx context.Context, sp Span) ([]Field, error)
	// Get returns the event of an id, or ErrNotFound. Near, if not zero, is its @timestamp or close to it, which
	// makes it faster.
	Get(ctx context.Context, id string, near time.Time) (*event.Event, error)
}

// Span asks for the events of a time that a query finds.
type Span struct {
	Query *query.Expr // nil: every event
	From  time.Time   // the first @timestamp; zero: from the beginning
	To    time.Time   // the first @timestamp that is too late; zero: to the end
	Class string      // only events of this retention class; "": of all
}

// Search asks for events. They come in the order of @timestamp, the newest first; those of one time come in the order
// in which they reached the index, the last first.
type Search struct {
	Span
	Limit  int    // return no more than this; 0: DefaultLimit; negative: no limit
	Oldest bool   // the other way round: the oldest first
	After  Cursor // go on behind this place; zero: from the beginning
}

// Cursor is an event's place in the order of a search. It stays good when events come or go.
type Cursor struct {
	Time  int64  // @timestamp, nanoseconds since 1970, UTC
	Order uint64 // among those of one time
}

// IsZero reports whether it is no place.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// String returns the cursor as text, which ParseCursor reads.
func (c Cursor) String() string {
	return strconv.FormatInt(c.Time, 10) + "-" + strconv.FormatUint(c.Order, 10)
}

// ParseCursor reads what String returned. "" is the zero cursor.
func ParseCursor(text string) (c Cursor, err error) {
	if text == "" {
		return c, nil
	}
	at, order, ok := strings.Cut(text, "-")
	if c.Time, err = strconv.ParseInt(at, 10, 64); ok && err == nil {
		c.Order, err = strconv.ParseUint(order, 10, 64)
	}
	if !ok || err != nil {
		return Cursor{}, fmt.Errorf("%w: cursor %q is none of ours", ErrQuestion, text)
	}
	return c, nil
}

// The bounds of an answer.
const (
	MaxBuckets = 10_000 // of Count
	MaxValues  = 1_000  // of Top, and of Count.By

	DefaultValues = 10 // of these, for who does not say how many
)

// Count asks how many events there are in each step of time.
type Count struct {
	Span
	Every time.Duration // the length of a step; steps begin at multiples of it since 1970, UTC; 0: one step for all
	By    string        // count each value of this field by itself; "": all events together
	Most  int           // of the values, those with the most events in the whole span; 0: DefaultValues; the others are left out
}

// Bucket is a step of time with the number of its events. Steps without events are left out.
type Bucket struct {
	At    time.Time `json:"at"`              // when the step begins; zero where there is one for all
	Value string    `json:"value,omitempty"` // of Count.By
	Count uint64    `json:"count"`
}

// Top asks for the values of a field that most events have. An event counts once for each of its values.
type Top struct {
	Span
	Field string // no text field
	Limit int    // of the values; 0: DefaultValues; at most MaxValues
}

// TopResult is the values, those with the most events first, those with as many in order of value.
type TopResult struct {
	Values  []Value `json:"values"`
	Events  uint64  `json:"events"`            // that the span has
	Without uint64  `json:"without"`           // of these have no value
	Inexact bool    `json:"inexact,omitempty"` // an engine on several machines may have counted some values short
}

// Value is a value of a field with the number of its events.
type Value struct {
	Value string `json:"value"`
	Count uint64 `json:"count"`
}

// Field is a field that events have.
type Field struct {
	Name  string `json:"name"`
	Type  string `json:"type"`            // keyword, text, ip, long, float, boolean, date
	Count uint64 `json:"count,omitempty"` // events that have it; 0 where that is not known
}
