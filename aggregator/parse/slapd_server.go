package parse

import "strings"

// scanServer reads the lines that do not begin with a connection.
func (p *Parser) scanServer(l *line) bool {
	first, rest := word(l.text)
	switch {
	case strings.HasPrefix(first, "fd="):
		return scanDenied(l)
	case first == "SASL":
		return p.scanSASL(l, rest)
	case first == "connection_input:":
		return p.scanDeferred(l, rest)
	case first == "ppolicy_bind:":
		return scanExpired(l, rest)
	case first == "@(#)":
		return scanVersion(l, rest)
	case first == "slapd" || first == "daemon:":
		return scanDaemon(l)
	case strings.HasPrefix(first, "do_sync"):
		return scanSync(l, rest)
	case strings.HasPrefix(first, "proxyp("):
		return scanProxied(l, rest)
	}
	return false
}

// scanDaemon reads what the server says of its own beginning and end (main.c, daemon.c).
func scanDaemon(l *line) bool {
	switch text := l.text; {
	case text == "slapd starting":
		l.is("ldap-start", "process", "start")
	case text == "slapd stopped.":
		l.is("ldap-stop", "process", "end")
	case strings.HasPrefix(text, "daemon: ") && strings.HasSuffix(text, "shutdown initiated."),
		text == "daemon: shutdown requested and initiated.", text == "daemon: shutdown initiated by Service Manager.",
		text == "slapd gentle shutdown", strings.HasPrefix(text, "slapd shutdown: "):
		l.is("ldap-stopping", "process", "info")
		l.put("event.reason", text)
	default:
		return false
	}
	return true
}

// scanVersion reads "$OpenLDAP: slapd 2.5.13 (Feb  8 2023 01:56:12) $", which may go on with who built it.
func scanVersion(l *line, rest string) bool {
	rest, ok := strings.CutPrefix(rest, "$OpenLDAP: slapd ")
	if !ok {
		return false
	}
	version, _ := word(rest)
	l.is("ldap-version", "process", "info")
	l.put("service.version", version)
	return true
}

// scanDenied reads "fd=12 DENIED from HOST (ADDRESS)": hosts.deny refused it.
func scanDenied(l *line) bool {
	_, rest := digits(l.text[len("fd="):])
	rest, ok := strings.CutPrefix(rest, " DENIED from ")
	if !ok {
		return false
	}
	name, addr := word(rest)
	addr, _ = between(addr, "(", ")")
	if canonical(addr) == "" {
		name, addr = "", name
	}
	l.is("ldap-denied", "network", "connection", "denied")
	l.source(addr, "")
	l.put("source.domain", strings.TrimPrefix(name, "unknown"))
	return true
}

// scanProxied reads "proxyp(12): via IP=192.0.2.9:40000": a connection came through a proxy, whose address this is.
func scanProxied(l *line, rest string) bool {
	via, ok := strings.CutPrefix(rest, "via ")
	if !ok {
		return false
	}
	proxy := ldapAddr(via)
	l.is("ldap-proxied", "network", "connection", "info")
	l.source(proxy.ip, proxy.port)
	return true
}

// scanSASL reads "[conn=1018] Failure: TEXT", which comes before the result of a bind (sasl.c).
func (p *Parser) scanSASL(l *line, rest string) bool {
	rest, ok := strings.CutPrefix(rest, "[conn=")
	if !ok {
		return false
	}
	conn, rest := digits(rest)
	num, ok := number(conn)
	rest, closed := strings.CutPrefix(rest, "] ")
	label, text, found := strings.Cut(rest, ": ")
	if !ok || !closed || !found || label != "Failure" && label != "Error" {
		return false
	}
	e := p.ldap.ends(l, slapdKey(l, num))
	l.is("ldap-sasl-failure", "authentication", "info")
	l.put("ldap.connection", conn)
	l.put("event.reason", text)
	l.ldapEnds(&e)
	return true
}

// scanDeferred reads "conn=1000 deferring operation: REASON": the client asks faster than it is served (connection.c).
func (p *Parser) scanDeferred(l *line, rest string) bool {
	rest, ok := strings.CutPrefix(rest, "conn=")
	if !ok {
		return false
	}
	conn, rest := digits(rest)
	num, ok := number(conn)
	reason, found := strings.CutPrefix(rest, " deferring operation: ")
	if !ok || !found {
		return false
	}
	e := p.ldap.ends(l, slapdKey(l, num))
	l.is("ldap-deferred", "network", "info")
	l.put("ldap.connection", conn)
	l.put("event.reason", reason)
	l.ldapEnds(&e)
	return true
}

// scanExpired reads "Entry DN has an expired password: 1 grace logins" (overlays/ppolicy.c). The bind that it is about
// has a result of its own, and its number does not stand here.
func scanExpired(l *line, rest string) bool {
	rest, ok := strings.CutPrefix(rest, "Entry ")
	if !ok {
		return false
	}
	dn, left, ok := cutLast(rest, " has an expired password: ")
	left, grace := strings.CutSuffix(left, " grace logins")
	if !ok || !grace {
		return false
	}
	l.is("ldap-password-expired", "authentication", "info")
	l.put("ldap.dn", dn)
	l.number("ldap.grace_logins", left)
	name, id := ldapUser(dn)
	if name != "" {
		l.user(name)
	}
	l.put("user.id", id)
	return true
}

// scanSync reads what a replica says of its provider: "rid=001 rc 49 retrying (4 retries left)" (syncrepl.c).
func scanSync(l *line, rest string) bool {
	rid, ok := strings.CutPrefix(rest, "rid=")
	if !ok {
		return false
	}
	rid, text := word(rid)
	if !isNumber(rid) {
		return false
	}
	if _, bad, _ := strings.Cut(text, "rc "); bad != "" || strings.Contains(text, "failed") {
		l.is("ldap-sync-failed", "database", "error")
	} else {
		l.is("ldap-sync", "database", "info")
	}
	l.put("ldap.replica", rid)
	l.put("event.reason", text)
	return true
}

// scanUDP reads "conn=7 UDP request from IP=192.0.2.1:40000 (IP=0.0.0.0:389) accepted.", which begins a connection of
// one request.
func (p *Parser) scanUDP(l *line, key connKey, conn, text string) bool {
	_, rest, _ := strings.Cut(text, " ")
	rest, ok := between(rest, "UDP request from ", ") accepted.")
	peer, server, found := strings.Cut(rest, " (")
	if !ok || !found {
		return false
	}
	p.ldap.writeAccept(l, key, conn, ldapAddr(peer), ldapAddr(server))
	l.put("network.transport", "udp")
	return true
}
