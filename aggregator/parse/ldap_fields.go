package parse

import (
	"cmp"
	"strconv"
	"strings"
)

// maxAttributes bounds ldap.attributes: a line of names must not become an event of thousands of fields.
const maxAttributes = 256

// writeRequest writes a line that begins an operation, or says more of it. It tells what it says itself; all that was
// said is for the result.
func (d *directory) writeRequest(l *line, key connKey, o *operation) {
	e := d.request(l, key, o)
	if o.request == "" {
		l.is("ldap-request", "database", "info")
	} else {
		l.is("ldap-"+o.request+"-request", ldapCategory(o.request)[0], "info")
	}
	l.put("ldap.connection", o.conn)
	l.put("ldap.operation", o.op)
	l.ldapOperation(o)
	l.ldapEnds(&e)
}

// writeNotice writes a line that is of an operation, and neither begins nor ends it.
func (d *directory) writeNotice(l *line, key connKey, o *operation) {
	e := d.ends(l, key)
	l.is("ldap-notice", "network", "info")
	l.put("ldap.connection", o.conn)
	l.put("ldap.operation", o.op)
	if o.request == "disconnect" {
		l.ldapCode(o.code)
	}
	if o.ambiguous {
		l.tag("ambiguous")
	}
	l.ldapClient(o.session)
	l.put("event.reason", o.text)
	l.ldapEnds(&e)
}

// writeResult writes the line that ends an operation: all of it.
func (d *directory) writeResult(l *line, key connKey, o *operation) {
	e, whole := d.result(l, key, o)
	whole.request = cmp.Or(whole.request, "extended")
	types := ldapCategory(whole.request)
	action := "ldap-" + whole.request
	if whole.request == "bind" && o.code == ldapInProgress {
		action = "ldap-bind-continue"
	}
	l.is(action, types[0], types[1:]...)
	l.ldapOutcome(&whole)
	whole.ambiguous = whole.ambiguous || whole.isUnproven()
	l.put("ldap.connection", o.conn)
	l.put("ldap.operation", o.op)
	l.put("ldap.complete", "true")
	l.ldapCode(o.code)
	l.number("ldap.entries", o.entries)
	if isDecimal(o.qtime) {
		l.put("ldap.queue_time", o.qtime)
	}
	l.put("event.start", whole.start)
	l.put("event.end", l.stamp)
	l.put("event.duration", nanoseconds(o.etime))
	l.put("event.reason", o.text)
	l.ldapOperation(&whole)
	l.ldapEnds(&e)
}

// isUnproven reports whether a simple bind had success without a line that says who the client is by it. Where the server
// allows bind_anon_dn, that is a DN without a password: anonymous, though it names somebody (bind.c, and RFC 4513,
// section 5.1.2). Elsewhere the line was lost.
func (o *operation) isUnproven() bool {
	return o.request == "bind" && o.code == ldapSuccess && o.claimed && !o.bound
}

// ldapOutcome says success or failure where there is one: a bind that goes on has none, so that counting outcomes
// counts binds. Those with ldap.anonymous prove nothing, and are for the reader to leave out of a ratio.
func (l *line) ldapOutcome(o *operation) {
	switch {
	case o.request == "bind" && o.code == ldapInProgress:
	case o.request == "compare" && (o.code == ldapCompareFalse || o.code == ldapCompareTrue):
		l.outcome(true)
	default:
		l.outcome(o.code == ldapSuccess || o.code == ldapReferral && o.request != "bind")
	}
}

// ldapOperation writes what was asked.
func (l *line) ldapOperation(o *operation) {
	if o.ambiguous {
		l.tag("ambiguous")
	}
	l.put("ldap.request", o.request)
	dn := cmp.Or(o.dn, strings.TrimPrefix(o.authz, "dn:"))
	l.put("ldap.dn", dn)
	l.put("ldap.base", o.base)
	l.put("ldap.scope", cmp.Or(ldapScopes[o.scope], o.scope))
	l.put("ldap.filter", o.filter)
	l.put("ldap.mechanism", o.mech)
	l.number("ldap.ssf", o.ssf)
	l.put("ldap.oid", o.oid)
	if o.attrs != "" {
		attrs := strings.Fields(o.attrs)
		l.list("ldap.attributes", attrs[:min(len(attrs), maxAttributes)]...)
	}
	if o.anonymous {
		l.put("ldap.anonymous", "true")
	}
	if o.request == "bind" {
		name, id := ldapUser(dn)
		if name != "" {
			l.user(name)
		}
		l.put("user.id", id)
	}
	l.ldapClient(o.session)
}

func (l *line) ldapCode(code int) {
	l.put("ldap.result.code", strconv.Itoa(code))
	l.put("ldap.result.name", ldapResult(code))
}

// write writes a line of an operation, and joins it.
func (d *directory) write(l *line, key connKey, o *operation) {
	switch o.kind {
	case resultLine:
		d.writeResult(l, key, o)
	case noticeLine:
		d.writeNotice(l, key, o)
	default:
		d.writeRequest(l, key, o)
	}
}

// nanoseconds turns "0.000163", seconds, into event.duration's unit.
func nanoseconds(seconds string) string {
	s, err := strconv.ParseFloat(seconds, 64)
	if err != nil || s < 0 || s > 1e9 {
		return ""
	}
	return strconv.FormatInt(int64(s*1e9+0.5), 10)
}
