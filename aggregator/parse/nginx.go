package parse

import "strings"

// scanNginx reads what nginx sends to syslog: its access log, or its error log.
func scanNginx(p *Parser, l *line) bool { return scanNginxError(p, l) || scanAccess(p, l) }

// nginxFormat knows the file of nginx's error log: "2026/11/23 18:00:49 [error] …".
func nginxFormat(h *header, s string) bool {
	st, rest, ok := scanNginxTime(s)
	if ok {
		h.stamp, h.text, h.format = st, rest, "nginx"
	}
	return ok
}

func scanNginxTime(s string) (st stamp, rest string, ok bool) {
	if st.year, rest, ok = fixed(s, 4); !ok || len(rest) < len("/11/23 18:00:49 [") || rest[0] != '/' || rest[3] != '/' {
		return st, s, false
	}
	if st.month, _, ok = fixed(rest[1:], 2); !ok {
		return st, s, false
	}
	if st.day, rest, ok = fixed(rest[4:], 2); !ok || rest[0] != ' ' {
		return st, s, false
	}
	if rest, ok = st.scanClock(rest[1:]); !ok || !strings.HasPrefix(rest, " [") || !st.valid() {
		return st, s, false
	}
	return st, rest[1:], true
}

// nginxError is what nginx writes behind "[error] 12#34: *5 ": its own words, then what it knows of the request
// (ngx_http_log_error_handler). The client wrote the path in the words, the request, the host and the referrer, and
// nothing escapes them: the keys count where they stand once.
type nginxError struct {
	level, pid, tid string
	message         string
	client, server  string
	request         string
	upstream        string
	host, referrer  string
	other           string // another address that may be the client's
	unsure          bool   // which of the later keys are real is not known
}

// scanNginxError reads
//
//	[error] 12#34: *5 open() "/srv/x" failed (2: No such file or directory), client: 192.0.2.7, server: www.example.org,
//	request: "GET /x HTTP/1.1", host: "www.example.org"
//
// with or without the time before it.
func scanNginxError(_ *Parser, l *line) bool {
	text := l.text
	if _, rest, ok := scanNginxTime(text); ok {
		text = rest
	}
	var e nginxError
	if !e.scan(text) {
		return false
	}
	e.write(l)
	return true
}

func (e *nginxError) scan(s string) bool {
	level, rest, ok := strings.Cut(strings.TrimPrefix(s, "["), "] ")
	if !ok || len(s) == len(level)+len("] ")+len(rest) || !isNginxLevel(level) {
		return false
	}
	e.level = level
	if e.pid, rest = digits(rest); !strings.HasPrefix(rest, "#") {
		return false
	}
	if e.tid, rest = digits(rest[1:]); !strings.HasPrefix(rest, ": ") || e.pid == "" || e.tid == "" {
		return false
	}
	rest = rest[2:]
	if strings.HasPrefix(rest, "*") {
		if num, after := digits(rest[1:]); num != "" && strings.HasPrefix(after, " ") {
			rest = after[1:]
		}
	}
	e.scanMessage(rest)
	return true
}

func isNginxLevel(s string) bool {
	switch s {
	case "debug", "info", "notice", "warn", "error", "crit", "alert", "emerg":
		return true
	}
	return false
}

// isTrouble reports whether a level of nginx's or Apache's is that of an error.
func isTrouble(level string) bool {
	switch level {
	case "error", "crit", "alert", "emerg":
		return true
	}
	return false
}

// scanMessage splits the words from the client's address. Words without a quote hold nothing of the client's: then the
// first address is the true one.
func (e *nginxError) scanMessage(s string) {
	const key = ", client: "
	e.message = s
	for from := 0; ; {
		i := strings.Index(s[from:], key)
		if i < 0 {
			return
		}
		from += i
		addr, _, whole := strings.Cut(s[from+len(key):], ",")
		switch ip := canonical(addr); {
		case !whole || ip == "" && addr != "unix:": // nginx cuts a line after 2048 bytes
		case e.client == "":
			e.message, e.client = s[:from], addr
			e.scanRequest(s[from+len(key)+len(addr):])
			if strings.IndexByte(e.message, '"') < 0 {
				return
			}
		case addr != e.client:
			e.other = addr
			return
		}
		from += len(key)
	}
}

