// Package admit is what every engine does with a Write before it takes it: it says whether any is taken, bounds what
// waits, leaves out what is there twice, and makes times and sizes such that nobody loses an event by them later.
package admit

import (
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// place is where an item is in its stream.
type place struct {
	pos    ledger.Position
	offset uint64
}

// DropDoubles leaves out the items that have the place of one before them.
func DropDoubles(items []index.Item) (kept []index.Item, doubles int) {
	if rising(items) {
		return items, 0
	}
	seen := make(map[place]bool, len(items))
	kept = make([]index.Item, 0, len(items))
	for _, it := range items {
		at := place{it.Pos, it.Offset}
		if it.Ranged && seen[at] {
			doubles++
			continue
		}
		seen[at] = it.Ranged
		kept = append(kept, it)
	}
	return kept, doubles
}

// rising reports whether the items are grouped by stream, with growing offsets, as an agent sends them.
func rising(items []index.Item) bool {
	var begun []ledger.Position
	for i := range items {
		it := &items[i]
		switch {
		case !it.Ranged:
		case i > 0 && items[i-1].Ranged && items[i-1].Pos == it.Pos:
			if it.Offset <= items[i-1].Offset {
				return false
			}
		default:
			for _, p := range begun {
				if p == it.Pos {
					return false
				}
			}
			if len(begun) > batch.MaxStreams {
				return false
			}
			begun = append(begun, it.Pos)
		}
	}
	return true
}

// Future is how far ahead of the clock a time may be.
const Future = 24 * time.Hour

// The field that keeps a time that a line claims and that cannot be used, and the tag that says so.
const (
	LogTimeField = "labels.log_time"
	TagTime      = "time_out_of_range"
)

// Time makes @timestamp one that is no older than keep, in the one form that reading gives back, and returns it. It
// changes the event in place, so that the alerts see what a search will find.
func Time(e *event.Event, now time.Time, keep time.Duration) time.Time {
	oldest, newest := now.Add(-keep), now.Add(Future)
	within := func(text string) (time.Time, bool) {
		t, err := time.Parse(time.RFC3339Nano, text)
		return t.UTC(), err == nil && !t.Before(oldest) && t.Before(newest)
	}
	own := e.Get("@timestamp")
	t, ok := within(own)
	if !ok {
		if t, ok = within(e.Get("event.created")); !ok {
			t = now.UTC()
		}
		if own != "" {
			e.Default(LogTimeField, own)
			e.Add("tags", TagTime)
		}
	}
	var memory [len(time.RFC3339Nano)]byte
	if text := t.AppendFormat(memory[:0], time.RFC3339Nano); string(text) != own {
		e.Set("@timestamp", string(text))
	}
	return t
}
