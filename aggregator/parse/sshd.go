package parse

import "strings"

// scanSSHD reads what OpenSSH's server writes (auth.c, auth2-pubkey.c, packet.c, sshd-session.c), under each of the
// names that it has since 9.8. A user name may hold anything, " from 9.9.9.9 port 22 ssh2" too, so that addresses are
// read from the right.
func scanSSHD(p *Parser, l *line) bool {
	text := l.text
	for _, level := range []string{"error: ", "fatal: ", "debug1: "} {
		text = strings.TrimPrefix(text, level)
	}
	text = strings.TrimSuffix(text, " [preauth]")
	for _, f := range sshdForms {
		if rest, ok := strings.CutPrefix(text, f.prefix); ok && f.scan(p, l, rest) {
			return true
		}
	}
	return false
}

// sshdForms holds what sshd says, by its beginning.
var sshdForms = []struct {
	prefix string
	scan   func(p *Parser, l *line, rest string) bool
}{
	{"Accepted ", sshAccepted},
	{"Failed ", sshFailed},
	{"Postponed ", sshPostponed},
	{"Partial ", sshPostponed},
	{"PAM: ", sshPAM},
	{"Invalid user ", sshInvalid},
	{"User ", sshNotAllowed},
	{"Access denied for user ", sshNoAccess},
	{"Connection closed by ", sshClosed},
	{"Connection reset by ", sshClosed},
	{"Connection from ", sshConnection},
	{"Disconnected from ", sshClosed},
	{"Disconnecting ", sshDisconnecting},
	{"Received disconnect from ", sshReceived},
	{"maximum authentication attempts exceeded for ", sshTooMany},
	{"Unable to negotiate with ", sshProtocol},
	{"Did not receive identification string from ", sshProtocol},
	{"Bad protocol version identification ", sshBadVersion},
	{"banner exchange: Connection from ", sshProtocol},
	{"ssh_dispatch_run_fatal: Connection from ", sshProtocol},
	{"kex_exchange_identification: ", sshExchange},
	{"srclimit_penalise: ", sshPenalty},
	{"Timeout before authentication for ", sshTimeout},
	{"drop connection #", sshDropped},
	{"Server listening on ", sshListening},
	{"ROOT LOGIN REFUSED FROM ", sshRootRefused},
	{"reverse mapping checking getaddrinfo for ", sshReverse},
}

// sshEnd is "from A port P ssh2: KEY", read from the right.
type sshEnd struct {
	user, addr, port, key string
	other                 string // the address in a second reading
}

// cutEnd reads "USER from A port P[ ssh2[: KEY]]". Behind the true address a client's certificate may name another in
// its id, and before it a user name may. Where the line ends with the address, that is the true one.
func cutEnd(s string) (e sshEnd, ok bool) {
	for end := len(s); ; {
		at := strings.LastIndex(s[:end], " from ")
		if at < 0 {
			return e, ok
		}
		found, fits := endAt(s, at)
		switch {
		case fits && !ok:
			e, ok = found, true
			if e.key == "" {
				return e, true
			}
		case fits && found.addr != e.addr:
			e.other = found.addr
		}
		end = at
	}
}

// cutFirstEnd reads the same where the user is known to be one of the host's: the first address is the true one.
func cutFirstEnd(s string) (e sshEnd, ok bool) {
	for from := 0; ; {
		at := strings.Index(s[from:], " from ")
		if at < 0 {
			return e, false
		}
		from += at
		if e, ok = endAt(s, from); ok {
			return e, true
		}
		from += len(" from ")
	}
}

// endAt reads the end that begins with the " from " at an offset of s.
func endAt(s string, at int) (sshEnd, bool) {
	addr, port, key, ok := addrPort(s[at+len(" from "):])
	return sshEnd{user: s[:at], addr: addr, port: port, key: key}, ok
}

