package journal

import "time"

// Bounds of what is remembered of what was handed on and is not confirmed.
const (
	legSize = 64          // entries
	legTime = time.Second // between them
	maxLegs = 1 << 12
)

// way is what was handed on, in the order in which journalctl showed it, and is not confirmed: a child that begins at its first
// leg shows all of it.
type way struct {
	legs []leg
	last point // of the entry that was handed on last
}

// leg is some entries that came one after the other.
type leg struct {
	from    point
	read    time.Time // the first of them
	entries int
	parts   []part
}

// part says how far a leg goes in a series.
type part struct {
	series *series
	end    uint64
}

// add takes in an entry that was handed on.
func (w *way) add(s *series, at point, now time.Time) {
	w.last = at
	if n := len(w.legs); n == 0 || w.legs[n-1].entries >= legSize || now.Sub(w.legs[n-1].read) > legTime {
		w.begin(at, now)
	}
	l := &w.legs[len(w.legs)-1]
	l.entries++
	for i := range l.parts {
		if p := &l.parts[i]; p.series == s {
			p.end = max(p.end, at.number+1)
			return
		}
	}
	l.parts = append(l.parts, part{s, at.number + 1})
}

// begin begins a leg.
func (w *way) begin(from point, now time.Time) {
	w.legs = append(w.legs, leg{from: from, read: now})
}

// note tells each series since when something of it is not confirmed.
func (w *way) note() {
	for i := len(w.legs) - 1; i >= 0; i-- {
		for _, p := range w.legs[i].parts {
			if p.series.confirmed.end < p.end {
				p.series.since = w.legs[i].read
			}
		}
	}
}

// confirm forgets what is confirmed.
func (w *way) confirm() {
	n := 0
	for n < len(w.legs) && w.legs[n].confirmed() {
		n++
	}
	if n > 0 {
		w.legs = append(w.legs[:0], w.legs[n:]...)
	}
}

func (l *leg) confirmed() bool {
	for _, p := range l.parts {
		if p.series.confirmed.end < p.end {
			return false
		}
	}
	return true
}

// from is where a child has to begin to show all that is not confirmed.
func (w *way) from() point {
	if len(w.legs) > 0 {
		return w.legs[0].from
	}
	return w.last
}
