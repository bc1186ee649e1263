package parse

import (
	"slices"
	"sync"
)

// Bounds of what is remembered of audit.
const (
	auditBytes     = 16 << 20  // a generation of events: records of one come within milliseconds
	maxAuditEvent  = 128 << 10 // bytes of one: the arguments of a command may have that much
	maxAuditRecord = 256       // records of one
)

// auditKey names an event of audit.
type auditKey struct {
	origin
	node, at, serial string
}

// auditEvent is what is known of one.
type auditEvent struct {
	records []auditRecord
	ended   bool
	end     string // event.id of the record that ended it
	count   int    // of the records before that one
	bytes   int
}

func (e *auditEvent) weight() int { return e.bytes }

// audits joins the records of one event onto its last.
type audits struct {
	mu     sync.Mutex
	events recent[auditKey, *auditEvent]
}

func newAudits() *audits { return &audits{events: newRecent[auditKey, *auditEvent](auditBytes)} }

// record takes in a record. Where it is the last of its event, it returns all of them with this one; what comes later
// is no part. Records of one event are written together, but those of two may be mixed.
func (s *audits) record(l *line, r *auditRecord) (whole []auditRecord, ended bool) {
	if r.serial == "" || !isOfSyscall(r.kind) {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := auditKey{l.origin, r.node, r.at, r.serial}
	e, ok := s.events.get(key)
	if !ok {
		e = &auditEvent{bytes: 2 * entryWeight}
		s.events.put(key, e)
	}
	switch {
	case e.ended:
		if l.id == "" || e.end != l.id {
			return nil, false
		}
		return append(e.records[:e.count:e.count], *r), true
	case r.kind == "PROCTITLE" || r.kind == "EOE":
		if !e.hasSyscall() {
			return nil, false
		}
		e.ended, e.end, e.count = true, l.id, len(e.records)
		return append(e.records[:e.count:e.count], *r), true
	case slices.Contains(e.records, *r): // the same line again
		return nil, false
	case len(e.records) == maxAuditRecord || e.bytes+len(l.raw) > maxAuditEvent:
		return nil, false
	}
	e.records = append(e.records, *r)
	more := len(l.raw) + entryWeight/2
	e.bytes += more
	s.events.grow(more)
	return nil, false
}

// hasSyscall reports whether the record that says what was called is there: without it the rest tells no outcome.
func (e *auditEvent) hasSyscall() bool {
	for i := range e.records {
		if e.records[i].kind == "SYSCALL" {
			return true
		}
	}
	return false
}
