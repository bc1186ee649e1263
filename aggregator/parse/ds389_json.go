package parse

import (
	"cmp"
	"strconv"
	"strings"

	"belfry/shared/event"
)

// scanDS389JSON reads a line of the access log (accesslog.c), the security log or the error log (log.c) as JSON.
func (p *Parser) scanDS389JSON(l *line) bool {
	d := p.decoders.Get().(*event.Decoder)
	o, err := d.Decode([]byte(l.text))
	p.decoders.Put(d)
	switch {
	case err != nil:
		return false
	case o.Has("utc_time") && o.Has("event"):
		return scanDS389Security(l, o)
	case o.Has("operation") && o.Has("conn_id"):
		return p.scanDS389Access(l, o)
	case o.Has("severity") && o.Has("msg"):
		l.is("ldap-server-message", "process", "info")
		l.put("log.level", ds389Levels[o.Get("severity")])
		l.put("log.logger", o.Get("subsystem"))
		l.put("event.reason", o.Get("msg"))
		return true
	}
	return false
}

// scanDS389Security reads a line of the security log. It has no outcome: see scanDS389.
func scanDS389Security(l *line, o *event.Event) bool {
	what, dn := o.Get("event"), o.Get("dn")
	if strings.HasPrefix(what, "BIND_") {
		l.is("ldap-bind-audit", "authentication", "info")
	} else {
		l.is("ldap-audit", "network", "info")
	}
	l.put("ldap.audit", what)
	l.number("ldap.connection", o.Get("conn_id"))
	l.number("ldap.operation", o.Get("op_id"))
	l.put("ldap.mechanism", o.Get("bind_method"))
	l.put("ldap.dn", dn)
	if o.Get("msg") == "ANONYMOUS_BIND" {
		l.put("ldap.anonymous", "true")
	}
	if name, _ := ldapUser(dn); name != "" {
		l.user(name)
	}
	l.put("event.reason", o.Get("msg"))
	e := ends{peer: ds389Addr(o.Get("client_ip")), server: ds389Addr(o.Get("server_ip"))}
	l.ldapEnds(&e)
	return true
}

// scanDS389Access reads a line of the access log. Its key has the time when the connection began: no two have the same.
func (p *Parser) scanDS389Access(l *line, o *event.Event) bool {
	conn := o.Get("conn_id")
	num, ok := number(conn)
	if !ok {
		return false
	}
	key := ds389Key(l, num)
	key.pid = cmp.Or(o.Get("key"), key.pid)
	what := o.Get("operation")
	switch what {
	case "CONNECTION":
		p.ds389.writeAccept(l, key, conn, ds389Addr(o.Get("client_ip")), ds389Addr(o.Get("server_ip")))
		return true
	case "DISCONNECT":
		code := o.Get("close_reason")
		p.ds389.writeClosed(l, key, conn, cmp.Or(ds389Close[code], code, o.Get("close_error")))
		if ds389Close[code] != "" {
			l.put("ldap.close_code", code)
		}
		return true
	case "AUTOBIND":
		return p.writeMapped(l, key, conn, "ldap-autobind", o.Get("bind_dn"))
	case "TLS_INFO", "TLS_CLIENT_INFO":
		return p.writeDS389TLS(l, key, conn, o)
	}
	s, ok := ds389JSON(o, what)
	if !ok {
		return false
	}
	s.conn, s.op = conn, o.Get("op_id")
	if s.number, ok = number(s.op); !ok {
		return false
	}
	if o.Get("internal_op") == "true" {
		s.writeInternal(l, conn, s.op)
		return true
	}
	p.ds389.write(l, key, &s.operation)
	s.also(l)
	return true
}

// writeDS389TLS writes how a connection is secured, or whom a certificate was mapped to.
func (p *Parser) writeDS389TLS(l *line, key connKey, conn string, o *event.Event) bool {
	switch dn := o.Get("client_dn"); {
	case dn != "":
		return p.writeMapped(l, key, conn, "ldap-certificate-mapped", dn)
	case o.Has("err_msg") || !o.Has("cipher"):
		p.ds389.writeUnmapped(l, key, conn, cmp.Or(o.Get("err_msg"), o.Get("msg")))
	default:
		proto := strings.TrimPrefix(o.Get("tls_version"), "SSL")
		p.ds389.writeTLS(l, key, conn, ldapTLS{proto: proto, cipher: o.Get("cipher"), ssf: o.Get("keysize")})
		l.put("tls.client.subject", o.Get("subject"))
		l.put("tls.client.issuer", o.Get("issuer"))
	}
	return true
}

// ds389Requests names the requests of the access log as JSON.
var ds389Requests = map[string]string{
	"BIND": "bind", "SEARCH": "search", "MODIFY": "modify", "ADD": "add", "DELETE": "delete", "MODRDN": "modrdn",
	"COMPARE": "compare", "EXTENDED_OP": "extended", "ABANDON": "abandon", "UNBIND": "unbind",
}

// ds389JSON returns what a line says of its operation.
func ds389JSON(o *event.Event, what string) (s ds389Operation, ok bool) {
	switch what {
	case "RESULT":
		s.kind = resultLine
		s.request = ldapRequests[o.Get("tag")]
		s.entries, s.qtime, s.etime = o.Get("nentries"), o.Get("wtime"), o.Get("etime")
		s.authz, s.text = o.Get("bind_dn"), o.Get("msg")
		s.code, ok = number(o.Get("err"))
		return s, ok
	case "STAT", "VLV", "ENTRY", "REFERRAL", "EXTENDED_OP_INFO", "ERROR", "SORT":
		s.kind, s.text = noticeLine, cmp.Or(o.Get("msg"), what)
		return s, true
	}
	if s.request, ok = ds389Requests[what]; !ok {
		return s, false
	}
	s.dn = cmp.Or(o.Get("target_dn"), o.Get("bind_dn"))
	s.oid = o.Get("oid")
	s.request = cmp.Or(ldapExtensions[s.oid], s.request)
	switch what {
	case "BIND":
		s.mech = cmp.Or(o.Get("mech"), "SASL")
		if o.Get("method") == strconv.Itoa(128) {
			s.mech, s.anonymous = "SIMPLE", s.dn == ""
		}
	case "SEARCH":
		s.base, s.scope, s.filter = o.Get("base_dn"), o.Get("scope"), o.Get("filter")
		s.attrs = strings.Join(o.All("attrs"), " ")
	case "COMPARE":
		s.attrs = o.Get("cmp_attr")
	case "ABANDON":
		s.target = o.Get("target_op")
	}
	return s, true
}
