package parse

import (
	"sync"
	"time"
	_ "time/tzdata" // zones of hosts that are elsewhere, on a machine without a zone database
)

const (
	future   = 24 * time.Hour // how far ahead of ours a clock may be
	yearsAgo = 8              // how far back to look for a year that has the day: 29 February may be so rare
)

// setTime gives the event its @timestamp: the line's own time, or the time of reading where there is none or it cannot
// be believed. A clock that nobody has set, by its own word, is believed where it is right within a day.
func (p *Parser) setTime(l *line, h *header) {
	if h.stamp.isZero() {
		p.setTimestamp(l, p.readAt(l))
		return
	}
	p.setStamp(l, h.stamp)
	l.timed = true
}

// setStamp gives the event the time that a stamp means.
func (p *Parser) setStamp(l *line, st stamp) {
	loc, known := p.zones.get(l.zone)
	if !known && !st.zoned {
		l.tag("timezone_unknown")
	}
	t, twice := l.lately.resolve(st, loc, l.zone, l.ref)
	if twice {
		l.tag("dst_ambiguous")
	}
	if known && st.zone != "" {
		if _, ok := eastOf(st.zone, loc, t); !ok {
			l.tag("timezone_unknown")
		}
	}
	idle := st.unset && t.Sub(l.ref).Abs() > future
	if !idle && p.believable(t, l.now) {
		p.setTimestamp(l, t)
		return
	}
	p.setTimestamp(l, p.readAt(l))
	l.event.Set("labels.log_time", formatTime(t))
	if idle {
		l.tag("clock_not_set")
	} else {
		l.tag("time_out_of_range")
	}
}

func (p *Parser) setTimestamp(l *line, t time.Time) {
	l.at, l.stamp = t, l.lately.format(t)
	l.event.Set("@timestamp", l.stamp)
}

// readAt is when the line was read, or now where the agent's clock is wrong as well.
func (p *Parser) readAt(l *line) time.Time {
	if p.believable(l.created, l.now) {
		return l.created
	}
	return l.now
}

func (p *Parser) believable(t, now time.Time) bool {
	return !t.Before(now.Add(-p.retention)) && !t.After(now.Add(future))
}

// foreign looks at the time of an event that is no line: a forged date must neither hide it nor purge another.
func (p *Parser) foreign(l *line) {
	e := l.event
	said := e.Get("@timestamp")
	t, err := time.Parse(time.RFC3339, said)
	if err == nil && p.believable(t, l.now) {
		return
	}
	if said != "" {
		e.Set("labels.log_time", said)
		l.tag("time_out_of_range")
	}
	l.created = firstTime(l.now, e.Get("event.created"))
	p.setTimestamp(l, p.readAt(l))
}

func formatTime(t time.Time) string {
	var buf [len(time.RFC3339Nano)]byte
	return string(t.UTC().AppendFormat(buf[:0], time.RFC3339Nano))
}

// resolve finds the moment that a stamp means. The year, where it has none, is the latest that puts it no later than a
// day after ref. twice says that the zone had that hour twice: it is taken for the first.
func (s stamp) resolve(loc *time.Location, ref time.Time) (t time.Time, twice bool) {
	if s.year != 0 {
		return s.in(loc, s.year)
	}
	latest := ref.Add(future)
	newest := latest.In(loc).Year()
	year := newest
	if s.zoned || s.zone != "" {
		year++ // it may be New Year there, and not here
	}
	for ; year >= newest-yearsAgo; year-- {
		if s.day > daysIn(year, s.month) {
			continue
		}
		if t, twice = s.in(loc, year); !t.After(latest) {
			break
		}
	}
	return t, twice
}

// in returns the stamp's moment in a year.
func (s stamp) in(loc *time.Location, year int) (t time.Time, twice bool) {
	t = time.Date(year, time.Month(s.month), s.day, s.hour, s.min, s.sec, s.nsec, time.UTC)
	if s.zoned {
		return t.Add(-time.Duration(s.east) * time.Second), false
	}
	if s.zone != "" {
		if east, ok := eastOf(s.zone, loc, t); ok {
			return t.Add(-time.Duration(east) * time.Second), false
		}
	}
	if loc == time.UTC {
		return t, false
	}
	before, after := offset(t.Add(-future), loc), offset(t.Add(future), loc)
	first, second := t.Add(-before), t.Add(-after)
	switch {
	case before == after:
		return first, false
	case offset(first, loc) == before:
		return first, before > after && offset(second, loc) == after
	case offset(second, loc) == after:
		return second, false
	}
	return first, false // an hour that the zone left out: a clock that was not put forward
}

// offset is how far a zone was ahead of UTC.
func offset(t time.Time, loc *time.Location) time.Duration {
	_, seconds := t.In(loc).Zone()
	return time.Duration(seconds) * time.Second
}

// maxZones bounds the zones that are remembered: hosts choose their names.
const maxZones = 1024

// zones remembers zones by name, the unknown ones as well. The zero value is ready.
type zones struct {
	mu     sync.RWMutex
	byName map[string]*time.Location
}

// get returns a zone by its IANA name; UTC for the empty name, and for an unknown one.
func (z *zones) get(name string) (loc *time.Location, known bool) {
	if name == "" || name == "UTC" {
		return time.UTC, true
	}
	z.mu.RLock()
	loc, seen := z.byName[name]
	z.mu.RUnlock()
	if !seen {
		loc = z.load(name)
	}
	if loc == nil {
		return time.UTC, false
	}
	return loc, true
}

func (z *zones) load(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // the aggregator's own zone is not the host's
		loc = nil
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.byName == nil || len(z.byName) >= maxZones {
		z.byName = make(map[string]*time.Location)
	}
	z.byName[name] = loc
	return loc
}
