package index

import (
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// DefaultClass is the retention class of events of which nobody says one.
const DefaultClass = "default"

// Item is one event to write.
type Item struct {
	Event  *event.Event
	Pos    ledger.Position
	Offset uint64 // of the event's first byte in Pos; a data range of the same Write must cover it
	Ranged bool   // Pos and Offset count; false: a sender without a ledger
	Named  bool   // event.id, an event.Key, is its sender's name for it: an event of that name is a repeat, for a day at least

	Class string // names index and retention, as the agent wrote it with the range; "": DefaultClass
	Day   string // names the index, as "2026-11-23", as the agent wrote it with the range; "": today, UTC
}

// Range is what became of a part of a stream.
type Range struct {
	Pos        ledger.Position
	Kind       batch.Kind
	First, End uint64
}

// Write is what one batch brings: all of it becomes durable, or nothing is acknowledged.
type Write struct {
	Items  []Item
	Ranges []Range
}

// Result says what became of a Write.
type Result struct {
	Position uint64 // of the record that holds it, or of the last one before; everything is durable up to it
	New      int    // events that were not there before
	Repeats  int    // events that were
	Known    []int  // indexes of the items, without doubles of a place, of which the name was known; in order
}