// addrPort reads "A port P" to the end of s, or to " ssh2" and a key.
func addrPort(s string) (addr, port, key string, ok bool) {
	addr, rest := word(s)
	if rest, ok = strings.CutPrefix(rest, "port "); !ok || addr == "" {
		return "", "", "", false
	}
	port, rest = digits(rest)
	if port == "" {
		return "", "", "", false
	}
	if rest, ok = strings.CutPrefix(rest, " ssh2"); ok {
		key, _ = strings.CutPrefix(rest, ": ")
		return addr, port, key, rest == "" || key != rest
	}
	return addr, port, "", rest == ""
}

// sshUser cuts off what sshd says of the user.
func sshUser(s string) (user, kind string) {
	for _, kind := range []string{"invalid user ", "authenticating user ", "user "} {
		if user, ok := strings.CutPrefix(s, kind); ok {
			return user, kind
		}
	}
	return s, ""
}

const invalidUser = "invalid user "

func (l *line) sshFrom(e *sshEnd) {
	user := e.user
	l.user(user)
	l.source(e.addr, e.port)
	if e.other != "" {
		l.tag("ambiguous")
		l.also("related.ip", canonical(e.other))
	}
	if e.key == "" {
		return
	}
	keyType, rest := word(e.key)
	fingerprint, _ := word(rest)
	l.put("ssh.key_type", keyType)
	l.put("ssh.fingerprint", fingerprint)
}

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

// sshFailed reads a failure. The method "none" is how a client asks which methods there are; with PAM behind
// keyboard-interactive, the line repeats what sshPAM counted, and is only written from the third failure on.
func sshFailed(p *Parser, l *line, rest string) bool {
	method, rest, ok := cutMethod(rest)
	e, found := cutEnd(rest)
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

// sshPAM reads "REASON for [illegal user ]U from A": an attempt by keyboard-interactive.
func sshPAM(p *Parser, l *line, rest string) bool {
	const tries = "Have exhausted maximum number of retries for service"
	reason, after, ok := strings.Cut(rest, " for ")
	if cut, found := strings.CutPrefix(rest, tries+" for "); found {
		reason, after = tries, cut
	}
	user, addr, from := cutLast(after, " from ")
	if !ok || !from || strings.IndexByte(addr, ' ') >= 0 {
		return false
	}
	p.logins.told(l, addr)
	l.attempt(false, "keyboard-interactive/pam")
	l.put("event.reason", reason)
	l.user(strings.TrimPrefix(user, "illegal user "))
	l.source(addr, "")
	return true
}

func sshPostponed(_ *Parser, l *line, rest string) bool {
	method, rest, ok := cutMethod(rest)
	e, found := cutEnd(rest)
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
func sshInvalid(_ *Parser, l *line, rest string) bool {
	e, ok := cutEnd(" " + rest)
	if !ok {
		user, addr, found := cutLast(" "+rest, " from ")
		if !found || strings.IndexByte(addr, ' ') >= 0 {
			return false
		}
		e = sshEnd{user: user, addr: addr}
	}
	e.user = strings.TrimPrefix(e.user, " ")
	l.is("ssh-invalid-user", "authentication", "info")
	l.sshFrom(&e)
	return true
}

// sshNotAllowed reads "U from A not allowed because REASON", or without the address.
func sshNotAllowed(_ *Parser, l *line, rest string) bool {
	who, reason, ok := cutLast(rest, " not allowed because ")
	if !ok {
		return false
	}
	user, addr, from := cutLast(who, " from ")
	if !from || strings.IndexByte(addr, ' ') >= 0 {
		user, addr = who, ""
	}
	l.is("ssh-user-not-allowed", "authentication", "denied")
	l.put("event.reason", reason)
	l.user(user)
	l.source(addr, "")
	return true
}

// sshNoAccess reads "U by PAM account configuration", the end of what a Failed line told.
func sshNoAccess(_ *Parser, l *line, rest string) bool {
	user, ok := strings.CutSuffix(rest, " by PAM account configuration")
	if !ok {
		return false
	}
	l.is("ssh-user-not-allowed", "authentication", "denied")
	l.put("event.reason", "PAM account configuration")
	l.user(user)
	return true
}
