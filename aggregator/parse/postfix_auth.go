package parse

import "strings"

// smtpWarning reads the warnings that are about a client:
//
//	NAME[A]: SASL LOGIN authentication failed: REASON[, sasl_username=USER]
//	hostname NAME does not resolve to address A[: REASON]
//	non-SMTP command from NAME[A]: TEXT
//	Illegal address syntax from NAME[A] in MAIL command: TEXT
func smtpWarning(p *Parser, l *line, rest string) bool {
	if name, addr, port, after, ok := cutPeerName(rest); ok {
		if text, ok := strings.CutPrefix(after, ": SASL "); ok {
			return smtpAuthFailed(p, l, name, addr, port, text)
		}
		return false
	}
	if text, ok := strings.CutPrefix(rest, "hostname "); ok {
		name, addr, ok := strings.Cut(text, " does not resolve to address ")
		addr, _ = word(addr)
		addr = strings.TrimSuffix(addr, ":")
		if !ok || canonical(addr) == "" {
			return false
		}
		l.is("smtp-name-mismatch", "network", "connection", "info")
		l.smtpClient(name, addr, "")
		return true
	}
	before, peer, ok := strings.Cut(rest, " from ")
	name, addr, port, _, found := cutPeerName(peer)
	if !ok || !found || before != "non-SMTP command" && before != "Illegal address syntax" {
		return false
	}
	l.is("smtp-protocol-error", "network", "connection", "error")
	l.put("event.reason", before)
	l.smtpClient(name, addr, port)
	return true
}

// smtpAuthFailed reads "MECHANISM authentication failed: REASON[, sasl_username=USER]": one attempt. Before 3.5 there is
// no name, and the reason may hold the server's base64 challenge.
func smtpAuthFailed(_ *Parser, l *line, name, addr, port, text string) bool {
	if method, ok := strings.CutSuffix(text, " authentication aborted"); ok && strings.IndexByte(method, ' ') < 0 {
		l.is("smtp-login-aborted", "authentication", "info")
		l.put("postfix.sasl_method", method)
		l.smtpClient(name, addr, port)
		return true
	}
	method, reason, ok := strings.Cut(text, " authentication failed")
	if !ok || method == "" || strings.IndexByte(method, ' ') >= 0 {
		return false
	}
	reason = strings.TrimPrefix(reason, ": ")
	reason, user, _ := strings.Cut(reason, ", sasl_username=")
	l.is("smtp-login-attempt", "authentication", "start")
	l.outcome(false)
	l.put("postfix.sasl_method", method)
	l.put("event.reason", reason)
	if user != "(unavailable)" {
		l.user(user)
	}
	l.smtpClient(name, addr, port)
	return true
}

// scanPostscreen reads what the guard before smtpd says.
func scanPostscreen(p *Parser, l *line) bool {
	text, ok := strings.CutPrefix(l.text, noQueue+": reject: ")
	if ok {
		return mailReject(p, l, noQueue, text)
	}
	for _, f := range postscreenForms {
		rest, ok := strings.CutPrefix(l.text, f.prefix)
		if !ok {
			continue
		}
		addr, port, after, ok := cutAddrPort(rest)
		if !ok {
			return false
		}
		l.is(f.action, f.category, f.types...)
		if f.reason {
			l.put("event.reason", strings.TrimSuffix(f.prefix, " from "))
		}
		l.smtpClient("", addr, port)
		if server, ok := strings.CutPrefix(after, " to "); ok {
			if addr, port, _, ok := cutAddrPort(server); ok {
				l.put("destination.ip", canonical(addr))
				l.port("destination.port", port)
			}
		}
		return true
	}
	return postscreenCaught(l)
}

var postscreenForms = []struct {
	prefix, action, category string
	types                    []string
	reason                   bool
}{
	{"CONNECT from ", "smtp-connect", "network", []string{"connection", "start"}, false},
	{"DISCONNECT ", "smtp-disconnect", "network", []string{"connection", "end"}, false},
	{"PASS NEW ", "smtp-client-passed", "network", []string{"connection", "allowed"}, false},
	{"PASS OLD ", "smtp-client-passed", "network", []string{"connection", "allowed"}, false},
	{"WHITELISTED ", "smtp-client-passed", "network", []string{"connection", "allowed"}, false},
	{"ALLOWLISTED ", "smtp-client-passed", "network", []string{"connection", "allowed"}, false},
	{"BLACKLISTED ", "smtp-client-denied", "network", []string{"connection", "denied"}, false},
	{"DENYLISTED ", "smtp-client-denied", "network", []string{"connection", "denied"}, false},
	{"BARE NEWLINE from ", "smtp-protocol-error", "network", []string{"connection", "error"}, true},
	{"NON-SMTP COMMAND from ", "smtp-protocol-error", "network", []string{"connection", "error"}, true},
}

// postscreenCaught reads "WHAT … from [A]:P …" and "DNSBL rank N for [A]:P".
func postscreenCaught(l *line) bool {
	for _, what := range []string{"PREGREET ", "HANGUP ", "COMMAND PIPELINING ", "COMMAND TIME LIMIT ",
		"COMMAND COUNT LIMIT ", "COMMAND LENGTH LIMIT ", "DNSBL rank "} {
		rest, ok := strings.CutPrefix(l.text, what)
		if !ok {
			continue
		}
		before, after, ok := strings.Cut(rest, "from ")
		if what == "DNSBL rank " {
			before, after, ok = strings.Cut(rest, " for ")
		}
		addr, port, _, found := cutAddrPort(after)
		if !ok || !found {
			return false
		}
		if what == "DNSBL rank " {
			l.is("smtp-client-listed", "network", "connection", "info")
			l.number("postfix.dnsbl_rank", before)
		} else {
			l.is("smtp-protocol-error", "network", "connection", "error")
		}
		l.put("event.reason", strings.TrimSuffix(what, " "))
		l.smtpClient("", addr, port)
		return true
	}
	return false
}

// cutAddrPort cuts "[A]:P" off.
func cutAddrPort(s string) (addr, port, rest string, ok bool) {
	inner, found := strings.CutPrefix(s, "[")
	addr, rest, ok = strings.Cut(inner, "]:")
	port, rest = digits(rest)
	return addr, port, rest, found && ok && port != "" && canonical(addr) != ""
}
