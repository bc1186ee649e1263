package parse

import "strings"

// cutMethod cuts "METHOD for " off.
func cutMethod(s string) (method, rest string, ok bool) {
	method, rest, ok = strings.Cut(s, " for ")
	return method, rest, ok && method != "" && strings.IndexByte(method, ' ') < 0
}

func sshAccepted(p *Parser, l *line, rest string) bool {
	method, rest, ok := cutMethod(rest)
	e, found := cutFirstEnd(rest)
	if !ok || !found {
		return false
	}
	p.logins.tried(l, e.addr, e.port)
	l.attempt(true, method)
	l.sshFrom(&e)
	return true
}

// attempt is a login that was tried, once.
func (l *line) attempt(ok bool, method string) {
	l.is("ssh-login-attempt", "authentication", "start")
	l.outcome(ok)
	l.put("ssh.method", method)
}

// isAutomatic reports whether clients try a method by themselves, before they ask anybody anything: keys, tickets, and
// what the client's host is known by.
func isAutomatic(method string) bool {
	return method == "publickey" || method == "hostbased" || strings.HasPrefix(method, "gssapi")
}

// sshFailed reads a failure. The method "none" is how a client asks which methods there are; with PAM behind
// keyboard-interactive, the line repeats what sshPAM counted, and is only written from the third failure on. A key that
// is refused is no attempt, for others may follow: such lines are only written where LogLevel is VERBOSE, or from the
// third on.
func sshFailed(p *Parser, l *line, rest string) bool {
	method, rest, ok := cutMethod(rest)
	e, found := cutUserEnd(rest)
	if !ok || !found {
		return false
	}
	var kind string
	if e.user, kind = sshUser(e.user); kind != invalidUser {
		e.user = kind + e.user
	}
	switch {
	case method == "none":
		l.is("ssh-auth-probe", "authentication", "info")
		l.put("ssh.method", method)
	case isAutomatic(method):
		p.logins.refused(l, &e)
		l.is("ssh-method-refused", "authentication", "info")
		l.put("ssh.method", method)
	case strings.HasPrefix(method, "keyboard-interactive") && p.logins.repeats(l, e.addr):
		l.is("ssh-attempt-repeated", "authentication", "info")
		l.put("ssh.method", method)
	default:
		p.logins.tried(l, e.addr, e.port)
		l.attempt(false, method)
	}
	if kind == invalidUser {
		l.put("event.reason", "invalid user")
	}
	l.sshFrom(&e)
	return true
}

// sshPAM reads "REASON for [illegal user ]U from A[ via B]": an attempt by keyboard-interactive. Other lines tell what
// PAM could not do.
func sshPAM(p *Parser, l *line, rest string) bool {
	const tries = "Have exhausted maximum number of retries for service"
	reason, after, ok := strings.Cut(rest, " for ")
	if cut, found := strings.CutPrefix(rest, tries+" for "); found {
		reason, after = tries, cut
	}
	after = strings.TrimRight(after, " ")
	if peer, own, via := cutLast(after, " via "); via && canonical(own) != "" { // macOS tells its own address, too
		after = peer
	}
	user, addr, from := cutLast(after, " from ")
	if !ok || !from || strings.IndexByte(addr, ' ') >= 0 {
		return strings.HasPrefix(rest, "pam_") && sshTrouble("ssh-error")(p, l, rest)
	}
	known := p.logins.told(l, addr)
	l.attempt(false, "keyboard-interactive/pam")
	l.put("event.reason", reason)
	l.user(strings.TrimPrefix(user, "illegal user "))
	l.source(addr, "")
	if canonical(addr) == "" && known.addr != "" {
		l.source(known.addr, known.port)
	}
	return true
}

func sshPostponed(_ *Parser, l *line, rest string) bool {
	method, rest, ok := cutMethod(rest)
	e, found := cutUserEnd(rest)
	if !ok || !found {
		return false
	}
	e.user = strings.TrimPrefix(e.user, invalidUser)
	l.is("ssh-auth-continue", "authentication", "info")
	l.put("ssh.method", method)
	l.sshFrom(&e)
	return true
}

// sshInvalid reads "USER from A port P", or without the port.
func sshInvalid(p *Parser, l *line, rest string) bool {
	e, ok := cutEnd(" " + rest)
	if !ok {
		user, addr, found := cutLast(" "+rest, " from ")
		if !found || strings.IndexByte(addr, ' ') >= 0 {
			return false
		}
		e = sshEnd{user: user, addr: addr}
	}
	e.user = strings.TrimPrefix(e.user, " ")
	p.logins.refused(l, &e)
	l.is("ssh-invalid-user", "authentication", "info")
	l.sshFrom(&e)
	return true
}

