package parse

import "strings"

// cutPeer reads "[authenticating user U |invalid user U |user U ]A port P" and what follows. The user stands before the
// address, and may look like one: the last address is the true one, if nothing follows that a client may have written.
func cutPeer(s string) (e sshEnd, kind, rest string, ok bool) {
	user, kind := sshUser(s)
	if kind == "" {
		user = " " + s
	}
	for end := len(user); ; {
		at := strings.LastIndex(user[:end], " port ")
		if at < 0 {
			return e, kind, rest, ok
		}
		end = at
		port, after := digits(user[at+len(" port "):])
		space := strings.LastIndexByte(user[:at], ' ')
		addr := user[space+1 : at]
		switch {
		case port == "" || space < 0 || canonical(addr) == "":
		case ok:
			e.other = addr
		default:
			e, rest, ok = sshEnd{user: strings.TrimPrefix(user[:space], " "), addr: addr, port: port}, after, true
			if rest == "" {
				return e, kind, "", true
			}
		}
	}
}

// cutRenamed is cutPeer for the one reason that a client writes a part of: "[authenticating user U |invalid user U |user U
// ]A port P: Change of username or service not allowed: (U,S) -> (V,T)". V may look like an address, but the reason, of
// 100 bytes at most, holds its own beginning only once: the last place where U stands before and behind it is the true one.
func cutRenamed(s string) (e sshEnd, kind, rest string, ok bool) {
	const changed = ": Change of username or service not allowed: ("
	at := strings.LastIndex(s, changed)
	if at < 0 {
		return e, "", "", false
	}
	if e, kind, rest, ok = cutPeer(s[:at]); !ok || rest != "" {
		return e, kind, "", false
	}
	return e, kind, s[at:], true
}

// sshClosed reads the end of a connection. Where a client tried keys alone, this line is all that tells it: then it
// counts as the attempt.
func sshClosed(p *Parser, l *line, rest string) bool {
	e, kind, after, ok := cutPeer(rest)
	if !ok && canonical(rest) != "" { // before 7.2 without the port
		e.addr, ok = rest, true
	}
	if !ok || after != "" {
		return false
	}
	sshGone(p, l, &e, kind)
	return true
}

// sshDisconnecting reads "[authenticating user U ]A port P: REASON".
func sshDisconnecting(p *Parser, l *line, rest string) bool {
	e, kind, reason, ok := cutRenamed(rest)
	if !ok {
		e, kind, reason, ok = cutPeer(rest)
	}
	reason, colon := strings.CutPrefix(reason, ": ")
	if !ok || !colon {
		return sshOldDisconnecting(p, l, rest)
	}
	sshGone(p, l, &e, kind)
	l.put("event.reason", reason)
	return true
}

// sshOldDisconnecting reads "REASON" behind a colon, as before 7.3: the line does not tell with whom.
func sshOldDisconnecting(p *Parser, l *line, reason string) bool {
	if !strings.HasPrefix(l.text, "Disconnecting: ") {
		return false
	}
	var e sshEnd
	sshGone(p, l, &e, "")
	l.put("event.reason", reason)
	return true
}

// sshBroken reads "[authenticating user U ]A port P: REASON" behind the name of a function.
func sshBroken(p *Parser, l *line, rest string) bool {
	e, kind, reason, ok := cutPeer(rest)
	reason, colon := strings.CutPrefix(reason, ": ")
	if !ok || !colon {
		return false
	}
	if kind == "" {
		return sshProtocol(p, l, rest)
	}
	sshGone(p, l, &e, kind)
	l.put("event.reason", reason)
	return true
}

// sshGone writes the end of a connection, as the end of the attempt too if no other line told that. Who it was, sshd
// says since 7.5 alone; before that an earlier line may have.
func sshGone(p *Parser, l *line, e *sshEnd, kind string) {
	counts := false
	if kind == "authenticating user " || kind == invalidUser {
		counts = p.logins.first(l, e.addr, e.port)
	} else if kind == "" {
		var known sshEnd
		if known, counts = p.logins.ends(l, e.addr, e.port); counts {
			*e = known
		}
	}
	if counts {
		l.attempt(false, "")
	} else {
		l.is("ssh-disconnect", "network", "connection", "end")
	}
	l.sshFrom(e)
}

