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
	return found > 1, r.code != ""
}

// scanCode reads "554 5.7.1 TEXT", of which the second may be missing.
func (r *refusal) scanCode() {
	code, rest := word(r.text)
	if len(code) != 3 || !isNumber(code) {
		return
	}
	r.code, r.text = code, rest
	if dsn, rest := word(rest); isDSN(dsn) {
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
	l.event.Add("event.type", "denied")
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

// mailFiltered reads what cleanup did by header_checks or body_checks:
//
//	header Subject: TEXT from NAME[A]; from=<F> to=<T> proto=P helo=<H>: REASON
//
// The sender wrote the text, the operator the reason. Before the envelope the last peer is the true one.
func mailFiltered(_ *Parser, l *line, _, rest string) bool {
	what, _, _ := strings.Cut(l.text[strings.Index(l.text, ": ")+2:], ":")
	for end := len(rest); ; {
		at := strings.LastIndex(rest[:end], "; from=<")
		if at < 0 {
			return false
		}
		var v envelope
		reason, ok := v.scan(rest[at+len("; from=<"):])
		from := strings.LastIndex(rest[:at], " from ")
		if ok && from >= 0 && (reason == "" || strings.HasPrefix(reason, ": ")) {
			name, addr, port, after, ok := cutPeerName(rest[from+len(" from ") : at])
			if local := rest[from+len(" from "):at] == "local"; local || ok && after == "" {
				l.is("mail-"+filterVerb(what), "email", "info")
				if what == "reject" || what == "milter-reject" {
					l.event.Add("event.type", "denied")
					l.outcome(false)
				}
				l.put("event.reason", strings.TrimPrefix(reason, ": "))
				l.smtpClient(name, addr, port)
				v.write(l)
				return true
			}
		}
		end = at
	}
}

// filterVerb returns what is done to a mail by a word of cleanup's.
func filterVerb(what string) string {
	switch what = strings.TrimPrefix(what, "milter-"); what {
	case "reject", "discard", "hold", "redirect", "filter":
		return what
	}
	return "warning"
}
