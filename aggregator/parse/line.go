package parse

import (
	"net/netip"
	"strings"
	"time"

	"belfry/shared/event"
)

// line is one event while it is read. Scanners see text, and write by the methods.
type line struct {
	event   *event.Event
	merge   bool // the event brought fields that are ours to set: replace them
	relayed bool // the event brought facility and severity: replace these alone
	raw     string
	message string
	text    string // what the program said
	program string
	pid     string // text, as the header has it
	id      string // event.id
	origin  origin
	zone    string
	created time.Time // of reading, or now
	ref     time.Time // the year of a stamp without one
	now     time.Time
	at      time.Time // @timestamp
	stamp   string    // the same, as it is written
	timed   bool      // the header tells a time

	path   string // of the file
	offset string // in the file, decimal
	size   int    // of the line there, in bytes

	labelled bool    // the event brought labels
	more     bool    // the event brought what agents add: labels, or what a journal knows
	by       *custom // parser of the operator's that read it
	part     string  // of sudo's long line, as it was before anything in it was masked

	lately   lately
	observer string // the relay that took the line
	severity string // by name, as the agent told it
}

// origin says which host a line is from. It is part of the key of every join, so that hosts are never mixed: two
// agents may have the same host name, and a relay's peers may claim what they like.
type origin struct {
	agent, host, peer string
}

// begin collects what the sender said about the line. An unknown name only costs time.
func (l *line) begin(e *event.Event, now time.Time) {
	l.event, l.now = e, now
	var created, ref, stamp, source string
	for i := range e.Fields {
		switch f := &e.Fields[i]; f.Name {
		case "event.original":
			l.raw, l.size = f.Value, len(f.Value)
		case "message":
			l.message = f.Value
		case "event.created":
			created = f.Value
		case "event.id":
			l.id = f.Value
		case "event.timezone":
			l.zone = f.Value
		case "belfry.ref_time":
			ref = f.Value
		case "@timestamp":
			stamp = f.Value
		case "agent.id":
			l.origin.agent = f.Value
		case "host.name":
			l.origin.host = f.Value
		case "observer.name":
			l.observer = f.Value
		case "source.ip":
			source = f.Value
		case "log.syslog.priority", "log.syslog.facility.code", "log.syslog.facility.name", "log.syslog.severity.code":
			l.relayed = true
		case "log.syslog.severity.name":
			l.relayed, l.severity = true, f.Value
		case "log.file.path":
			l.path = f.Value
		case "log.offset":
			l.offset = f.Value
		case "event.ingested", "agent.version", "agent.name", "log.original_length", "tags",
			"network.transport", "tls.client.x509.subject.common_name":
		default:
			l.more = true
			l.merge = l.merge || !ofAgent(f.Name)
			l.labelled = l.labelled || strings.HasPrefix(f.Name, labels)
		}
	}
	if ref != "" {
		e.Delete("belfry.ref_time")
	}
	if l.observer != "" {
		l.origin.peer = source
	} else {
		l.merge = l.merge || source != ""
	}
	l.created = l.lately.firstOf(now, created, stamp)
	l.ref = firstTime(l.created, ref)
}

// ofAgent reports whether a field is of those that agents send and no line has.
func ofAgent(name string) bool {
	return strings.HasPrefix(name, "labels.") || strings.HasPrefix(name, "journald.") || strings.HasPrefix(name, "systemd.")
}

// firstTime returns the first value that is a time, or otherwise.
func firstTime(otherwise time.Time, values ...string) time.Time {
	for _, v := range values {
		if v == "" {
			continue
		}
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t
		}
	}
	return otherwise
}

// put sets a field that has one value. Empty values are left out.
func (l *line) put(name, value string) {
	if l.merge {
		if value != "" {
			l.event.Set(name, value)
		}
		return
	}
	l.event.Append(name, value)
}

// list sets a field to values, in order.
func (l *line) list(name string, values ...string) {
	if l.merge {
		l.event.Delete(name)
	}
	for _, v := range values {
		l.event.Append(name, v)
	}
}

// also adds a value to a field, unless it is there.
func (l *line) also(name, value string) { l.event.Add(name, value) }

func (l *line) tag(t string) { l.event.Add("tags", t) }

// is says what happened: one category, and the types of ECS.
func (l *line) is(action, category string, types ...string) {
	l.put("event.action", action)
	l.list("event.category", category)
	l.list("event.type", types...)
}

func (l *line) outcome(ok bool) {
	if ok {
		l.put("event.outcome", "success")
	} else {
		l.put("event.outcome", "failure")
	}
}

// user says who did it.
func (l *line) user(name string) {
	l.put("user.name", name)
	l.also("related.user", name)
}

// target says to whom it was done, or as whom.
func (l *line) target(name string) {
	l.put("user.target.name", name)
	l.also("related.user", name)
}

// source says where it came from: an address with or without zone, or a host name.
func (l *line) source(addr, port string) {
	if addr == "" {
		return
	}
	if l.origin.peer != "" {
		l.event.Delete("source.ip") // the peer's, which log.source.address keeps
	}
	if ip := canonical(addr); ip != "" {
		l.put("source.ip", ip)
		l.also("related.ip", ip)
	} else {
		l.put("source.address", addr)
		l.also("related.hosts", addr)
	}
	l.port("source.port", port)
}

// number sets a field that is a number, if value is one: an index refuses what is none.
func (l *line) number(name, value string) {
	if isNumber(value) {
		l.put(name, value)
	}
}

// port sets a port.
func (l *line) port(name, value string) {
	if n, ok := number(value); ok && n <= 65535 {
		l.put(name, value)
	}
}

// canonical returns an address as an index compares it, "" if it is none.
func canonical(addr string) string {
	if addr == "" {
		return ""
	}
	ip, err := netip.ParseAddr(addr)
	switch {
	case err != nil:
		return ""
	case ip.Is4():
		return addr
	}
	return ip.Unmap().WithZone("").String()
}
