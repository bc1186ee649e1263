package parse

import "strings"

// scanSlapd reads what OpenLDAP's server writes at loglevel stats (servers/slapd). An operation spans lines that share
// conn= and op=: its RESULT gets all of it, so that one bind is one event (ldap-bind) with an outcome.
func scanSlapd(p *Parser, l *line) bool {
	rest, ok := strings.CutPrefix(l.text, "conn=")
	if !ok {
		return p.scanServer(l)
	}
	conn, rest := digits(rest)
	num, ok := number(conn)
	if !ok || rest == "" {
		return false
	}
	key := slapdKey(l, num)
	if rest, ok = strings.CutPrefix(rest, " fd="); ok {
		_, rest = digits(rest)
		return p.scanConnection(l, key, conn, strings.TrimPrefix(rest, " "))
	}
	if rest, ok = strings.CutPrefix(rest, " op="); !ok {
		return p.scanUDP(l, key, conn, l.text)
	}
	op, rest := digits(rest)
	opNum, ok := number(op)
	if !ok || len(rest) < 2 || rest[0] != ' ' {
		return false
	}
	s, ok := p.scanOperation(rest[1:], key, opNum)
	if !ok {
		return false
	}
	s.conn, s.op, s.number = conn, op, opNum
	p.ldap.write(l, key, &s)
	return true
}

// slapdKey names a connection of a line. A server that writes a file of its own does not tell its process id.
func slapdKey(l *line, num int) connKey {
	pid := l.pid
	if pid == "" {
		pid = l.event.Get("log.file.path")
	}
	return connKey{l.origin, pid, num}
}

// scanOperation reads what follows "conn=N op=N ".
func (p *Parser) scanOperation(text string, key connKey, number int) (operation, bool) {
	if text[0] != '[' {
		return scanUntracked(text)
	}
	known := ""
	if strings.Count(text, "] ") > 1 {
		known = p.ldap.session(key, number)
	}
	return scanTracked(text, known)
}

// scanConnection reads the lines about a connection itself.
func (p *Parser) scanConnection(l *line, key connKey, conn, text string) bool {
	if rest, ok := strings.CutPrefix(text, "ACCEPT from "); ok {
		peer, server, ok := scanAccept(rest)
		if ok {
			p.ldap.writeAccept(l, key, conn, peer, server)
		}
		return ok
	}
	if rest, ok := strings.CutPrefix(text, "TLS established "); ok {
		p.ldap.writeTLS(l, key, conn, scanTLS(rest))
		return true
	}
	if rest, ok := strings.CutPrefix(text, "closed"); ok && (rest == "" || rest[0] == ' ') {
		reason, _ := between(rest, " (", ")")
		p.ldap.writeClosed(l, key, conn, reason)
		return true
	}
	return false
}

// scanAccept reads "IP=192.0.2.1:40000 (IP=0.0.0.0:389)".
func scanAccept(s string) (peer, server endpoint, ok bool) {
	from, to, ok := strings.Cut(s, " (")
	to, closed := strings.CutSuffix(to, ")")
	return ldapAddr(from), ldapAddr(to), ok && closed
}

// endpoint is an address of a connection: of IP, or the path of a socket.
type endpoint struct{ ip, port, path string }

// ldapAddr reads "IP=192.0.2.1:389", "IP=[2001:db8::1]:389" or "PATH=/run/ldapi".
func ldapAddr(s string) endpoint {
	if path, ok := strings.CutPrefix(s, "PATH="); ok {
		return endpoint{path: path}
	}
	host, port, ok := cutLast(strings.TrimPrefix(s, "IP="), ":")
	if !ok {
		return endpoint{path: s}
	}
	return endpoint{ip: canonical(strings.Trim(host, "[]")), port: port}
}

// ldapTLS is how a connection is secured.
type ldapTLS struct{ proto, cipher, ssf string }

// scanTLS reads "tls_ssf=256 ssf=256 tls_proto=TLS1.3 tls_cipher=AES-256-GCM" (2.5 and later name the last two).
func scanTLS(s string) (t ldapTLS) {
	for s != "" {
		var part string
		part, s = word(s)
		switch key, value, _ := strings.Cut(part, "="); key {
		case "ssf":
			t.ssf = value
		case "tls_proto":
			t.proto = value
		case "tls_cipher":
			t.cipher = value
		}
	}
	return t
}

// ldapEnds writes both ends of a connection, and how it is secured.
func (l *line) ldapEnds(e *ends) {
	l.source(e.peer.ip, e.peer.port)
	l.put("source.address", e.peer.path)
	l.put("destination.ip", e.server.ip)
	l.port("destination.port", e.server.port)
	l.put("destination.address", e.server.path)
	switch {
	case e.tls:
		l.put("ldap.tls", "true")
		version := strings.TrimPrefix(strings.TrimPrefix(e.with.proto, "TLS"), "v")
		if version != "" {
			l.put("tls.version_protocol", "tls")
		}
		l.put("tls.version", version)
		l.put("tls.cipher", e.with.cipher)
	case e.accepted && l.event.Get("event.action") != "ldap-accept":
		l.put("ldap.tls", "false")
	}
}

// writeClosed writes the end of a connection, with its reason. Its operations may still get their results.
func (d *directory) writeClosed(l *line, key connKey, num, reason string) {
	e := d.close(l, key)
	l.is("ldap-closed", "network", "connection", "end")
	l.put("ldap.connection", num)
	l.put("event.reason", reason)
	l.ldapEnds(&e)
}

// writeAccept writes the beginning of a connection.
func (d *directory) writeAccept(l *line, key connKey, num string, peer, server endpoint) {
	e := d.accept(l, key, peer, server)
	l.is("ldap-accept", "network", "connection", "start")
	l.put("ldap.connection", num)
	l.ldapEnds(&e)
}

// writeTLS writes how a connection is secured from here on.
func (d *directory) writeTLS(l *line, key connKey, num string, t ldapTLS) {
	e := d.secured(l, key, t)
	l.is("ldap-tls", "network", "info")
	l.put("ldap.connection", num)
	l.number("ldap.ssf", t.ssf)
	l.ldapEnds(&e)
}

func ldapCategory(request string) []string {
	if types, ok := ldapTypes[request]; ok {
		return types
	}
	return []string{"database", "info"}
}
