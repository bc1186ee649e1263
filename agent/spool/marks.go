package spool

import (
	"slices"
	"time"
)

// marks tells when records were put, to a second or so, and coarser where many wait.
type marks struct {
	all     []mark
	spacing time.Duration
}

// mark says that the record lsn was put at that time.
type mark struct {
	lsn uint64
	at  time.Time
}

const (
	leastSpacing = time.Second
	maxMarks     = 256
)

func (m *marks) add(lsn uint64, at time.Time) {
	n := len(m.all)
	if n > 0 && at.Sub(m.all[n-1].at) < m.spacing {
		return
	}
	if n == 0 {
		m.spacing = leastSpacing
	}
	if n >= maxMarks {
		m.spacing *= 2
		for i := range n / 2 {
			m.all[i] = m.all[2*i]
		}
		m.all = m.all[:n/2]
	}
	m.all = append(m.all, mark{lsn, at})
}

// drop forgets what is not needed for lsn and those behind it.
func (m *marks) drop(lsn uint64) {
	n := 0
	for n+1 < len(m.all) && m.all[n+1].lsn <= lsn {
		n++
	}
	m.all = slices.Delete(m.all, 0, n)
}

// since returns when the record lsn was put, or a little before.
func (m *marks) since(lsn uint64) time.Time {
	var at time.Time
	for i, k := range m.all {
		if i > 0 && k.lsn > lsn {
			break
		}
		at = k.at
	}
	return at
}
