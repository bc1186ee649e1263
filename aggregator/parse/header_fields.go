package parse

import (
	"cmp"
	"strconv"
	"strings"

	"belfry/shared/event"
)

// setHeader writes the header's fields. A host name that an agent proved is never overridden by what a line claims.
func (l *line) setHeader(h *header) {
	l.setPriority(h)
	l.put("log.syslog.version", h.version)
	l.put("log.syslog.hostname", h.host)
	l.put("log.syslog.appname", h.program)
	l.put("log.syslog.procid", h.pid)
	l.put("log.syslog.msgid", h.msgid)
	l.setCode(h)
	l.put("log.syslog.structured_data", h.data)
	if h.stream != "" {
		l.put("labels.stream", h.stream)
		l.labelled = true
	}
	l.put("log.source.address", l.origin.peer)
	if l.origin.host == "" {
		l.origin = l.originBy(h)
		l.put("host.name", l.origin.host)
	}
	l.put("process.name", withoutModule(h.program))
	l.setPID(h.pid)
	l.put("event.kind", "event")
	l.message = cmp.Or(h.message, h.text, l.raw)
	l.put("message", l.message)
}

// originBy returns the origin of a line, of which the header says the host where nobody else does.
func (l *line) originBy(h *header) origin {
	o := l.origin
	o.host = cmp.Or(o.host, h.host, o.peer, l.observer)
	return o
}

// withoutModule cuts off the module that PAM wrote into the tag before 0.99: "sshd(pam_unix)".
func withoutModule(program string) string {
	if strings.HasSuffix(program, ")") {
		name, module, _ := strings.Cut(program, "(")
		if strings.HasPrefix(module, "pam_") {
			return name
		}
	}
	return program
}

// setPriority writes facility and severity by the line's priority, or by the names of both. What an agent told of them
// already is the same, and stays the only value; where the line has none, it counts.
func (l *line) setPriority(h *header) {
	v := h.level
	if v.of(h.priority) {
		l.told("log.syslog.priority", h.priority)
	}
	switch {
	case v.known:
		l.told("log.syslog.facility.code", strconv.Itoa(v.facility))
		l.told("log.syslog.facility.name", event.Facility(v.facility))
		l.told("log.syslog.severity.code", strconv.Itoa(v.severity))
		l.told("log.syslog.severity.name", event.Severity(v.severity))
		l.put("log.level", event.Severity(v.severity))
	case h.code.severity != 0:
		l.put("log.level", event.Severity(int(h.code.severity-'0')))
	case event.IsSeverity(l.severity):
		l.put("log.level", l.severity)
	}
}

// told sets a field that an agent may have sent.
func (l *line) told(name, value string) {
	if l.relayed {
		l.event.Set(name, value)
		return
	}
	l.put(name, value)
}

// setCode writes Cisco's code of a message, by the names that Elastic's integrations use.
func (l *line) setCode(h *header) {
	l.put("event.sequence", h.sequence)
	if h.code.severity == 0 {
		return
	}
	l.put("log.syslog.msgid", h.code.whole)
	l.put("event.code", h.code.mnemonic)
	l.put("event.severity", strconv.Itoa(int(h.code.severity-'0')))
}

// setPID writes the process id, and the thread's where both stand there: "[12:34]".
func (l *line) setPID(pid string) {
	process, thread, both := strings.Cut(pid, ":")
	if both && !isNumber(thread) {
		return
	}
	l.number("process.pid", process)
	l.number("process.thread.id", thread)
}
