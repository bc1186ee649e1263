package parse

import "strings"

// scanDovecot reads what Dovecot's services write, of 2.2 to 2.4: by syslog as "dovecot: SERVICE: text", in a log of its
// own as "SERVICE: Info: text". A service that acts for a user says "imap(USER)<PID><SESSION>: text".
func scanDovecot(p *Parser, l *line) bool {
	s, ok := service{name: l.program, text: l.text}, true
	if l.program == "dovecot" || isDovecotService(l.text) {
		s, ok = cutService(l.text)
	}
	if !ok {
		return false
	}
	s.text = cutLevel(s.text)
	switch {
	case strings.HasSuffix(s.name, "-login"):
		return dovecotLogin(p, l, &s)
	case s.name == "auth" || s.name == "auth-worker":
		return dovecotAuth(p, l, &s)
	case s.user != "":
		return dovecotSession(l, &s)
	}
	return false
}

// service is who speaks: all strings are parts of the line.
type service struct {
	name, user, pid, session string
	text                     string
}

// cutService cuts "NAME: ", "NAME(USER): ", "NAME(USER)<PID><SESSION>: " or "NAME(PID): " off. A user's name may hold
// anything; what follows it has a form of its own.
func cutService(s string) (v service, ok bool) {
	i := 0
	for i < len(s) && (s[i]|0x20-'a' < 26 || s[i] == '-' || s[i]-'0' <= 9) {
		i++
	}
	v.name = s[:i]
	if rest, ok := strings.CutPrefix(s[i:], ": "); ok {
		v.text = rest
		return v, v.name != ""
	}
	if i == 0 || !strings.HasPrefix(s[i:], "(") {
		return v, false
	}
	inner := s[i+1:]
	for from := 0; ; {
		at := strings.IndexByte(inner[from:], ')')
		if at < 0 {
			return v, false
		}
		from += at
		if v.cutSession(inner[from+1:]) {
			if v.user = inner[:from]; isNumber(v.user) {
				v.pid, v.user = v.user, ""
			}
			return v, true
		}
		from++
	}
}

// cutSession reads "<PID><SESSION>: text", "<SESSION>: text" of auth's, or ": text".
func (v *service) cutSession(s string) bool {
	if inner, ok := strings.CutPrefix(s, "<"); ok {
		session, text, ok := strings.Cut(inner, ">: ")
		pid, id, both := strings.Cut(session, "><")
		switch {
		case !ok || strings.IndexByte(session, ' ') >= 0:
			return false
		case both && isNumber(pid):
			v.pid, v.session, v.text = pid, id, text
			return true
		case !both && v.name == "auth":
			v.session, v.text = session, text
			return true
		}
		return false
	}
	text, ok := strings.CutPrefix(s, ": ")
	v.text = text
	return ok
}

// cutLevel cuts off how grave a message is. To syslog, Info is not written.
func cutLevel(s string) string {
	for _, level := range []string{"Info: ", "Warning: ", "Error: ", "Debug: ", "Fatal: ", "Panic: "} {
		if rest, ok := strings.CutPrefix(s, level); ok {
			return rest
		}
	}
	return s
}

// dovecotSession reads what is said of a user's session: its end with the bytes that went in and out, and mail that was
// saved for him.
func dovecotSession(l *line, s *service) bool {
	text := s.text
	switch {
	case strings.HasPrefix(text, "Logged out"), strings.HasPrefix(text, "Disconnected"), strings.HasPrefix(text, "Connection closed"):
		l.is("mailbox-disconnect", "session", "end")
		reason, counts := cutCounts(text)
		l.put("event.reason", reason)
		l.writeCounts(counts)
	case strings.HasSuffix(text, ": saved mail to INBOX"), savedTo(text):
		l.is("mail-saved", "email", "info")
		l.put("email.message_id", savedID(text))
	case strings.HasPrefix(text, "save: ") || strings.HasPrefix(text, "delete: ") || strings.HasPrefix(text, "expunge: ") ||
		strings.HasPrefix(text, "copy from "):
		l.is("mailbox-change", "email", "info")
	default:
		l.is("mailbox-message", "session", "info")
		l.put("event.reason", text)
	}
	l.user(s.user)
	l.put("network.protocol", protocolOf(s.name))
	l.put("dovecot.session", s.session)
	if !l.event.Has("process.pid") {
		l.number("process.pid", s.pid)
	}
	return true
}

// cutCounts splits "Disconnected: Logged out in=8 out=468 …" before the first count.
func cutCounts(s string) (reason, counts string) {
	for from := 0; ; {
		at := strings.IndexByte(s[from:], '=')
		if at < 0 {
			return s, ""
		}
		from += at
		if space := strings.LastIndexByte(s[:from], ' '); space >= 0 && strings.IndexByte(s[space:from], '(') < 0 {
			return s[:space], s[space+1:]
		}
		from++
	}
}

// writeCounts writes in= and out= of IMAP, and bytes=in/out of ManageSieve.
func (l *line) writeCounts(s string) {
	for s != "" {
		var count string
		count, s = word(s)
		key, n, _ := strings.Cut(count, "=")
		switch in, out, _ := strings.Cut(n, "/"); {
		case key == "in" && isNumber(n):
			l.event.Default("source.bytes", n)
		case key == "out" && isNumber(n):
			l.event.Default("destination.bytes", n)
		case key == "bytes" && isNumber(in) && isNumber(out):
			l.event.Default("source.bytes", in)
			l.event.Default("destination.bytes", out)
		}
	}
}

// savedTo reports whether a text ends as Pigeonhole's does: "sieve: msgid=<…>: stored mail into mailbox 'INBOX'".
func savedTo(s string) bool {
	_, after, ok := cutLast(s, ": stored mail into mailbox '")
	return ok && strings.HasSuffix(after, "'")
}

// savedID returns the message-id between "msgid=" and the last ": ", without "<" and ">". Its sender chose it.
func savedID(s string) string {
	_, s, _ = strings.Cut(s, "msgid=")
	s, _, _ = cutLast(s, ": ")
	if inner, ok := between(s, "<", ">"); ok {
		return inner
	}
	return s
}

// protocolOf returns what a service speaks.
func protocolOf(service string) string {
	service = strings.TrimSuffix(service, "-login")
	switch service {
	case "imap", "pop3", "lmtp", "managesieve":
		return service
	case "submission":
		return "smtp"
	}
	return ""
}

// isDovecotService reports whether a line's text begins with a service that names more than itself: its user, or process.
func isDovecotService(s string) bool {
	name, _, ok := strings.Cut(s[:min(len(s), len("managesieve("))], "(")
	if !ok {
		return false
	}
	switch name {
	case "imap", "pop3", "lmtp", "lda", "managesieve", "submission", "auth", "auth-worker":
		return true
	}
	return false
}

// scanDovecot reads the tag of Dovecot's own log where a user is in it: "imap(USER)<PID><SESSION>: Info: text". All of it
// is the text.
func (h *header) scanDovecot(s string) bool {
	if !isDovecotService(s) {
		return false
	}
	v, ok := cutService(s)
	if !ok || cutLevel(v.text) == v.text {
		return false
	}
	h.program, h.text = v.name, s
	return true
}

// asksForMail reports whether PAM is asked for Dovecot or Postfix, which tell the end themselves.
func (l *line) asksForMail() bool {
	return l.program == "auth" || l.program == "dovecot-auth" || l.program == "saslauthd"
}
