package parse

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"belfry/shared/event"
)

// accepts is in each line that begins a connection of slapd.
const accepts = " ACCEPT from "

// MayForesee reports whether Foresee has a use for an event in JSON, by its bytes.
func MayForesee(raw []byte) bool { return bytes.Contains(raw, []byte(accepts)) }

// Foresee tells of a line that is at hand, and that Parse will be given after others. slapd accepts connections in a
// thread of its own, whose line comes at times behind the first ones of the connection, even behind the result of its
// first bind (daemon.c, connection.c): foreseen, it tells whose that was. It changes nothing of e, and does nothing for
// a line without an event.id or a process id, by which a connection is known again for sure.
func (p *Parser) Foresee(e *event.Event, now time.Time) {
	if !strings.Contains(e.Get("event.original"), accepts) {
		return
	}
	l := new(line)
	l.begin(&event.Event{Fields: slices.Clone(e.Fields)}, now)
	h := scanHeader(strings.TrimSuffix(l.raw, "\r"))
	if h.program == "" && h.format == "" {
		h.program = p.program
	}
	l.program, l.pid, l.text = h.program, h.pid, h.text
	if l.program != "slapd" || l.pid == "" || l.id == "" || l.message != "" {
		return
	}
	l.setHeader(&h)
	conn, rest := digits(strings.TrimPrefix(l.text, "conn="))
	num, ok := number(conn)
	_, from, found := strings.Cut(rest, accepts)
	if !ok || !found || !strings.HasPrefix(rest, " fd=") {
		return
	}
	if peer, server, ok := scanAccept(from); ok {
		p.ldap.foresee(l, slapdKey(l, num), peer, server)
	}
}

// foresee begins a connection of which nothing is known, or not yet where it is from.
func (d *directory) foresee(l *line, key connKey, peer, server endpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c, ok := d.find(key); ok && (c.accepted || c.closed) {
		return
	}
	c := d.get(key)
	c.accepted, c.began, c.peer, c.server = true, l.id, peer, server
	d.grow(c, len(l.raw))
}
