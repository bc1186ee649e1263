package journal

import (
	"slices"
	"strconv"
	"time"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// series is the entries of one sequence number ID.
type series struct {
	id      seriesID
	epoch   uint64
	counter *counter
	run     int // of the counter, at its last entry

	next      uint64 // all before it was handed on, or lies in a hole
	confirmed mark
	steps     []step

	// Nothing at or beyond sent has left; reserved, which is on the disk, is no less.
	sent, reserved uint64
	ahead          uint64    // by how much it was reserved
	reservedAt     time.Time // and when

	shown int       // the last child that showed something of it
	used  uint64    // grows with each entry of the input
	since time.Time // when the oldest entry that is not confirmed was handed on
}

// How far numbers are reserved: each time is a write to the disk, and after a crash so many entries may lie in an older day.
const (
	leastAhead = 64
	mostAhead  = 64 << 10
)

// counter is what one journald counts by: all its series together have each number of a run.
type counter struct {
	key string // machine and namespace
	top uint64 // the greatest number of this run that a series has come to
	run int    // grows when it begins anew
}

// step says which class and day the entries from a number on belong to. It is on the disk before the first of them leaves: so
// every try puts an entry into the same place.
type step struct {
	From  uint64 `json:"from"`
	Day   string `json:"day"`
	Class string `json:"class"`
}

// epochOf returns the epoch of a series: the first 48 bits of a hash.
func epochOf(id seriesID) uint64 {
	n, _ := strconv.ParseUint(event.HashKey("seqnum", string(id[:])).String()[:12], 16, 64) // twelve hex digits always parse
	return n
}

// place is where the entry of a number goes.
func (s *series) place(stream event.Key, number uint64) batch.Place {
	p := batch.Place{Stream: stream, Epoch: s.epoch}
	for _, t := range slices.Backward(s.steps) {
		if p.Class, p.Day = t.Class, t.Day; t.From <= number {
			break
		}
	}
	return p
}

// steady makes what comes belong to a class and a day from a number on, unless that may have left before. It reports whether
// the disk knows so.
func (s *series) steady(number uint64, class, day string, now time.Time) bool {
	known := true
	if n := len(s.steps); n == 0 {
		s.steps, known = append(s.steps, step{0, day, class}), false
	} else if last := s.steps[n-1]; number >= s.sent && (last.Day != day || last.Class != class) {
		for len(s.steps) > 1 && s.steps[1].From <= s.confirmed.end {
			s.steps = slices.Delete(s.steps, 0, 1)
		}
		s.steps, known = append(s.steps, step{max(number, last.From), day, class}), false
	}
	s.sent = max(s.sent, number+1)
	if s.sent > s.reserved {
		if s.ahead *= 2; now.Sub(s.reservedAt) > time.Second {
			s.ahead = 0
		}
		s.ahead = min(max(s.ahead, leastAhead), mostAhead)
		s.reserved, s.reservedAt, known = s.sent+s.ahead, now, false
	}
	return known
}

// quiet reports whether all of it is confirmed.
func (s *series) quiet() bool { return s.confirmed.end >= s.next }

// mark is how far something is confirmed: all before end, and ranges ahead of it.
type mark struct {
	end   uint64
	ahead []numbers
}

// numbers are [first, end).
type numbers struct{ first, end uint64 }

func (m *mark) add(first, end uint64) {
	if end <= m.end {
		return
	}
	if first > m.end {
		i, _ := slices.BinarySearchFunc(m.ahead, first, func(r numbers, n uint64) int {
			if r.end < n {
				return -1
			}
			return 1
		})
		j := i // those from i on that it touches become one with it
		for ; j < len(m.ahead) && m.ahead[j].first <= end; j++ {
			first, end = min(first, m.ahead[j].first), max(end, m.ahead[j].end)
		}
		m.ahead = slices.Replace(m.ahead, i, j, numbers{first, end})
		return
	}
	m.end = end
	for len(m.ahead) > 0 && m.ahead[0].first <= m.end {
		m.end = max(m.end, m.ahead[0].end)
		m.ahead = slices.Delete(m.ahead, 0, 1)
	}
}

// count takes in that a series has come to a number, and reports whether the counter began anew.
func (c *counter) count(s *series, number uint64) (anew bool) {
	if number <= c.top {
		c.run++
		anew = true
	}
	c.top, s.run = number, c.run
	return anew
}
