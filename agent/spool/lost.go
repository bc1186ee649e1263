package spool

// losses are the lsns that failed writes have taken.
type losses struct {
	spans     []span // oldest first, and none touches the next
	forgotten uint64 // what was lost before this lsn is not known any more
}

// span is a range of lsns.
type span struct{ first, end uint64 }

// maxLost bounds how many losses are known: whoever waits has long been told.
const maxLost = 100

// add notes a loss behind all others.
func (l *losses) add(first, end uint64) {
	if first >= end {
		return
	}
	if n := len(l.spans); n > 0 && first <= l.spans[n-1].end {
		l.spans[n-1].end = max(l.spans[n-1].end, end)
		return
	}
	l.spans = append(l.spans, span{first, end})
	if n := len(l.spans) - maxLost; n > 0 {
		l.forgotten = l.spans[n-1].end
		l.spans = append(l.spans[:0], l.spans[n:]...)
	}
}

// meets reports whether any of first to last was lost, or may have been.
func (l *losses) meets(first, last uint64) bool {
	if first < l.forgotten {
		return true
	}
	for _, s := range l.spans {
		if s.first <= last && first < s.end {
			return true
		}
	}
	return false
}
