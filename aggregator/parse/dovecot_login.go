package parse

import "strings"

// loginAttempt returns what an attempt at a service is called, and what the end of a connection without one.
func loginAttempt(service string) (attempt, other string) {
	switch service {
	case "imap-login":
		return "imap-login-attempt", "imap-disconnect"
	case "pop3-login":
		return "pop3-login-attempt", "pop3-disconnect"
	case "managesieve-login":
		return "managesieve-login-attempt", "managesieve-disconnect"
	case "submission-login":
		return "submission-login-attempt", "submission-disconnect"
	}
	return "", ""
}

// peer is what stands behind the user in a line of a login service (login_log_format_elements as it is by default):
//
//	user=<USER>, method=PLAIN, rip=A, lip=B, mpid=N, TLS, session=<SESSION>
//
// The user may look like any of it, so it is read from the right.
type peer struct {
	user, method  string
	remote, rport string
	local, lport  string
	pid, tls      string
	session       string
}

// scan reads what follows "user=<".
func (r *peer) scan(s string) bool {
	who, where, ok := cutLast(r.cutSession(s), ", rip=")
	if !ok || !r.scanEnds(where) {
		return false
	}
	if before, method, ok := cutLast(who, ", method="); ok && isMechanism(method) {
		who, r.method = before, method
	}
	r.user, ok = strings.CutSuffix(who, ">")
	return ok
}

// scanLine reads all, and returns what stands before.
func (r *peer) scanLine(s string) (reason string, ok bool) {
	if reason, who, ok := strings.Cut(s, ": user=<"); ok {
		return reason, r.scan(who)
	}
	for _, next := range []string{": method=", ": rip="} {
		if at := strings.Index(s, next); at >= 0 {
			return s[:at], r.scanNobody(s[at+len(": "):])
		}
	}
	return "", false
}

// scanNobody reads "[method=PLAIN, ]rip=A, …", as it was before 2.2 where nobody gave a name.
func (r *peer) scanNobody(s string) bool {
	r.method, s, _ = cutKey(r.cutSession(s), "method=")
	where, ok := strings.CutPrefix(s, "rip=")
	return ok && (r.method == "" || isMechanism(r.method)) && r.scanEnds(where)
}

func (r *peer) cutSession(s string) (rest string) {
	if before, session, ok := cutLast(s, ", session=<"); ok && strings.HasSuffix(session, ">") {
		s, r.session = before, strings.TrimSuffix(session, ">")
	}
	return s
}

// scanEnds reads what follows "rip=".
func (r *peer) scanEnds(where string) bool {
	if r.remote, where, _ = strings.Cut(where, ", "); canonical(r.remote) == "" && r.remote != "" {
		return false
	}
	r.rport, where, _ = cutKey(where, "rport=")
	r.local, where, _ = cutKey(where, "lip=")
	r.lport, where, _ = cutKey(where, "lport=")
	r.pid, r.tls, _ = cutKey(where, "mpid=")
	return true
}

// isMechanism reports whether s has the form of a SASL mechanism's name (RFC 4422, section 3.1), in either case.
func isMechanism(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i]|0x20-'a' >= 26 && s[i]-'0' > 9 && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return s != ""
}

func (r *peer) write(l *line, service string) {
	l.user(r.user)
	l.source(r.remote, r.rport)
	l.put("destination.ip", canonical(r.local))
	l.port("destination.port", r.lport)
	l.put("network.protocol", protocolOf(service))
	l.put("dovecot.method", r.method)
	l.put("dovecot.session", r.session)
	l.number("dovecot.mail_pid", r.pid)
	if strings.HasPrefix(r.tls, "TLS") && !strings.HasPrefix(r.tls, "TLS handshaking") {
		l.put("tls.established", "true")
	}
}

// dovecotLogin reads the end of a login:
//
//	Login: user=<…>, …
//	Aborted login (auth failed, 1 attempts in 2 secs): user=<…>, …                                       (2.2)
//	Disconnected: Connection closed (auth failed, 3 attempts in 2 secs): user=<…>, …                     (2.3)
//	Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): user=<…>, …       (2.4)
//
// Where auth_verbose is on, a line of auth's has told each attempt that failed: then this one tells none.
func dovecotLogin(p *Parser, l *line, s *service) bool {
	var r peer
	reason, ok := r.scanLine(s.text)
	attempt, other := loginAttempt(s.name)
	if !ok || attempt == "" {
		return false
	}
	if reason == "Login" || reason == "Logged in" {
		l.is(attempt, "authentication", "start")
		l.outcome(true)
		p.sessions.accepted(l, r.session, r.user)
		r.write(l, s.name)
		return true
	}
	attempts, failed := failedLogin(reason)
	if failed && !p.sessions.isTold(l, r.session) {
		l.is(attempt, "authentication", "start")
		l.outcome(false)
	} else {
		l.is(other, "network", "connection", "end")
	}
	l.number("dovecot.attempts", attempts)
	l.put("event.reason", reason)
	r.write(l, s.name)
	return true
}

