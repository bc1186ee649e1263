package parse

import "time"

// lately is what the last line that used the same memory told of its times. Lines come in series, of one second and one
// turn of reading: then nothing is computed again. The zero value knows nothing.
type lately struct {
	created   string // event.created
	createdAt time.Time

	said   stamp // in a zone, read at a time
	zone   string
	ref    time.Time
	means  time.Time
	twice  bool
	second int64 // a moment, and how it is written
	nsec   int
	text   string
}

// firstOf is firstTime of event.created and another.
func (m *lately) firstOf(otherwise time.Time, created, other string) time.Time {
	if created == "" {
		return firstTime(otherwise, other)
	}
	if created == m.created {
		return m.createdAt
	}
	t, err := time.Parse(time.RFC3339, created)
	if err != nil {
		return firstTime(otherwise, other)
	}
	m.created, m.createdAt = created, t
	return t
}

// resolve is stamp.resolve, of a zone by its name.
func (m *lately) resolve(s stamp, loc *time.Location, zone string, ref time.Time) (t time.Time, twice bool) {
	if s == m.said && zone == m.zone && ref.Equal(m.ref) && !m.means.IsZero() {
		return m.means, m.twice
	}
	t, twice = s.resolve(loc, ref)
	m.said, m.zone, m.ref, m.means, m.twice = s, zone, ref, t, twice
	return t, twice
}

// format is formatTime.
func (m *lately) format(t time.Time) string {
	if second, nsec := t.Unix(), t.Nanosecond(); m.text == "" || second != m.second || nsec != m.nsec {
		m.second, m.nsec, m.text = second, nsec, formatTime(t)
	}
	return m.text
}