// sshInvalidAgain reads the user, as sshd said before 7.5 behind "Invalid user".
func sshInvalidAgain(_ *Parser, l *line, user string) bool {
	l.is("ssh-invalid-user", "authentication", "info")
	l.user(user)
	return true
}

// sshNotAllowed reads "U from A not allowed because REASON", or without the address; and "U password has expired (…)".
func sshNotAllowed(p *Parser, l *line, rest string) bool {
	who, reason, ok := cutLast(rest, " not allowed because ")
	if !ok {
		return sshExpiredPassword(l, rest)
	}
	user, addr, from := cutLast(who, " from ")
	if !from || strings.IndexByte(addr, ' ') >= 0 {
		user, addr = who, ""
	}
	if addr != "" {
		p.logins.refused(l, &sshEnd{user: user, addr: addr})
	}
	l.is("ssh-user-not-allowed", "authentication", "denied")
	l.put("event.reason", reason)
	l.user(user)
	l.source(addr, "")
	return true
}

func sshExpiredPassword(l *line, rest string) bool {
	user, reason, ok := cutLast(rest, " password has expired (")
	if !ok {
		return false
	}
	l.is("password-expired", "authentication", "info")
	l.user(user)
	l.put("event.reason", strings.TrimSuffix(reason, ")"))
	return true
}

// sshAccount reads "U has expired".
func sshAccount(_ *Parser, l *line, rest string) bool {
	user, ok := strings.CutSuffix(rest, " has expired")
	if !ok || user == "" {
		return false
	}
	l.is("account-expired", "authentication", "denied")
	l.user(user)
	l.put("event.reason", rest[len(user)+1:])
	return true
}

// sshNoAccess reads "U by PAM account configuration": the user proved who he is, and may not come in. Behind a Failed
// line this is its end; by a key it is all that tells the attempt.
func sshNoAccess(p *Parser, l *line, rest string) bool {
	user, ok := strings.CutSuffix(rest, " by PAM account configuration")
	if !ok {
		return false
	}
	e, counts := p.logins.denied(l)
	if counts {
		l.attempt(false, "")
	} else {
		l.is("ssh-user-not-allowed", "authentication", "denied")
	}
	l.put("event.reason", "PAM account configuration")
	l.user(user)
	l.source(e.addr, e.port)
	return true
}

// sshTooMany reads "U from A port P ssh2". The connection's end follows.
func sshTooMany(p *Parser, l *line, rest string) bool {
	e, ok := cutEnd(rest)
	if !ok {
		return false
	}
	e.user = strings.TrimPrefix(e.user, invalidUser)
	p.logins.refused(l, &e)
	l.is("ssh-too-many-attempts", "authentication", "info")
	l.sshFrom(&e)
	return true
}

func sshRootRefused(p *Parser, l *line, rest string) bool {
	addr, rest := word(rest)
	port, _ := digits(strings.TrimPrefix(rest, "port "))
	if canonical(addr) == "" {
		return false
	}
	p.logins.refused(l, &sshEnd{user: "root", addr: addr, port: port})
	l.is("ssh-user-not-allowed", "authentication", "denied")
	l.put("event.reason", "root login refused")
	l.user("root")
	l.source(addr, port)
	return true
}

// sshProhibited reads "[invalid user ]U from A port P": the client asked for what a tunnel alone needs.
func sshProhibited(_ *Parser, l *line, rest string) bool {
	e, ok := cutEnd(rest)
	if !ok {
		return false
	}
	e.user = strings.TrimPrefix(e.user, invalidUser)
	l.is("ssh-user-not-allowed", "authentication", "denied")
	l.put("event.reason", "administratively prohibited connection")
	l.sshFrom(&e)
	return true
}

// sshAborted reads why the process that was to let somebody in gave up: its end, where no line told the attempt.
func sshAborted(p *Parser, l *line, rest string) bool {
	e, counts := p.logins.ends(l, "", "")
	if counts {
		l.attempt(false, "")
	} else {
		l.is("ssh-disconnect", "network", "connection", "end")
	}
	l.put("event.reason", rest)
	l.user(e.user)
	l.source(e.addr, e.port)
	return true
}
