package parse

import "strings"

// sshProtocol reads "A port P: REASON", or without a reason.
func sshProtocol(_ *Parser, l *line, rest string) bool {
	addr, after := word(rest)
	port := ""
	if bare, colon := strings.CutSuffix(addr, ":"); colon {
		addr, rest = bare, ": "+after // before 7.2 without the port
	} else if after, ok := strings.CutPrefix(after, "port "); ok {
		port, rest = digits(after)
	} else {
		rest = after
	}
	if canonical(addr) == "" || rest != "" && rest[0] != ':' {
		return false
	}
	l.is("ssh-protocol-error", "network", "connection", "error")
	l.put("event.reason", strings.TrimPrefix(rest, ": "))
	l.source(addr, port)
	return true
}

// sshRefused reads "[U@]H (A)", as the TCP wrappers say it: U is what an ident server of the client's answers.
func sshRefused(_ *Parser, l *line, rest string) bool {
	who, addr, ok := cutLast(rest, " (")
	addr, closed := strings.CutSuffix(addr, ")")
	if !ok || !closed || canonical(addr) == "" {
		return false
	}
	l.is("ssh-connection-dropped", "network", "connection", "denied")
	l.put("event.reason", "refused by hosts_access")
	l.source(addr, "")
	if _, name, _ := cutLast("@"+who, "@"); canonical(name) == "" {
		l.put("source.domain", name)
		l.also("related.hosts", name)
	}
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

// sshMajor reads "Protocol major versions differ: 2 vs. 1"; before 7.x "Protocol major versions differ for A port P: V vs. W".
func sshMajor(_ *Parser, l *line, rest string) bool {
	l.is("ssh-protocol-error", "network", "connection", "error")
	l.put("event.reason", sshBare(l.text))
	if after, ok := strings.CutPrefix(rest, " for "); ok {
		addr, after := word(after)
		if addr = strings.TrimSuffix(addr, ":"); canonical(addr) != "" {
			port, _ := digits(strings.TrimPrefix(after, "port "))
			l.source(addr, port)
		}
	}
	return true
}

// sshScan reads "A port P with SSH-1.0-SSH_Version_Mapper. Don't panic."
func sshScan(_ *Parser, l *line, rest string) bool {
	addr, rest := word(rest)
	port, banner, ok := cutValue(rest, "port ", " with ")
	if !ok || canonical(addr) == "" {
		return false
	}
	l.is("ssh-scan", "network", "info")
	l.put("ssh.client_version", strings.TrimSuffix(banner, ".  Don't panic."))
	l.source(addr, port)
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

// sshReverse reads "H [A] failed - POSSIBLE BREAK-IN ATTEMPT!", as sshd said before 7.6.
func sshReverse(_ *Parser, l *line, rest string) bool {
	name, addr, ok := cutValue(rest, "", " [")
	addr, _, closed := strings.Cut(addr, "] failed")
	return ok && closed && sshMapping(l, addr, name)
}

// sshNotMapped reads "A maps to H, but this does not map back to the address."
func sshNotMapped(_ *Parser, l *line, rest string) bool {
	addr, rest := word(rest)
	name, _, ok := cutValue(rest, "maps to ", ", but this does not map back")
	return ok && sshMapping(l, addr, name)
}

// sshNasty reads `"NAME" is set up for A, ignoring`: a name that looks like an address.
func sshNasty(_ *Parser, l *line, rest string) bool {
	name, addr, ok := cutValue(rest, `"`, `" is set up for `)
	addr, _, found := cutLast(addr, ", ignoring")
	return ok && found && sshMapping(l, addr, name)
}

// sshMapping writes that an address has a name which does not lead back to it.
func sshMapping(l *line, addr, name string) bool {
	if canonical(addr) == "" {
		return false
	}
	l.is("ssh-reverse-mapping", "network", "info")
	l.source(addr, "")
	l.put("source.domain", name)
	l.also("related.hosts", name)
	return true
}

// sshSignal reads "15; terminating."
func sshSignal(_ *Parser, l *line, rest string) bool {
	signal, ok := strings.CutSuffix(rest, "; terminating.")
	if !ok || !isNumber(signal) {
		return false
	}
	l.is("ssh-stop", "process", "end")
	l.put("event.reason", l.text)
	return true
}
