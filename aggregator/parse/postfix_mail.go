package parse

import "strings"

// cutAddress cuts an address off at the ">" that ends it. Since 3.5 a local part with special characters is quoted, so
// that a ">" within quotes is part of it.
func cutAddress(s string) (addr, rest string, ok bool) {
	i := 0
	if strings.HasPrefix(s, `"`) {
		end := quoteEnd(s[1:], '"')
		if end < 0 {
			return "", s, false
		}
		i = end + 2
	}
	end := strings.IndexByte(s[i:], '>')
	if end < 0 {
		return "", s, false
	}
	return s[:i+end], s[i+end+1:], true
}

// cutKey cuts "KEYVALUE, " off, or to the end.
func cutKey(s, key string) (value, rest string, ok bool) {
	value, ok = strings.CutPrefix(s, key)
	if !ok {
		return "", s, false
	}
	value, rest, _ = strings.Cut(value, ", ")
	return value, rest, true
}

// mailClient reads "NAME[A], sasl_method=M, sasl_username=U": a mail begins. The first mail of a session that logged in
// counts its login.
func mailClient(p *Parser, l *line, id, rest string) bool {
	name, addr, port, rest, ok := cutPeerName(rest)
	if !ok || rest != "" && !strings.HasPrefix(rest, ", ") {
		return false
	}
	rest = strings.TrimPrefix(rest, ", ")
	method, rest, _ := cutKey(rest, "sasl_method=")
	user, rest, _ := cutKey(rest, "sasl_username=")
	_, rest, _ = cutKey(rest, "sasl_sender=")
	original, _, _ := cutKey(rest, "orig_queue_id=")
	if user != "" && id != noQueue && p.mails.first(l) {
		l.is("smtp-login-attempt", "authentication", "start")
		l.outcome(true)
	} else {
		l.is("mail-begin", "email", "info")
	}
	l.user(user)
	l.put("postfix.sasl_method", method)
	l.put("postfix.original_queue_id", original)
	l.smtpClient(name, addr, port)
	p.mails.begin(l, id, mail{name: name, addr: addr, port: port, user: user})
	return true
}

// mailPickup reads "0 from=<ADDRESS>": a mail from this host.
func mailPickup(p *Parser, l *line, id, rest string) bool {
	uid, rest := word(rest)
	from, ok := strings.CutPrefix(rest, "from=<")
	if !ok || !isNumber(uid) {
		return false
	}
	if from, _, ok = cutAddress(from); !ok {
		return false
	}
	l.is("mail-begin", "email", "info")
	l.put("user.id", uid)
	l.put("email.from.address", from)
	p.mails.begin(l, id, mail{from: from, uid: uid})
	return true
}

func mailMessageID(p *Parser, l *line, id, rest string) bool {
	ident := rest
	if inner, ok := between(rest, "<", ">"); ok {
		ident = inner
	}
	p.mails.named(l, id, ident)
	l.is("mail-message-id", "email", "info")
	l.put("email.message_id", ident)
	return true
}

// mailFrom reads "ADDRESS>, size=N, nrcpt=N (queue active)" and "ADDRESS>, status=expired, returned to sender".
func mailFrom(p *Parser, l *line, id, rest string) bool {
	from, rest, ok := cutAddress(rest)
	if !ok {
		return false
	}
	if status, ok := strings.CutPrefix(rest, ", status="); ok {
		status, reason, _ := strings.Cut(status, ", ")
		l.is("mail-expired", "email", "info")
		l.put("postfix.status", status)
		l.outcome(false)
		l.put("event.reason", reason)
		m := p.mails.of(l, id)
		m.from = from
		m.write(l)
		return true
	}
	size, rest, ok := cutKey(strings.TrimPrefix(rest, ", "), "size=")
	count, found := strings.CutPrefix(rest, "nrcpt=")
	count, _ = digits(count)
	if !ok || !found {
		return false
	}
	m := p.mails.sized(l, id, from, size)
	l.is("mail-queued", "email", "info")
	l.number("postfix.recipients", count)
	m.write(l)
	return true
}

func mailRemoved(p *Parser, l *line, id, rest string) bool {
	if rest != "" {
		return false
	}
	m := p.mails.of(l, id)
	p.mails.end(l, id)
	l.is("mail-removed", "email", "info")
	m.write(l)
	return true
}

