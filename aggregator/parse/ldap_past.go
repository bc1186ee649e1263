package parse

import (
	"strconv"
	"sync"
	"time"

	"belfry/shared/event"
)

// What may be looked up.
const (
	pastSpan      = 24 * time.Hour // before a line
	lookupsBurst  = 100            // at once: after a take-over every connection is unknown
	lookupsSecond = 20

	lookupsShare = 4 // they take at most one part in so many of the time: all lines of a queue wait for one
)

// bucket holds the look-ups that may be made now. It goes by the time that Parse is given.
type bucket struct {
	mu     sync.Mutex
	tokens float64
	filled time.Time
}

// take reports whether there is one, and takes it.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch passed := now.Sub(b.filled); {
	case b.filled.IsZero():
		b.tokens, b.filled = lookupsBurst, now
	case passed > 0:
		b.tokens = min(lookupsBurst, b.tokens+passed.Seconds()*lookupsSecond)
		b.filled = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// spend takes what a look-up cost by its length, beyond what it took before.
func (b *bucket) spend(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens -= max(0, took.Seconds()*lookupsSecond*lookupsShare-1)
}

// lookUp reads what was read before of a connection whose beginning is not known, as if it came now.
func (p *Parser) lookUp(l *line, key connKey) {
	p.lookUpBy(l, "ldap.connection", strconv.Itoa(key.num))
}

// lookUpBy reads the lines of before that have a field in common, as if they came now. Where too many are looked for,
// what they would tell stays unknown.
func (p *Parser) lookUpBy(l *line, field, value string) {
	if !p.lookups.take(l.now) {
		p.lookupsRefused.Inc()
		return
	}
	begun := time.Now()
	lines := p.past.Lines(PastQuery{
		Agent: l.origin.agent, Host: l.origin.host, PID: l.pid,
		Field: field, Value: value,
		From: l.at.Add(-pastSpan), To: l.at,
	})
	p.lookups.spend(time.Since(begun))
	found := false
	for _, e := range lines[:min(len(lines), MaxPast)] {
		if e.Has("event.original") && (l.id == "" || e.Get("event.id") != l.id) {
			found = true
			p.replay(e, l.now)
		}
	}
	if found {
		p.lookupsFound.Inc()
	} else {
		p.lookupsNone.Inc()
	}
}

// replayed are the fields of an indexed line that its agent sent.
var replayed = [...]string{
	"event.original", "event.id", "event.created", "event.timezone", "agent.id", "host.name", "observer.name",
	"log.file.path", "log.offset",
}

// replay reads an indexed line again, for what the joins learn of it.
func (p *Parser) replay(past *event.Event, now time.Time) {
	e := &event.Event{Fields: make([]event.Field, 0, 64)}
	for _, name := range replayed {
		e.Append(name, past.Get(name))
	}
	e.Append("belfry.ref_time", past.Get("@timestamp")) // the year is known by now
	if e.Has("observer.name") {
		e.Append("source.ip", past.Get("log.source.address"))
	}
	l := new(line)
	l.begin(e, now)
	defer func() {
		if recover() != nil {
			p.faults.Inc()
		}
	}()
	p.line(l)
}