// failedLogin reports whether a connection ended with a password that was refused, and how many were.
func failedLogin(reason string) (attempts string, failed bool) {
	if _, after, ok := strings.Cut(reason, "(auth failed, "); ok {
		attempts, _ = digits(after)
		return attempts, true
	}
	for _, text := range []string{
		"(internal failure, ", "(tried to use disallowed plaintext auth)", "(tried to use disabled plaintext auth)",
		"(tried to use unsupported auth mechanism)", "Maximum number of connections from user+IP exceeded",
	} {
		if strings.Contains(reason, text) {
			return "", true
		}
	}
	return "", false
}

// asked is a question to a database of users, and its answer.
type asked struct {
	driver, user, addr, method, session string
	words                               string
}

// scan reads
//
//	passwd-file(USER,ADDRESS,<SESSION>): Password mismatch
//	conn unix:auth-worker (pid=1,uid=0): auth-worker<3>: pam(USER,ADDRESS,<SESSION>): unknown user
//	auth(USER,ADDRESS,sasl:plain)<SESSION>: passwd-file: Password mismatch                               (2.4)
func (a *asked) scan(s *service) bool {
	text := s.text
	if who, method, ok := cutLast(s.user, ",sasl:"); ok {
		a.user, a.addr, ok = cutLast(who, ",")
		driver, words, colon := strings.Cut(text, ": ")
		a.method, a.session, a.driver, a.words = method, s.session, driver, words
		return ok && colon && isMechanism(driver) && (canonical(a.addr) != "" || a.addr == "")
	}
	if strings.HasPrefix(text, "conn unix:") {
		_, rest, ok := strings.Cut(text, "): auth-worker<")
		if _, rest, found := strings.Cut(rest, ">: "); ok && found {
			text = rest
		}
	}
	var ok bool
	if a.driver, text, ok = strings.Cut(text, "("); !ok || !isMechanism(a.driver) {
		return false
	}
	a.user, a.addr, a.session, a.words, ok = cutAsked(text)
	return ok
}

// dovecotAuth reads what a database of users says, with auth_verbose. Without a session it was another program that
// asked, and tells the end itself. Where several databases are asked in turn, it is the first one's refusal that counts.
func dovecotAuth(p *Parser, l *line, s *service) bool {
	var a asked
	if !a.scan(s) {
		return false
	}
	reason, failed := refused(a.words)
	if failed && a.session != "" && p.sessions.refused(l, a.session, a.driver, a.user) {
		l.is("mailbox-login-attempt", "authentication", "start")
		l.outcome(false)
	} else {
		l.is("mailbox-auth", "authentication", "info")
	}
	l.put("event.reason", reason)
	l.put("dovecot.database", a.driver)
	l.put("dovecot.method", a.method)
	l.put("dovecot.session", a.session)
	l.user(a.user)
	l.source(a.addr, "")
	return true
}

// cutAsked reads "USER,ADDRESS,<SESSION>): words" or "USER,ADDRESS): words". The user may hold commas and brackets.
func cutAsked(s string) (user, addr, session, words string, ok bool) {
	for from := 0; ; {
		at := strings.Index(s[from:], "): ")
		if at < 0 {
			return "", "", "", "", false
		}
		from += at
		head := s[:from]
		session = ""
		if before, after, found := cutLast(head, ",<"); found && strings.HasSuffix(after, ">") {
			head, session = before, strings.TrimSuffix(after, ">")
		}
		head = strings.TrimSuffix(head, ",") // of a session that has no name
		if user, addr, ok = cutLast(head, ","); ok && (canonical(addr) != "" || addr == "") {
			return user, addr, session, s[from+len("): "):], true
		}
		from++
	}
}

// refused reports whether a database refused a login. What it says of the password that was given is left out.
func refused(words string) (reason string, failed bool) {
	reason, _, _ = strings.Cut(words, " (")
	for _, text := range []string{
		"Password mismatch", "unknown user", "pam_authenticate() failed", "Username character disallowed", "login user: ",
		"User is missing", "invalid credentials", "Invalid credentials", "CRYPT(", "Password data is not valid",
	} {
		if strings.HasPrefix(words, text) {
			return reason, true
		}
	}
	return reason, false
}