func mailNotification(p *Parser, l *line, id, rest string) bool {
	if other, rest := word(rest); rest != "" || other == "" {
		return false
	}
	m := p.mails.of(l, id)
	l.is("mail-notification", "email", "info")
	l.put("postfix.notification_id", rest)
	m.write(l)
	return true
}

// delivery is what is behind a recipient.
type delivery struct {
	to, original   string
	relay          string
	delay, delays  string
	dsn            string
	status, answer string
}

// scan reads "TO>, orig_to=<O>, relay=R, conn_use=N, delay=D, delays=A/B/C/D, dsn=X, status=sent (ANSWER)".
func (d *delivery) scan(s string) (rest string, ok bool) {
	if d.to, s, ok = cutAddress(s); !ok || !strings.HasPrefix(s, ", ") {
		return "", false
	}
	s = s[2:]
	if after, found := strings.CutPrefix(s, "orig_to=<"); found {
		if d.original, s, ok = cutAddress(after); !ok || !strings.HasPrefix(s, ", ") {
			return "", false
		}
		s = s[2:]
	}
	if d.relay, s, ok = cutKey(s, "relay="); !ok {
		return "", false
	}
	_, s, _ = cutKey(s, "conn_use=")
	if d.delay, s, ok = cutKey(s, "delay="); !ok {
		return "", false
	}
	d.delays, s, _ = cutKey(s, "delays=")
	d.dsn, s, _ = cutKey(s, "dsn=")
	if s, ok = strings.CutPrefix(s, "status="); !ok {
		return "", false
	}
	d.status, s = word(s)
	d.answer, ok = between(s, "(", ")")
	return d.answer, ok
}

// mailTo reads a delivery: the event that counts for a recipient. A server's answer may look like one as well; before
// 3.5, which did not quote addresses, a recipient may too, and then the line cannot be read for sure.
func mailTo(p *Parser, l *line, id, rest string) bool {
	var d delivery
	answer, ok := d.scan(rest)
	if !ok {
		return false
	}
	m := p.mails.of(l, id)
	l.writeDelivery(&d)
	m.write(l)
	if strings.Count(answer, ">, relay=") > 0 && strings.Count(answer, ", status=") > 0 && !quotedEnds(rest) {
		l.tag("ambiguous")
	}
	return true
}

// quotedEnds reports whether a recipient is sure to end where it seems to: its domain follows the local part.
func quotedEnds(s string) bool {
	addr, _, _ := cutAddress(s)
	local, domain, ok := cutLast(addr, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(domain, " <\"")
}

func (l *line) writeDelivery(d *delivery) {
	switch d.status {
	case "sent", "deliverable":
		l.is("mail-delivery", "email", "info")
		l.outcome(true)
	case "bounced", "undeliverable", "expired":
		l.is("mail-delivery", "email", "info")
		l.outcome(false)
	default: // it is tried again
		l.is("mail-deferred", "email", "info")
	}
	l.put("email.to.address", d.to)
	l.put("postfix.original_to", d.original)
	l.put("postfix.status", d.status)
	l.put("postfix.dsn", d.dsn)
	if isDecimal(d.delay) {
		l.put("postfix.delay", d.delay)
	}
	l.put("postfix.delays", d.delays)
	l.put("event.reason", d.answer)
	if queued, ok := cutQueuedAs(d.answer); ok {
		l.put("postfix.next_queue_id", queued)
	}
	if name, addr, port, rest, ok := cutPeerName(d.relay); ok && rest == "" {
		l.relay(name, addr, port)
		return
	}
	l.put("postfix.relay", d.relay)
}

// cutQueuedAs returns the id under which the next server, if it is Postfix, took the mail.
func cutQueuedAs(answer string) (string, bool) {
	_, id, ok := cutLast(answer, "queued as ")
	if after, found := strings.CutPrefix(answer, "forwarded as "); found {
		id, ok = after, true
	}
	if _, _, is := cutQueueID(id + ": "); !ok || !is {
		return "", false
	}
	return id, true
}

// relay writes the server that takes the mail.
func (l *line) relay(name, addr, port string) {
	if ip := canonical(addr); ip != "" {
		l.put("destination.ip", ip)
		l.also("related.ip", ip)
	}
	l.port("destination.port", port)
	if name != "" && canonical(name) == "" {
		l.put("destination.domain", name)
		l.also("related.hosts", name)
	}
}
