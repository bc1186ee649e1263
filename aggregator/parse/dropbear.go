package parse

import "strings"

// scanDropbear reads what dropbear's server writes (svr-auth.c, svr-authpasswd.c, svr-authpubkey.c, svr-session.c). Each
// password is an attempt. Where keys alone were tried, the exit counts as it: it tells how many tries failed, but not of
// which kind.
//
//	Child connection from 192.0.2.7:4242
//	Password auth succeeded for 'averez' from 192.0.2.7:4242
//	Bad password attempt for 'averez' from 192.0.2.7:4242
//	Login attempt for nonexistent user from 192.0.2.7:4242
//	Exit before auth from <192.0.2.7:4242>: (user 'averez', 1 fails): Exited normally
func scanDropbear(p *Parser, l *line) bool { return scanPrefixed(dropbearForms, p, l, l.text) }

// dropbearForms holds what dropbear says, by its beginning.
var dropbearForms = byPrefix([]prefixed[lineScanner]{
	{"Child connection from ", dropbearConnection},
	{"Password auth succeeded for '", dropbearUser(true, "password")},
	{"PAM password auth succeeded for '", dropbearUser(true, "password")},
	{"Auth succeeded with blank password for '", dropbearUser(true, "none")},
	{"Pubkey auth succeeded for '", dropbearKey(true)},
	{"Bad password attempt for '", dropbearUser(false, "password")},
	{"Bad PAM password attempt for '", dropbearUser(false, "password")},
	{"Too-long password attempt for '", dropbearUser(false, "password")},
	{"Pubkey auth bad signature for '", dropbearKey(false)},
	{"Login attempt for nonexistent user from ", dropbearNobody},
	{"Login attempt for nonexistent user '", dropbearNobodyNamed},
	{"Login attempt for nonexistent user", dropbearNobody},
	{"Generated hostkey ", dropbearHostKey},
	{"Login attempt with wrong user ", dropbearWrongUser},
	{"root login rejected", dropbearRoot},
	{"User account '", dropbearRefused("' is locked")},
	{"User '", dropbearRefused("' has invalid shell, rejected", "' has blank password, rejected")},
	{"Exit before auth", dropbearExit},
	{"Exit (", dropbearLogout},
	{"Early exit", dropbearEarly},
	// older ones
	{"bad password attempt for '", dropbearUser(false, "password")},
	{"password auth succeeded for '", dropbearUser(true, "password")},
	{"pubkey auth succeeded for '", dropbearKey(true)},
	{"login attempt for nonexistent user from ", dropbearNobody},
	{"login attempt for nonexistent user '", dropbearNobodyNamed},
	{"exit before auth", dropbearExit},
	{"Running in background", dropbearStart},
	{"Not backgrounding", dropbearStart},
})

// cutHostPort cuts "192.0.2.7:4242" and "[2001:db8::7]:4242" in two; older ones write "2001:db8::7:4242".
func cutHostPort(s string) (addr, port string, ok bool) {
	addr, port, ok = cutLast(s, ":")
	addr = strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]")
	return addr, port, ok && isNumber(port) && canonical(addr) != ""
}

// cutFrom reads "USER' from ADDRESS": the last address is dropbear's.
func cutFrom(s string) (e sshEnd, ok bool) {
	user, from, ok := cutLast(s, "' from ")
	from, _, _ = strings.Cut(from, ", extra auth required")
	e.user = user
	e.addr, e.port, _ = cutHostPort(from)
	return e, ok && e.addr != ""
}

func dropbearConnection(_ *Parser, l *line, rest string) bool {
	addr, port, ok := cutHostPort(rest)
	if !ok {
		return false
	}
	l.is("ssh-connect", "network", "connection", "start")
	l.source(addr, port)
	return true
}

func dropbearUser(right bool, method string) lineScanner {
	return func(p *Parser, l *line, rest string) bool {
		e, ok := cutFrom(rest)
		if !ok {
			return false
		}
		p.dropbearAttempt(l, &e, right, method, strings.HasSuffix(rest, ", extra auth required"))
		l.sshFrom(&e)
		return true
	}
}

// dropbearKey reads "averez' with ssh-ed25519 key SHA256:x from ADDRESS"; with a bad signature the key's type is missing.
func dropbearKey(right bool) lineScanner {
	return func(p *Parser, l *line, rest string) bool {
		head, from, ok := cutLast(rest, " from ")
		from, more := strings.CutSuffix(from, ", extra auth required")
		user, key, with := cutLast(head, "' with ")
		kind, fingerprint, keyed := strings.Cut(" "+key, " key ")
		addr, port, found := cutHostPort(from)
		if !ok || !with || !keyed || !found {
			return false
		}
		e := sshEnd{user: user, addr: addr, port: port}
		p.dropbearAttempt(l, &e, right, "publickey", more)
		l.sshFrom(&e)
		l.put("ssh.key_type", strings.TrimPrefix(kind, " "))
		l.put("ssh.fingerprint", fingerprint)
		return true
	}
}

// dropbearAttempt writes an attempt; where a second proof is asked for, a step of it.
func (p *Parser) dropbearAttempt(l *line, e *sshEnd, right bool, method string, more bool) {
	if more {
		l.is("ssh-auth-continue", "authentication", "info")
		l.put("ssh.method", method)
		return
	}
	p.logins.tried(l, e.addr, e.port)
	l.attempt(right, method)
}

