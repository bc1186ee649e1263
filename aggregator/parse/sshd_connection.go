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
	e, kind, reason, ok := cutPeer(rest)
	reason, colon := strings.CutPrefix(reason, ": ")
	if !ok || !colon {
		return false
	}
	sshGone(p, l, &e, kind)
	l.put("event.reason", reason)
	return true
}

func sshGone(p *Parser, l *line, e *sshEnd, kind string) {
	if (kind == "authenticating user " || kind == invalidUser) && p.logins.first(l, e.addr, e.port) {
		l.attempt(false, "")
	} else {
		l.is("ssh-disconnect", "network", "connection", "end")
	}
	l.sshFrom(e)
}

// sshReceived reads "A port P:11: disconnected by user"; before 7.2 "A: 11: …".
func sshReceived(_ *Parser, l *line, rest string) bool {
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
	l.is("ssh-disconnect", "network", "connection", "end")
	l.put("event.reason", strings.TrimPrefix(reason, " "))
	l.source(addr, port)
	return true
}

// sshConnection reads "A port P on B port Q".
func sshConnection(_ *Parser, l *line, rest string) bool {
	addr, rest := word(rest)
	port, rest, ok := cutValue(rest, "port ", " on ")
	if !ok || canonical(addr) == "" {
		return false
	}
	server, rest := word(rest)
	serverPort, _ := digits(strings.TrimPrefix(rest, "port "))
	l.is("ssh-connect", "network", "connection", "start")
	l.source(addr, port)
	l.put("destination.ip", canonical(server))
	l.port("destination.port", serverPort)
	return true
}

func sshTooMany(_ *Parser, l *line, rest string) bool {
	e, ok := cutEnd(rest)
	if !ok {
		return false
	}
	e.user = strings.TrimPrefix(e.user, invalidUser)
	l.is("ssh-too-many-attempts", "authentication", "info")
	l.sshFrom(&e)
	return true
}

// sshProtocol reads "A port P: REASON", or without a reason.
func sshProtocol(_ *Parser, l *line, rest string) bool {
	addr, rest := word(rest)
	port := ""
	if after, ok := strings.CutPrefix(rest, "port "); ok {
		port, rest = digits(after)
	}
	if canonical(addr) == "" || rest != "" && rest[0] != ':' {
		return false
	}
	l.is("ssh-protocol-error", "network", "connection", "error")
	l.put("event.reason", strings.TrimPrefix(rest, ": "))
	l.source(addr, port)
	return true
}

// sshBadVersion reads "'GET / HTTP/1.0' from A port P".
func sshBadVersion(_ *Parser, l *line, rest string) bool {
	e, ok := cutEnd(rest)
	if !ok {
		return false
	}
	l.is("ssh-protocol-error", "network", "connection", "error")
	l.put("event.reason", "bad protocol version identification")
	l.source(e.addr, e.port)
	return true
}

// sshExchange reads what went wrong before the client had said who it is: the line does not tell from where.
func sshExchange(_ *Parser, l *line, rest string) bool {
	l.is("ssh-protocol-error", "network", "connection", "error")
	l.put("event.reason", rest)
	return true
}

// sshPenalty reads "ipv4: activating 192.0.2.1/32 penalty of 15 seconds for penalty: failed authentication" (9.8+).
func sshPenalty(_ *Parser, l *line, rest string) bool {
	before, reason, ok := strings.Cut(rest, " penalty of ")
	before = strings.TrimSuffix(before, " deferred")
	network := before[strings.LastIndexByte(before, ' ')+1:]
	addr, _, isNetwork := strings.Cut(network, "/")
	if !ok || !isNetwork || canonical(addr) == "" {
		return false
	}
	l.is("ssh-penalty", "network", "info")
	l.put("event.reason", reason)
	l.source(addr, "")
	return true
}

// sshTimeout reads "A port P"; since 9.8 "connection from A to B, pid = N".
func sshTimeout(_ *Parser, l *line, rest string) bool {
	if after, ok := strings.CutPrefix(rest, "connection from "); ok {
		rest, _, _ = strings.Cut(after, ",")
	}
	addr, rest := word(rest)
	port, _ := digits(strings.TrimPrefix(rest, "port "))
	if canonical(addr) == "" {
		return false
	}
	l.is("ssh-timeout", "network", "connection", "denied")
	l.source(addr, port)
	return true
}

// sshDropped reads "10 from [A]:P on [B]:22 past MaxStartups".
func sshDropped(_ *Parser, l *line, rest string) bool {
	_, rest, _ = strings.Cut(rest, " from [")
	addr, rest, ok := strings.Cut(rest, "]:")
	if !ok || canonical(addr) == "" {
		return false
	}
	port, rest := digits(rest)
	_, reason, _ := cutLast(rest, "]:")
	_, reason = word(reason)
	l.is("ssh-connection-dropped", "network", "connection", "denied")
	l.put("event.reason", reason)
	l.source(addr, port)
	return true
}

// sshListening reads "A port P."
func sshListening(_ *Parser, l *line, rest string) bool {
	addr, rest := word(rest)
	port, _ := digits(strings.TrimPrefix(rest, "port "))
	if canonical(addr) == "" || port == "" {
		return false
	}
	l.is("ssh-listen", "process", "start")
	l.put("server.ip", canonical(addr))
	l.port("server.port", port)
	return true
}

func sshRootRefused(_ *Parser, l *line, rest string) bool {
	addr, rest := word(rest)
	port, _ := digits(strings.TrimPrefix(rest, "port "))
	if canonical(addr) == "" {
		return false
	}
	l.is("ssh-user-not-allowed", "authentication", "denied")
	l.put("event.reason", "root login refused")
	l.user("root")
	l.source(addr, port)
	return true
}

// sshReverse reads "H [A] failed - POSSIBLE BREAK-IN ATTEMPT!", as sshd said before 7.6.
func sshReverse(_ *Parser, l *line, rest string) bool {
	name, addr, ok := cutValue(rest, "", " [")
	addr, _, closed := strings.Cut(addr, "] failed")
	if !ok || !closed || canonical(addr) == "" {
		return false
	}
	l.is("ssh-reverse-mapping", "network", "info")
	l.source(addr, "")
	l.put("source.domain", name)
	l.also("related.hosts", name)
	return true
}
