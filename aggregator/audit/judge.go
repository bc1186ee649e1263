// Package audit proves that nothing is missing, or says what is: it compares what has arrived, which the ledger knows,
// with how far each stream is said to reach, which the fleet knows.
//
// A byte that nobody accounts for is pending at first: a batch that was refused arrives after its successors. When the
// queue that it belongs to has moved on by a grace, in the time of its data, it is missing, and the bytes that are
// missing side by side are a gap. So a queue that stands still makes no gaps. What a relay says that it still has is
// pending as long as it says so: its heartbeats may come by another queue, and sooner. A gap keeps its id while parts of it
// arrive, and closes with the last. What an agent has declared to be dropped is a gap at once.
//
// A gap that opens, grows or closes is an event of the aggregator's own stream, which is on the disk in the same
// transaction as the gap itself. Judge and what it works with are pure functions; Tracker is safe for concurrent use.
package audit

import (
	"slices"

	"belfry/shared/batch"
)

// Piece is the bytes [First, End).
type Piece struct {
	First uint64 `json:"first"`
	End   uint64 `json:"end"`
}

func size(all []Piece) (n uint64) {
	for _, p := range all {
		n += p.End - p.First
	}
	return n
}

// holes returns the bytes of [0, end) that no range accounts for. The ranges are in order, without overlap.
func holes(ranges []batch.Range, end uint64) (all []Piece) {
	at := uint64(0)
	for _, r := range ranges {
		if r.First >= end {
			break
		}
		if at < r.First {
			all = append(all, Piece{at, r.First})
		}
		at = r.End
	}
	if at < end {
		all = append(all, Piece{at, end})
	}
	return all
}

// ofKind returns the bytes of one kind.
func ofKind(ranges []batch.Range, kind batch.Kind) (all []Piece) {
	for _, r := range ranges {
		if r.Kind == kind {
			all = append(all, Piece{r.First, r.End})
		}
	}
	return all
}

// minus returns what of a is not in b. Both are in order, without overlap; so is the result.
func minus(a, b []Piece) (rest []Piece) {
	j := 0
	for _, p := range a {
		for j < len(b) && b[j].End <= p.First {
			j++
		}
		at := p.First
		for k := j; k < len(b) && b[k].First < p.End; k++ {
			if at < b[k].First {
				rest = append(rest, Piece{at, b[k].First})
			}
			at = max(at, b[k].End)
		}
		if at < p.End {
			rest = append(rest, Piece{at, p.End})
		}
	}
	return rest
}

// both returns what is in a and in b, in order.
func both(a, b []Piece) []Piece { return minus(a, minus(a, b)) }

// joined returns pieces in order, neighbours as one.
func joined(all []Piece) []Piece {
	all = slices.Clone(all) // others may read it
	slices.SortFunc(all, func(x, y Piece) int {
		switch {
		case x.First < y.First:
			return -1
		case x.First > y.First:
			return 1
		}
		return 0
	})
	var out []Piece
	for _, p := range all {
		if n := len(out) - 1; n >= 0 && out[n].End >= p.First {
			out[n].End = max(out[n].End, p.End)
			continue
		}
		out = append(out, p)
	}
	return out
}

// Kind says what has become of some bytes.
type Kind string

// The kinds of bytes. Of an expired stream nothing else is told.
const (
	Held    Kind = "held"
	Dead    Kind = "dead"    // among the dead letters
	Dropped Kind = "dropped" // lost, as their agent has declared
	Skipped Kind = "skipped" // passed over on purpose, as their agent has declared
	Missing Kind = "missing" // nobody accounts for them
	Pending Kind = "pending" // likewise, but they may be on their way
	Expired Kind = "expired" // older than what is kept
)

// Part is some bytes of one kind.
type Part struct {
	Kind  Kind   `json:"kind"`
	First uint64 `json:"first"`
	End   uint64 `json:"end"`
}

var kinds = map[batch.Kind]Kind{batch.Data: Held, batch.Dead: Dead, batch.Dropped: Dropped, batch.Skipped: Skipped}

// Judge says what has become of each byte of [0, end), in order: ranges is what is accounted for, missing what is in a
// gap. What is in neither is pending. Of ranges beyond end it tells as well.
func Judge(ranges []batch.Range, end uint64, missing []Piece, expired bool) (parts []Part) {
	if n := len(ranges); n > 0 {
		end = max(end, ranges[n-1].End)
	}
	if expired {
		if end == 0 {
			return nil
		}
		return []Part{{Expired, 0, end}}
	}
	for _, r := range ranges {
		parts = append(parts, Part{kinds[r.Kind], r.First, r.End})
	}
	open := holes(ranges, end)
	for _, p := range both(open, missing) {
		parts = append(parts, Part{Missing, p.First, p.End})
	}
	for _, p := range minus(open, missing) {
		parts = append(parts, Part{Pending, p.First, p.End})
	}
	slices.SortFunc(parts, func(x, y Part) int {
		if x.First < y.First {
			return -1
		}
		return 1
	})
	return parts
}
