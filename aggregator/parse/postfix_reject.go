package parse

import "strings"

// refusal is a command that a client was refused: "RCPT from NAME[A]: 554 5.7.1 TEXT; from=<F> to=<T> proto=P helo=<H>".
type refusal struct {
	command          string
	name, addr, port string
	code, dsn, text  string
	envelope
}

// envelope is what stands at the end of a refusal.
type envelope struct {
	from, to, proto, helo string
	hasFrom               bool
}

// scan reads "F>[ to=<T>][ proto=P][ helo=<H>]" to the end of s; postscreen has commas between. A HELO has neither
// blanks nor ">" (smtpd writes "?" for them).
func (v *envelope) scan(s string) (rest string, ok bool) {
	if v.from, s, ok = cutAddress(s); !ok {
		return s, false
	}
	v.hasFrom = true
	if after, found := cutSpaced(s, "to=<"); found {
		if v.to, s, ok = cutAddress(after); !ok {
			return s, false
		}
	}
	if after, found := cutSpaced(s, "proto="); found {
		end := 0
		for end < len(after) && after[end]-'A' < 26 {
			end++
		}
		v.proto, s = after[:end], after[end:]
	}
	if after, found := cutSpaced(s, "helo=<"); found {
		end := strings.IndexByte(after, '>')
		if end < 0 || strings.IndexByte(after[:end], ' ') >= 0 {
			return s, false
		}
		v.helo, s = after[:end], after[end+1:]
	}
	return s, true
}

// cutSpaced cuts a key and the blank, or comma and blank, before it.
func cutSpaced(s, key string) (string, bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(s, ","), " ")
	if !ok {
		return s, false
	}
	return strings.CutPrefix(rest, key)
}

// scan reads a refusal. The text holds an address as it came: only what reads as an envelope to the end of the line is
// one.
func (r *refusal) scan(s string) (ambiguous, ok bool) {
	command, rest, ok := strings.Cut(s, " from ")
	if !ok || strings.IndexByte(command, ' ') >= 0 {
		return false, false
	}
	r.command = command
	if r.name, r.addr, r.port, rest, ok = cutPeerName(rest); !ok || !strings.HasPrefix(rest, ": ") {
		return false, false
	}
	reply := rest[2:]
	r.text = reply
	found := 0
	for from := 0; ; {
		i := strings.Index(reply[from:], "; from=<")
		if i < 0 {
			break
		}
		from += i
		var v envelope
		if rest, ok := v.scan(reply[from+len("; from=<"):]); ok && rest == "" {
			found++
			if found == 1 {
				r.text, r.envelope = reply[:from], v
			}
		}
		from++
	}
	r.scanCode()
	return found > 1, r.code != "" || r.dsn != ""
}

// scanCode reads "554 5.7.1 TEXT", of which one may be missing: a milter's refusal at the end of a mail has no code.
func (r *refusal) scanCode() {
	if code, rest := word(r.text); len(code) == 3 && isNumber(code) {
		r.code, r.text = code, rest
	}
	if dsn, rest := word(r.text); isDSN(dsn) {
		r.dsn, r.text = dsn, rest
	}
}

// isDSN reports whether s is a status as RFC 3463 has it: "5.7.1".
func isDSN(s string) bool {
	class, rest, ok := strings.Cut(s, ".")
	subject, detail, found := strings.Cut(rest, ".")
	return ok && found && len(class) == 1 && isNumber(class) && isNumber(subject) && isNumber(detail)
}

func mailReject(p *Parser, l *line, id, rest string) bool {
	if isFiltered(rest) {
		return mailFiltered(p, l, id, rest)
	}
	var r refusal
	ambiguous, ok := r.scan(rest)
	if !ok {
		return false
	}
	l.is("mail-reject", "email", "info")
	l.outcome(false)
	r.write(l, ambiguous)
	return true
}

// mailWarned reads what would be refused, if the restriction were in force.
func mailWarned(_ *Parser, l *line, _, rest string) bool {
	var r refusal
	ambiguous, ok := r.scan(rest)
	if !ok {
		return false
	}
	l.is("mail-reject-warning", "email", "info")
	r.write(l, ambiguous)
	return true
}

func (r *refusal) write(l *line, ambiguous bool) {
	l.put("postfix.command", r.command)
	l.put("postfix.reply_code", r.code)
	l.put("postfix.dsn", r.dsn)
	l.put("event.reason", r.text)
	l.smtpClient(r.name, r.addr, r.port)
	if ambiguous {
		l.tag("ambiguous")
		return
	}
	r.envelope.write(l)
}

func (v *envelope) write(l *line) {
	l.put("email.from.address", v.from)
	l.put("email.to.address", v.to)
	l.put("postfix.protocol", v.proto)
	l.put("postfix.helo", v.helo)
}

// isFiltered reports whether it is cleanup that speaks, of a header or a body.
func isFiltered(s string) bool {
	return strings.HasPrefix(s, "header ") || strings.HasPrefix(s, "body ")
}

// filtered is what was done to a mail by header_checks, body_checks or an access table.
type filtered struct {
	name, addr, port string
	reason           string
	envelope
}

// scan reads
//
//	header Subject: TEXT from NAME[A]; from=<F> to=<T> proto=P helo=<H>: REASON
//	RCPT from NAME[A]: <T>: REASON; from=<F> to=<T> proto=P helo=<H>
//
// The sender wrote the header, the operator the reason: the last envelope, and of a header the last peer, are the true
// ones.
func (f *filtered) scan(s string) bool {
	for end := len(s); ; {
		at := strings.LastIndex(s[:end], "; from=<")
		if at < 0 {
			return false
		}
		reason, ok := f.envelope.scan(s[at+len("; from=<"):])
		if ok && (reason == "" || strings.HasPrefix(reason, ": ")) && f.scanPeer(s[:at]) {
			if reason != "" {
				f.reason = reason
			}
			f.reason = strings.TrimPrefix(f.reason, ": ")
			return true
		}
		end = at
	}
}

func (f *filtered) scanPeer(s string) bool {
	from := strings.Index(s, " from ")
	if isFiltered(s) {
		from = strings.LastIndex(s, " from ")
	}
	if from < 0 {
		return false
	}
	peer := s[from+len(" from "):]
	if peer == "local" {
		return true
	}
	var ok bool
	f.name, f.addr, f.port, f.reason, ok = cutPeerName(peer)
	return ok && (f.reason == "" || strings.HasPrefix(f.reason, ": "))
}

func mailFiltered(_ *Parser, l *line, _, rest string) bool {
	var f filtered
	if !f.scan(rest) {
		return false
	}
	_, said, _ := strings.Cut(l.text, ": ") // behind the queue id
	what, _, _ := strings.Cut(said, ": ")
	verb := filterVerb(what)
	l.is("mail-"+verb, "email", "info")
	if verb == "reject" {
		l.outcome(false)
	}
	l.put("event.reason", f.reason)
	l.smtpClient(f.name, f.addr, f.port)
	f.write(l)
	return true
}

// filterVerb returns what is done to a mail by a word of cleanup's.
func filterVerb(what string) string {
	switch what = strings.TrimPrefix(what, "milter-"); what {
	case "reject", "discard", "hold", "redirect", "filter":
		return what
	}
	return "warning"
}