// sshReceived reads "A port P:11: disconnected by user"; before 7.2 "A: 11: …". What the client's last words are is up
// to the client.
func sshReceived(p *Parser, l *line, rest string) bool {
	addr, rest := word(rest)
	port := ""
	if after, ok := strings.CutPrefix(rest, "port "); ok {
		port, rest = digits(after)
	}
	addr = strings.TrimSuffix(addr, ":")
	_, reason, ok := strings.Cut(strings.TrimPrefix(rest, ":"), ":")
	if !ok || canonical(addr) == "" {
		return false
	}
	e := sshEnd{addr: addr, port: port}
	if port == "" { // no other line tells the end
		sshGone(p, l, &e, "")
	} else {
		l.is("ssh-disconnect", "network", "connection", "end")
		l.source(addr, port)
	}
	l.put("event.reason", strings.TrimPrefix(reason, " "))
	return true
}

// sshConnection reads "A port P on B port Q", and ends: "user U A port P timed out".
func sshConnection(p *Parser, l *line, rest string) bool {
	addr, after := word(rest)
	port, after, ok := cutValue(after, "port ", " on ")
	if whole := rest[len(addr):]; !ok && canonical(addr) != "" { // before 6.8 without the server's address
		port, ok = strings.CutPrefix(whole, " port ")
		ok, after = ok && isNumber(port), ""
	}
	if !ok || canonical(addr) == "" || !isNumber(port) {
		return sshCut(p, l, rest)
	}
	server, after := word(after)
	serverPort, _ := digits(strings.TrimPrefix(after, "port "))
	l.is("ssh-connect", "network", "connection", "start")
	l.source(addr, port)
	l.put("destination.ip", canonical(server))
	l.port("destination.port", serverPort)
	return true
}

// sshCut reads "[user U ]A port P timed out", "A port P with IP opts: X", "user U A port P: refusing non-sftp session".
func sshCut(p *Parser, l *line, rest string) bool {
	e, kind, reason, ok := cutPeer(rest)
	if !ok || reason == "" {
		return false
	}
	sshGone(p, l, &e, kind)
	l.put("event.reason", strings.TrimPrefix(strings.TrimPrefix(reason, ":"), " "))
	return true
}

// sshGaveUp reads "[user U ]A port P" behind what the server had enough of.
func sshGaveUp(p *Parser, l *line, rest string) bool {
	e, kind, after, ok := cutPeer(rest)
	if !ok || after != "" {
		return false
	}
	sshGone(p, l, &e, kind)
	l.put("event.reason", l.text[:strings.Index(l.text, " from ")])
	return true
}

// sshReadError reads "A port P: Connection reset by peer"; before 7.2 without the port.
func sshReadError(_ *Parser, l *line, rest string) bool {
	addr, reason, ok := strings.Cut(rest, ": ")
	addr, port, _ := strings.Cut(addr, " port ")
	if !ok || canonical(addr) == "" {
		return false
	}
	l.is("ssh-disconnect", "network", "connection", "error")
	l.put("event.reason", reason)
	l.source(addr, port)
	return true
}

// sshTimeout reads "A port P"; since 9.8 "connection from A to B, pid = N", which another process says.
func sshTimeout(p *Parser, l *line, rest string) bool {
	after, listener := strings.CutPrefix(rest, "connection from ")
	addr, after := word(after)
	port, _ := digits(strings.TrimPrefix(after, "port "))
	if canonical(addr) == "" {
		return false
	}
	e, counts := sshEnd{addr: addr, port: port}, false
	if !listener {
		e, counts = p.logins.ends(l, addr, port)
	} else if _, pid, ok := cutLast(after, "pid = "); ok {
		pid, _ = digits(pid)
		e, counts = p.logins.endsOf(l, pid, addr, "")
	}
	if counts {
		l.attempt(false, "")
	} else {
		l.is("ssh-timeout", "network", "connection", "denied")
		e = sshEnd{addr: addr, port: port}
	}
	l.put("event.reason", "Timeout before authentication")
	l.sshFrom(&e)
	return true
}