// dropbearNobody reads an address, or nothing: dropbear did not tell it before 2024.
func dropbearNobody(p *Parser, l *line, rest string) bool {
	addr, port, ok := cutHostPort(rest)
	return (ok || rest == "") && dropbearPending(p, l, &sshEnd{addr: addr, port: port}, "ssh-invalid-user")
}

// dropbearNobodyNamed reads "USER' from ADDRESS", as dropbear said before 2013.
func dropbearNobodyNamed(p *Parser, l *line, rest string) bool {
	e, ok := cutFrom(rest)
	return ok && dropbearPending(p, l, &e, "ssh-invalid-user")
}

// dropbearWrongUser reads "USER from ADDRESS": dropbear does not run as root, and that is not the user that it runs as.
func dropbearWrongUser(p *Parser, l *line, rest string) bool {
	user, from, ok := cutLast(rest, " from ")
	addr, port, found := cutHostPort(from)
	return ok && found && dropbearPending(p, l, &sshEnd{user: user, addr: addr, port: port}, "ssh-user-not-allowed")
}

func dropbearPending(p *Parser, l *line, e *sshEnd, action string) bool {
	p.logins.refused(l, e)
	l.is(action, "authentication", "info")
	l.sshFrom(e)
	return true
}

func dropbearRoot(_ *Parser, l *line, rest string) bool {
	if rest != "" {
		return false
	}
	l.is("ssh-user-not-allowed", "authentication", "denied")
	l.put("event.reason", l.text)
	l.user("root")
	return true
}

func dropbearRefused(reasons ...string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		for _, reason := range reasons {
			if user, ok := strings.CutSuffix(rest, reason); ok {
				l.is("ssh-user-not-allowed", "authentication", "denied")
				l.put("event.reason", strings.TrimPrefix(reason, "' "))
				l.user(user)
				return true
			}
		}
		return false
	}
}

// dropbearExit reads " from <ADDRESS>: [(user 'averez', 2 fails): ]REASON"; before 2019.78 without the address.
func dropbearExit(p *Parser, l *line, rest string) bool {
	var e sshEnd
	if from, after, ok := cutValue(rest, " from <", ">"); ok && strings.HasPrefix(rest, " from <") {
		if e.addr, e.port, ok = cutHostPort(from); !ok {
			return false
		}
		rest = after
	}
	rest, ok := strings.CutPrefix(rest, ": ")
	if !ok {
		rest, ok = strings.CutPrefix(rest, " ")
	}
	if !ok {
		return false
	}
	user, rest, named := cutUser(rest)
	if tries, ok := strings.CutPrefix(rest, "Max auth tries reached - user '"); ok && e.addr == "" {
		if last, ok := cutFrom(tries); ok {
			e.addr, e.port = last.addr, last.port
		}
	}
	counts := false
	if named {
		e.user = user
		counts = p.logins.first(l, e.addr, e.port)
	} else {
		_, counts = p.logins.ends(l, e.addr, e.port)
		if text, ok := strings.CutPrefix(rest, "Max auth tries reached - user '"); ok {
			e.user, _, _ = cutLast(text, "'")
		}
	}
	if counts {
		l.attempt(false, "")
	} else {
		l.is("ssh-disconnect", "network", "connection", "end")
	}
	l.put("event.reason", rest)
	l.sshFrom(&e)
	return true
}

// cutUser cuts "(user 'averez', 2 fails): " off.
func cutUser(s string) (user, rest string, ok bool) {
	after, ok := strings.CutPrefix(s, "(user '")
	if !ok {
		return "", s, false
	}
	head, rest, ok := strings.Cut(after, " fails): ")
	user, n, found := cutLast(head, "', ")
	if !ok || !found || !isNumber(n) {
		return "", s, false
	}
	return user, rest, true
}

// dropbearLogout reads "averez) from <ADDRESS>: REASON": the end of who was in.
func dropbearLogout(_ *Parser, l *line, rest string) bool {
	user, rest, ok := strings.Cut(rest, ")")
	if !ok {
		return false
	}
	e := sshEnd{user: user}
	if from, after, ok := cutValue(rest, " from <", ">"); ok {
		if e.addr, e.port, ok = cutHostPort(from); !ok {
			return false
		}
		rest = after
	}
	l.is("ssh-disconnect", "network", "connection", "end")
	l.put("event.reason", strings.TrimPrefix(rest, ": "))
	l.sshFrom(&e)
	return true
}

func dropbearEarly(_ *Parser, l *line, rest string) bool {
	from, after, ok := cutValue(rest, " from <", ">")
	if !ok {
		after = rest
	}
	reason, colon := strings.CutPrefix(after, ": ")
	if !colon {
		return false
	}
	addr, port, _ := cutHostPort(from)
	l.is("ssh-disconnect", "network", "connection", "end")
	l.put("event.reason", reason)
	if canonical(addr) != "" {
		l.source(addr, port)
	}
	return true
}

// dropbearHostKey reads "FILE, fingerprint is SHA256:x".
func dropbearHostKey(_ *Parser, l *line, rest string) bool {
	file, fingerprint, ok := cutLast(rest, ", fingerprint is ")
	if !ok {
		return false
	}
	l.is("ssh-hostkey-generated", "configuration", "creation")
	l.put("file.path", file)
	l.put("ssh.fingerprint", fingerprint)
	return true
}

func dropbearStart(_ *Parser, l *line, rest string) bool {
	if rest != "" {
		return false
	}
	l.is("ssh-listen", "process", "start")
	return true
}
