package parse

import "strings"

// scanApache reads what Apache sends to syslog: its error log, or its access log by way of logger(1).
func scanApache(p *Parser, l *line) bool { return scanApacheError(p, l) || scanAccess(p, l) }

// apacheFormat knows the file of Apache's error log: "[Mon Nov 23 18:00:49.123456 2026] [module:error] …".
func apacheFormat(h *header, s string) bool {
	if len(s) < len("[Mon Nov 23 18:00:49 2026] [") || s[0] != '[' || s[4] != ' ' {
		return false
	}
	var st stamp
	rest, ok := st.scanMonth(s[len("[Mon "):])
	if !ok || !strings.HasPrefix(rest, " ") {
		return false
	}
	if st.year, rest, ok = fixed(rest[1:], 4); !ok || !strings.HasPrefix(rest, "] [") || !st.valid() {
		return false
	}
	h.stamp, h.text, h.format = st, rest[2:], "apache"
	return true
}

// apacheError is what stands before Apache's own words (server/log.c, the default ErrorLogFormat).
type apacheError struct {
	module, level string
	pid, tid      string
	client, port  string
	code          string // AH01617
	message       string
}

// scanApacheError reads
//
//	[auth_basic:error] [pid 12:tid 34] [client 192.0.2.1:51234] AH01617: user averez: authentication failure for "/":
//	Password Mismatch, referer: http://…
//	[proxy:error] [pid 12] (111)Connection refused: AH00957: …
//	[error] [client 192.0.2.1] …                                                               (2.2)
func scanApacheError(_ *Parser, l *line) bool {
	var e apacheError
	if !e.scan(l.text) {
		return false
	}
	e.writeAction(l)
	l.event.Default("log.level", e.level)
	l.put("event.code", e.code)
	l.put("apache.module", e.module)
	if !l.event.Has("process.pid") {
		l.number("process.pid", e.pid)
	}
	l.number("process.thread.id", e.tid)
	l.source(e.client, e.port)
	return true
}

func (e *apacheError) scan(s string) bool {
	head, s, ok := cutBracket(s)
	if !ok {
		return false
	}
	if e.module, e.level, ok = strings.Cut(head, ":"); !ok {
		e.module, e.level = "", head
	}
	if !isApacheLevel(e.level) {
		return false
	}
	if pid, rest, ok := cutBracket(s); ok && strings.HasPrefix(pid, "pid ") {
		e.pid, e.tid, _ = strings.Cut(pid[len("pid "):], ":tid ")
		s = rest
	}
	if strings.HasPrefix(s, "(") {
		if _, rest, ok := strings.Cut(s, ": "); ok {
			s = rest
		}
	}
	if peer, rest, ok := cutBracket(s); ok {
		if addr, ok := strings.CutPrefix(peer, "client "); ok {
			e.client, s = addr, rest
		} else if addr, ok := strings.CutPrefix(peer, "remote "); ok {
			e.client, s = addr, rest
		}
	}
	e.splitPort()
	e.message = s
	if code, rest, ok := strings.Cut(s, ": "); ok && len(code) == len("AH01617") && code[:2] == "AH" && isNumber(code[2:]) {
		e.code, e.message = code, rest
	}
	return true
}

// splitPort cuts the port off, which 2.2 did not write, but not the last group of an IPv6 address.
func (e *apacheError) splitPort() {
	if addr, port, ok := cutLast(e.client, ":"); ok && isNumber(port) && (canonical(addr) != "" || strings.HasSuffix(addr, "]")) {
		e.client, e.port = addr, port
	}
	if inner, ok := between(e.client, "[", "]"); ok {
		e.client = inner
	}
}

// cutBracket cuts "[text] " off.
func cutBracket(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, "[") {
		return "", s, false
	}
	text, rest, ok = strings.Cut(s[1:], "] ")
	return text, rest, ok
}

func isApacheLevel(s string) bool {
	switch s {
	case "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug":
		return true
	}
	return len(s) == len("trace1") && strings.HasPrefix(s, "trace") && s[5]-'1' < 8
}

// writeAction tells what happened. A name of the Basic scheme holds no colon: the first words of Apache's behind it
// are real. Digest quotes its names otherwise.
func (e *apacheError) writeAction(l *line) {
	if e.scanLogin(l) {
		return
	}
	switch {
	case e.client == "" && !isTrouble(e.level):
		l.is("http-server-message", "web", "info")
	case e.code == "AH01630" || e.code == "AH01797" || strings.HasPrefix(e.message, "client denied by server configuration"):
		l.is("http-denied", "web", "error")
	default:
		l.is("http-error", "web", "error")
	}
	l.put("event.reason", e.message)
}

// formUser cuts off the quotes that mod_auth_form alone writes around a name.
func (e *apacheError) formUser(user string) string {
	if name, ok := between(user, "'", "'"); ok && (e.module == "auth_form" || e.code == "AH01807" || e.code == "AH01808") {
		return name
	}
	return user
}

// scanLogin reads the messages of mod_auth_basic, mod_auth_digest and mod_authz_core that name a user.
func (e *apacheError) scanLogin(l *line) bool {
	message := strings.TrimPrefix(e.message, "Digest: ") // 2.2
	rest, ok := strings.CutPrefix(message, "user ")
	if !ok {
		return false
	}
	if name, ok := strings.CutPrefix(rest, "`"); ok {
		if user, _, ok := strings.Cut(name, "' in realm `"); ok {
			l.httpLoginFailed(unhexed(user), "not found")
			return true
		}
		if user, _, ok := strings.Cut(name, "': password mismatch: "); ok {
			l.httpLoginFailed(unhexed(user), "password mismatch")
			return true
		}
	}
	if user, _, ok := strings.Cut(rest, ` not found: `); ok && strings.IndexByte(user, ':') < 0 {
		l.httpLoginFailed(unhexed(e.formUser(user)), "not found")
		return true
	}
	if user, after, ok := strings.Cut(rest, ": password mismatch: "); ok { // of Digest
		if strings.Contains(after, ": password mismatch: ") {
			l.tag("ambiguous")
		}
		l.httpLoginFailed(unhexed(user), "password mismatch")
		return true
	}
	user, words, ok := strings.Cut(rest, ": ")
	switch {
	case !ok:
	case strings.HasPrefix(words, `authentication failure for "`):
		l.httpLoginFailed(unhexed(e.formUser(user)), "authentication failure")
		return true
	case strings.HasPrefix(words, `authorization failure for "`):
		l.is("http-denied", "web", "error")
		l.user(unhexed(user))
		l.put("event.reason", "authorization failure")
		return true
	}
	return false
}
