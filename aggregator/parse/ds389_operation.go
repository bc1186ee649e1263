package parse

import (
	"cmp"
	"strings"
)

// ds389Close says what the codes of closed connections mean (disconnect_error_strings.h, disconnect_errors.h).
var ds389Close = map[string]string{
	"A1": "client aborted the connection", "B1": "bad BER tag, or the client closed without unbind", "B2": "BER too long",
	"B3": "corrupt BER tag", "B4": "server failed to flush data to the client", "P1": "closed by a plugin",
	"P2": "poll failed", "P3": "invalid proxy header", "P4": "unknown proxy error", "R1": "connection failed in poll",
	"S1": "SASL failed", "T1": "idle timeout", "T2": "I/O or TLS timeout", "T3": "paged search took too long",
	"U1": "unbind",
}

// scanDS389Operation reads what follows "conn=N op=", which may be -1 where there was none.
func (p *Parser) scanDS389Operation(l *line, key connKey, conn, rest string) bool {
	none := strings.HasPrefix(rest, "-1 ")
	op, rest := digits(strings.TrimPrefix(rest, "-"))
	num, ok := number(op)
	if !ok || len(rest) < 2 || rest[0] != ' ' {
		return false
	}
	rest = rest[1:]
	if strings.HasPrefix(rest, "fd=") {
		return p.scanDS389Closed(l, key, conn, rest)
	}
	if none {
		return false
	}
	s, ok := scanDS389Request(rest)
	if !ok {
		return false
	}
	s.conn, s.op, s.number = conn, op, num
	p.ds389.write(l, key, &s.operation)
	s.also(l)
	return true
}

// scanDS389Closed reads "fd=64 Disconnect - REASON - U1", before 2.1 "fd=64 closed - U1" or "fd=64 closed error 104
// (Connection reset by peer) - T2".
func (p *Parser) scanDS389Closed(l *line, key connKey, conn, rest string) bool {
	_, rest = digits(rest[len("fd="):])
	rest, now := strings.CutPrefix(rest, " Disconnect")
	rest, before := strings.CutPrefix(rest, " closed")
	if !now && !before {
		return false
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(rest, " "), "error "), "- ")
	reason, code := rest, ""
	if i := strings.LastIndexByte(rest, ' '); ds389Close[rest[i+1:]] != "" {
		reason, code = strings.TrimSuffix(strings.TrimSuffix(rest[:max(i, 0)], "-"), " "), rest[i+1:]
	}
	p.ds389.writeClosed(l, key, conn, cmp.Or(reason, ds389Close[code]))
	l.put("ldap.close_code", code)
	return true
}

// ds389Operation is what one line says of an operation, with what only this server tells.
type ds389Operation struct {
	operation
	notes, details, target string
}

// also writes what is not joined.
func (o *ds389Operation) also(l *line) {
	if o.notes != "" {
		l.list("ldap.notes", strings.Split(o.notes, ",")...)
	}
	l.put("ldap.notes_text", o.details)
	l.number("ldap.abandoned", o.target)
}

// scanDS389Request reads what follows "conn=N op=N ".
func scanDS389Request(text string) (o ds389Operation, ok bool) {
	verb, rest := word(text)
	switch verb {
	case "RESULT":
		return o, o.scanDS389Result(rest)
	case "SORT", "VLV", "STAT", "ENTRY", "REFERRAL", "UNPROCESSED":
		o.kind, o.text = noticeLine, text
		return o, true
	}
	if o.request, ok = requests[verb]; !ok || o.request == "" {
		return o, false
	}
	switch verb {
	case "BIND":
		ok = o.scanDS389Bind(rest)
	case "SRCH":
		ok = o.scanDS389Search(rest)
	case "EXT":
		o.oid, ok = quotedUntil(rest, `oid="`, `" name="`)
		o.request = cmp.Or(ldapExtensions[o.oid], o.request)
	case "CMP":
		o.dn, ok = quotedUntil(rest, `dn="`, `" attr="`)
		_, attr, _ := cutLast(rest, `" attr="`)
		o.attrs, _, _ = strings.Cut(attr, `"`)
	case "MODRDN":
		o.dn, ok = quotedUntil(rest, `dn="`, `" newrdn="`)
	case "ADD", "DEL", "MOD":
		o.dn, ok = quotedUntil(rest, `dn="`, `" authzid="`)
	case "ABANDON":
		o.target = assigned(" "+rest, " targetop=")
	}
	return o, ok
}

// ldapExtensions names extended requests as slapd's log does (RFC 4511, 3062, 4532 and 3909).
var ldapExtensions = map[string]string{
	"1.3.6.1.4.1.1466.20037": "starttls", "1.3.6.1.4.1.4203.1.11.1": "passmod", "1.3.6.1.4.1.4203.1.11.3": "whoami",
	"1.3.6.1.1.8": "cancel",
}