// scanRequest reads `, server: S, request: "R", upstream: "U", host: "H", referrer: "F"`, of which all but the server
// may be missing.
func (e *nginxError) scanRequest(s string) {
	s, ok := strings.CutPrefix(s, ", server: ")
	if !ok {
		return
	}
	e.server, s, ok = strings.Cut(s, ", ")
	for _, k := range []struct {
		key   string
		value *string
	}{{`request: "`, &e.request}, {`subrequest: "`, nil}, {`upstream: "`, &e.upstream}, {`host: "`, &e.host}, {`referrer: "`, &e.referrer}} {
		after, found := strings.CutPrefix(s, k.key)
		if !ok || !found {
			continue
		}
		value, rest := nginxValue(after)
		if k.value != nil {
			*k.value = value
		}
		s = rest
	}
	e.unsure = s != "" || strings.Contains(e.request+e.host+e.referrer, `"`)
}

// nginxValue cuts a value at its quote: the first one that another key follows, else the last.
func nginxValue(s string) (value, rest string) {
	end := len(s)
	for _, key := range []string{`", subrequest: "`, `", upstream: "`, `", host: "`, `", referrer: "`} {
		if i := strings.Index(s[:end], key); i >= 0 {
			end = i
		}
	}
	if end == len(s) {
		return strings.TrimSuffix(s, `"`), ""
	}
	return s[:end], s[end+len(`", `):]
}

func (e *nginxError) write(l *line) {
	e.writeAction(l)
	l.event.Default("log.level", e.level)
	if !l.event.Has("process.pid") {
		l.number("process.pid", e.pid)
		l.number("process.thread.id", e.tid)
	}
	if e.other != "" {
		l.tag("ambiguous")
		l.also("related.ip", canonical(e.client))
		l.also("related.ip", canonical(e.other))
		return
	}
	if e.client != "unix:" {
		l.source(e.client, "")
	}
	if e.unsure {
		l.tag("ambiguous")
		return
	}
	l.put("url.domain", hostOnly(e.host))
	l.writeRequest(e.request, e.host == "")
	l.put("http.request.referrer", e.referrer)
	l.put("nginx.upstream", e.upstream)
}

// hostOnly returns what a Host header names without its port.
func hostOnly(s string) string {
	host, port, ok := cutLast(s, ":")
	if !ok || !isNumber(port) {
		host = s
	}
	if inner, ok := between(host, "[", "]"); ok {
		return inner
	}
	return host
}

// writeAction tells logins that failed from other errors. A name of HTTP's Basic scheme holds no colon, so that the
// words behind it are nginx's.
func (e *nginxError) writeAction(l *line) {
	if name, ok := strings.CutPrefix(e.message, `user "`); ok && e.other == "" {
		if user, ok := strings.CutSuffix(name, `": password mismatch`); ok {
			l.httpLoginFailed(user, "password mismatch")
			return
		}
		if user, _, ok := cutLast(name, `" was not found in "`); ok {
			l.httpLoginFailed(user, "was not found")
			return
		}
	}
	switch {
	case e.client == "" && !isTrouble(e.level):
		l.is("http-server-message", "web", "info")
	case strings.HasPrefix(e.message, "access forbidden by rule"):
		l.is("http-denied", "web", "error")
	default:
		l.is("http-error", "web", "error")
	}
	if e.other == "" {
		l.put("event.reason", e.message)
	}
}

// httpLoginFailed is one user and password that a web server did not take.
func (l *line) httpLoginFailed(user, reason string) {
	l.is("http-login-failed", "authentication", "start")
	l.outcome(false)
	l.user(user)
	l.put("event.reason", reason)
}
