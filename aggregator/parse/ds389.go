package parse

import (
	"path"
	"strings"
)

// scanDS389 reads the logs of 389 Directory Server (ldap/servers/slapd: log.c, result.c, connection.c, auth.c, bind.c):
// the access log, as text and since 3.0 as JSON, the security log, and the error log. They are joined as slapd's lines
// are: the RESULT of a bind is one event (ldap-bind) with an outcome.
//
// The security log tells of binds once more. Its lines are ldap-bind-audit, without an outcome, so that a bind counts
// once where both logs are read, whichever comes first; where it is the only one, ldap.audit tells how each bind ended.
// What the server asks itself (Internal) has no outcome either, and is joined with nothing.
func scanDS389(p *Parser, l *line) bool {
	if strings.HasPrefix(l.text, "{") {
		return p.scanDS389JSON(l)
	}
	rest, ok := strings.CutPrefix(l.text, "conn=")
	if !ok {
		return scanDS389Error(l)
	}
	if strings.HasPrefix(rest, "Internal(") {
		_, rest, _ = strings.Cut(rest, ") ")
		return scanDS389Internal(l, "", rest)
	}
	conn, rest := digits(rest)
	num, ok := number(conn)
	if !ok || len(rest) < 2 || rest[0] != ' ' {
		return false
	}
	key := ds389Key(l, num)
	switch rest = rest[1:]; {
	case strings.HasPrefix(rest, "(Internal) "):
		return scanDS389Internal(l, conn, rest[len("(Internal) "):])
	case strings.HasPrefix(rest, "fd="):
		return p.scanDS389Accept(l, key, conn, rest[len("fd="):])
	case strings.HasPrefix(rest, "op="):
		return p.scanDS389Operation(l, key, conn, rest[len("op="):])
	case strings.HasPrefix(rest, "AUTOBIND "):
		dn, ok := between(rest, `AUTOBIND dn="`, `"`)
		return ok && p.writeMapped(l, key, conn, "ldap-autobind", dn)
	}
	return p.scanDS389TLS(l, key, conn, rest)
}

// ds389Key names a connection of a line. Files tell no process: the folder is an instance's.
func ds389Key(l *line, num int) connKey {
	pid := l.pid
	if pid == "" {
		if file := l.event.Get("log.file.path"); file != "" {
			pid = path.Dir(file)
		}
	}
	return connKey{l.origin, pid, num}
}

// scanDS389Accept reads "64 slot=64 SSL connection from 192.0.2.1 to 192.0.2.2", with "local" and a path for a socket.
func (p *Parser) scanDS389Accept(l *line, key connKey, conn, rest string) bool {
	_, rest = digits(rest)
	rest, ok := strings.CutPrefix(rest, " slot=")
	_, rest = digits(rest)
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, " "), "SSL ")
	rest, from := strings.CutPrefix(rest, "connection from ")
	peer, server, to := strings.Cut(rest, " to ")
	if !ok || !from || !to {
		return false
	}
	p.ds389.writeAccept(l, key, conn, ds389Addr(peer), ds389Addr(server))
	return true
}

// ds389Addr reads an address, which has no port, or a path.
func ds389Addr(s string) endpoint {
	if ip := canonical(s); ip != "" {
		return endpoint{ip: ip}
	}
	return endpoint{path: s}
}

// scanDS389TLS reads "TLS1.3 128-bit AES-GCM", with "; client DN; issuer DN" where the client showed a certificate, and
// whom that was mapped to: "TLS1.3 client bound as DN", "TLS1.3 failed to map client certificate to LDAP DN (REASON)".
func (p *Parser) scanDS389TLS(l *line, key connKey, conn, text string) bool {
	proto, rest := word(text)
	if !strings.HasPrefix(proto, "TLS") && proto != "SSL" {
		return false
	}
	if dn, ok := strings.CutPrefix(rest, "client bound as "); ok {
		return p.writeMapped(l, key, conn, "ldap-certificate-mapped", dn)
	}
	if reason, ok := between(rest, "failed to map client certificate to LDAP DN (", ")"); ok {
		p.ds389.writeUnmapped(l, key, conn, reason)
		return true
	}
	bits, rest := digits(rest)
	rest, ok := strings.CutPrefix(rest, "-bit ")
	if !ok || bits == "" {
		return false
	}
	cipher, client, _ := strings.Cut(rest, "; ")
	p.ds389.writeTLS(l, key, conn, ldapTLS{proto: strings.TrimPrefix(proto, "SSL"), cipher: cipher, ssf: bits})
	if client, ok = strings.CutPrefix(client, "client "); ok {
		subject, issuer, _ := cutLast(client, "; issuer ")
		l.put("tls.client.subject", subject)
		l.put("tls.client.issuer", issuer)
	}
	return true
}

// writeMapped writes whom the server takes a client for before it binds, by its certificate or as a local user.
func (p *Parser) writeMapped(l *line, key connKey, conn, action, dn string) bool {
	e := p.ds389.ends(l, key)
	l.is(action, "authentication", "info")
	l.put("ldap.connection", conn)
	l.put("ldap.dn", dn)
	if name, _ := ldapUser(dn); name != "" {
		l.user(name)
	}
	l.ldapEnds(&e)
	return true
}

// writeUnmapped writes that a certificate is nobody's, or that TLS failed.
func (d *directory) writeUnmapped(l *line, key connKey, conn, reason string) {
	e := d.ends(l, key)
	l.is("ldap-certificate-unmapped", "authentication", "info")
	l.put("ldap.connection", conn)
	l.put("event.reason", reason)
	l.ldapEnds(&e)
}

// scanDS389Error reads the error log: "- ERR - attrcrypt_init - TEXT", before 1.3.6 without the level.
func scanDS389Error(l *line) bool {
	rest, ok := strings.CutPrefix(l.text, "- ")
	level, rest, found := strings.Cut(rest, " - ")
	name := ds389Levels[level]
	if !ok || !found || name == "" {
		return false
	}
	l.is("ldap-server-message", "process", "info")
	l.put("log.level", name)
	if logger, text, found := strings.Cut(rest, " - "); found && strings.IndexByte(logger, ' ') < 0 {
		l.put("log.logger", logger)
		rest = text
	}
	l.put("event.reason", rest)
	return true
}

// ds389Levels are the levels of the error log (log.c), by the names that log.level has elsewhere.
var ds389Levels = map[string]string{
	"EMERG": "emerg", "ALERT": "alert", "CRIT": "crit", "ERR": "err", "WARN": "warning", "WARNING": "warning",
	"NOTICE": "notice", "INFO": "info", "DEBUG": "debug",
}