// quotedUntil returns what stands behind a prefix, up to a mark or the last quote.
func quotedUntil(s, prefix, mark string) (string, bool) {
	s, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return "", false
	}
	if before, _, found := strings.Cut(s, mark); found {
		return before, true
	}
	before, _, found := cutLast(s, `"`)
	return before, found
}

// scanDS389Bind reads `dn="" method=128 version=3` and `dn="" method=sasl version=3 mech=PLAIN`. Quotes in names are
// escaped (dn.c, escape_string).
func (o *ds389Operation) scanDS389Bind(rest string) bool {
	dn, ok := strings.CutPrefix(rest, `dn="`)
	dn, after, found := cutLast(dn, `" method=`)
	if !ok || !found {
		return false
	}
	method, after := word(after)
	o.dn = dn
	switch method {
	case "128":
		o.mech, o.anonymous = "SIMPLE", dn == ""
	case "sasl":
		mech, _, _ := strings.Cut(assigned(" "+after, " mech="), ",")
		o.mech = cmp.Or(mech, "SASL")
	}
	return true
}

// scanDS389Search reads `base="" scope=2 filter="(uid=a)" attrs="uid cn"`, or attrs=ALL. A filter may hold quotes.
func (o *ds389Operation) scanDS389Search(rest string) bool {
	rest, ok := strings.CutPrefix(rest, `base="`)
	base, after, found := strings.Cut(rest, `" scope=`)
	if !ok || !found {
		return false
	}
	o.base = base
	o.scope, after = word(after)
	filter, attrs, _ := cutLast(strings.TrimPrefix(after, "filter="), " attrs=")
	o.filter = strings.TrimSuffix(strings.TrimPrefix(filter, `"`), `"`)
	o.ambiguous = strings.Count(after, " attrs=") > 1
	if attrs, ok = strings.CutPrefix(attrs, `"`); ok {
		o.attrs, _, _ = strings.Cut(attrs, `"`)
	}
	return true
}

// scanDS389Result reads `err=0 tag=97 nentries=0 wtime=0.1 optime=0.1 etime=0.2`, behind which may stand `notes=U
// details="…"`, `dn="…"` of who is bound now, `pr_idx=0 pr_cookie=-1`, `csn=…`, and then ", SASL bind in progress" or
// " - TEXT".
func (o *ds389Operation) scanDS389Result(rest string) bool {
	o.kind = resultLine
	known := false
	for rest != "" {
		if text, ok := strings.CutPrefix(rest, "- "); ok {
			o.text = text
			break
		}
		key, value, _ := strings.Cut(rest, "=")
		if strings.HasPrefix(value, `"`) {
			value, rest, _ = strings.Cut(value[1:], `"`)
			rest = strings.TrimPrefix(rest, " ")
		} else {
			value, rest = word(value)
		}
		value, more := strings.CutSuffix(value, ",")
		switch key {
		case "err":
			o.code, known = number(value)
		case "tag":
			o.request = ldapRequests[value]
		case "nentries":
			o.entries = value
		case "wtime":
			o.qtime = value
		case "etime":
			o.etime = value
		case "notes":
			o.notes = value
		case "details":
			o.details = value
		case "dn":
			o.authz = value
		case "optime", "wbusy", "wqdepth", "pr_idx", "pr_cookie", "csn", "sid", "authzid":
		default:
			return known
		}
		if more {
			o.text = rest
			break
		}
	}
	return known
}

// scanDS389Internal reads an operation of the server itself: "op=0(1)(1) SRCH …".
func scanDS389Internal(l *line, conn, rest string) bool {
	rest, ok := strings.CutPrefix(rest, "op=")
	op, rest := digits(rest)
	_, rest, found := strings.Cut(rest, ") ")
	if !ok || !found {
		return false
	}
	o, ok := scanDS389Request(rest)
	if !ok {
		return false
	}
	o.writeInternal(l, conn, op)
	return true
}

// writeInternal writes a line of an operation of the server itself.
func (o *ds389Operation) writeInternal(l *line, conn, op string) {
	l.is("ldap-internal", "database", "info")
	l.put("ldap.internal", "true")
	l.number("ldap.connection", conn)
	l.number("ldap.operation", op)
	if o.kind == resultLine {
		o.request = ""
		l.ldapCode(o.code)
		l.number("ldap.entries", o.entries)
		l.put("event.duration", nanoseconds(o.etime))
	}
	l.put("event.reason", o.text)
	l.ldapOperation(&o.operation)
	o.also(l)
}
