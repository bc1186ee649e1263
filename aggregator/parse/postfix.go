package parse

import "strings"

// scanPostfix reads what Postfix's programs write, whatever its instances are called: postfix/smtpd,
// postfix/submission/smtpd, postfix-out/smtp. A line of a queued mail begins with its id; an id names one mail of a
// host until it is used again. Addresses are chosen by whoever sends the mail, answers by the server that took or
// refused it.
func scanPostfix(p *Parser, l *line) bool {
	daemon := l.program
	if i := strings.LastIndexByte(daemon, '/'); i >= 0 {
		daemon = daemon[i+1:]
	}
	if daemon == "postscreen" {
		return scanPostscreen(p, l)
	}
	if id, rest, ok := cutQueueID(l.text); ok && scanQueued(p, l, id, rest) {
		return true
	}
	for _, f := range postfixForms {
		if rest, ok := strings.CutPrefix(l.text, f.prefix); ok && f.scan(p, l, rest) {
			return true
		}
	}
	return false
}

// noQueue stands for the id of a mail that was refused before it had one.
const noQueue = "NOQUEUE"

// cutQueueID cuts "4B1C2A3: " off: hex digits, or letters and digits without vowels if enable_long_queue_ids is set.
func cutQueueID(s string) (id, rest string, ok bool) {
	i := 0
	for i < len(s) && i <= maxQueueID && (s[i]-'0' <= 9 || s[i]|0x20-'a' < 26) {
		i++
	}
	if i < minQueueID || i > maxQueueID || !strings.HasPrefix(s[i:], ": ") {
		return "", s, false
	}
	id = s[:i]
	if id != noQueue && !strings.ContainsAny(id, "0123456789") { // "warning: "
		return "", s, false
	}
	return id, s[i+2:], true
}

// Bounds of a queue id: five digits of microseconds and an inode number, or a base of 52 for both and the seconds.
const (
	minQueueID = 6
	maxQueueID = 20
)

// scanQueued reads what is said of a mail.
func scanQueued(p *Parser, l *line, id, text string) bool {
	for _, f := range queuedForms {
		rest, ok := strings.CutPrefix(text, f.prefix)
		if !ok || !f.scan(p, l, id, rest) {
			continue
		}
		if id != noQueue {
			l.put("postfix.queue_id", id)
		}
		return true
	}
	return false
}

var queuedForms = []struct {
	prefix string
	scan   func(p *Parser, l *line, id, rest string) bool
}{
	{"client=", mailClient},
	{"uid=", mailPickup},
	{"message-id=", mailMessageID},
	{"resent-message-id=", mailMessageID},
	{"from=<", mailFrom},
	{"to=<", mailTo},
	{"removed", mailRemoved},
	{"reject: ", mailReject},
	{"reject_warning: ", mailWarned},
	{"milter-reject: ", mailReject},
	{"discard: ", mailFiltered},
	{"hold: ", mailFiltered},
	{"warning: header ", mailFiltered},
	{"warning: body ", mailFiltered},
	{"redirect: ", mailFiltered},
	{"filter: ", mailFiltered},
	{"milter-hold: ", mailFiltered},
	{"milter-discard: ", mailFiltered},
	{"sender non-delivery notification: ", mailNotification},
	{"sender delivery status notification: ", mailNotification},
	{"sender delay notification: ", mailNotification},
	{"postmaster non-delivery notification: ", mailNotification},
	{"postmaster delay notification: ", mailNotification},
}

var postfixForms = []struct {
	prefix string
	scan   func(p *Parser, l *line, rest string) bool
}{
	{"connect from ", smtpConnect},
	{"disconnect from ", smtpDisconnect},
	{"lost connection after ", smtpLost},
	{"timeout after ", smtpLost},
	{"too many errors after ", smtpLost},
	{"improper command pipelining after ", smtpLost},
	{"SSL_accept error from ", smtpTLSFailed},
	{"Anonymous TLS connection established ", smtpTLS},
	{"Untrusted TLS connection established ", smtpTLS},
	{"Trusted TLS connection established ", smtpTLS},
	{"Verified TLS connection established ", smtpTLS},
	{"warning: ", smtpWarning},
	{"statistics: ", smtpStatistics},
	{"connect to ", smtpUnreachable},
}

// cutPeerName cuts "name[address]" or "name[address]:port" off. The name is the reverse look-up's, which its owner
// chooses among host names.
func cutPeerName(s string) (name, addr, port, rest string, ok bool) {
	name, rest, ok = strings.Cut(s, "[")
	if !ok || strings.IndexByte(name, ' ') >= 0 {
		return "", "", "", s, false
	}
	if addr, rest, ok = strings.Cut(rest, "]"); !ok {
		return "", "", "", s, false
	}
	addr = strings.TrimPrefix(addr, "IPv6:")
	if canonical(addr) == "" && addr != "unknown" && (addr == "" || addr[0] != '/') {
		return "", "", "", s, false
	}
	if after, found := strings.CutPrefix(rest, ":"); found {
		if num, after := digits(after); num != "" {
			port, rest = num, after
		}
	}
	return name, addr, port, rest, true
}

// smtpClient writes who is at the other end.
func (l *line) smtpClient(name, addr, port string) {
	if canonical(addr) != "" {
		l.source(addr, port)
	}
	if name != "" && name != "unknown" && name != "localhost" {
		l.put("source.domain", name)
		l.also("related.hosts", name)
	}
	l.put("network.protocol", "smtp")
}

func smtpConnect(p *Parser, l *line, rest string) bool {
	name, addr, port, rest, ok := cutPeerName(rest)
	if !ok || rest != "" {
		return false
	}
	p.mails.connected(l)
	l.is("smtp-connect", "network", "connection", "start")
	l.smtpClient(name, addr, port)
	return true
}

// smtpDisconnect reads "NAME[A] ehlo=1 auth=0/1 quit=1 commands=2/3". Where a login succeeded of which no mail told, it
// is this line that counts it.
func smtpDisconnect(p *Parser, l *line, rest string) bool {
	name, addr, port, counts, ok := cutPeerName(rest)
	if !ok || counts != "" && counts[0] != ' ' {
		return false
	}
	if good := authCount(counts); good && p.mails.first(l) {
		l.is("smtp-login-attempt", "authentication", "start")
		l.outcome(true)
	} else {
		l.is("smtp-disconnect", "network", "connection", "end")
	}
	l.smtpClient(name, addr, port)
	for counts != "" {
		var count string
		count, counts = word(counts[1:])
		if counts != "" {
			counts = " " + counts
		}
		if verb, n, ok := strings.Cut(count, "="); ok && verb == "commands" {
			l.put("postfix.commands", n)
		}
	}
	return true
}

// authCount reports whether one of the commands AUTH was accepted.
func authCount(counts string) bool {
	_, n, ok := strings.Cut(counts, " auth=")
	n, _ = digits(n)
	return ok && n != "" && n != "0"
}

// smtpLost reads "COMMAND[ (N bytes)] from NAME[A][: TEXT]".
func smtpLost(_ *Parser, l *line, rest string) bool {
	command, peer, ok := strings.Cut(rest, " from ")
	name, addr, port, after, found := cutPeerName(peer)
	if !ok || !found || after != "" && after != ":" && !strings.HasPrefix(after, ": ") {
		return false
	}
	l.is("smtp-protocol-error", "network", "connection", "error")
	l.put("event.reason", l.text[:len(l.text)-len(" from ")-len(peer)])
	command, _, _ = strings.Cut(command, " (")
	l.put("postfix.command", command)
	l.smtpClient(name, addr, port)
	return true
}

func smtpTLSFailed(_ *Parser, l *line, rest string) bool {
	name, addr, port, _, ok := cutPeerName(rest)
	if !ok {
		return false
	}
	l.is("smtp-tls-failed", "network", "connection", "error")
	l.smtpClient(name, addr, port)
	return true
}

// smtpTLS reads "from NAME[A]: TLSv1.3 with cipher NAME (256/256 bits) …", or the same to a server.
func smtpTLS(_ *Parser, l *line, rest string) bool {
	way, peer := word(rest)
	name, addr, port, after, ok := cutPeerName(peer)
	after, colon := strings.CutPrefix(after, ": ")
	if version, cipher, found := strings.Cut(after, " with cipher "); ok && colon && found {
		l.is("smtp-tls", "network", "connection", "info")
		l.put("tls.established", "true")
		if number, ok := strings.CutPrefix(version, "TLSv"); ok {
			l.put("tls.version_protocol", "tls")
			l.put("tls.version", number)
		}
		cipher, _ = word(cipher)
		l.put("tls.cipher", cipher)
		if way == "from" {
			l.smtpClient(name, addr, port)
		} else {
			l.relay(name, addr, port)
		}
		return true
	}
	return false
}

func smtpStatistics(_ *Parser, l *line, _ string) bool {
	l.is("smtp-statistics", "network", "info")
	return true
}

// smtpUnreachable reads "NAME[A]:25: REASON".
func smtpUnreachable(_ *Parser, l *line, rest string) bool {
	name, addr, port, after, ok := cutPeerName(rest)
	reason, colon := strings.CutPrefix(after, ": ")
	if !ok || !colon {
		return false
	}
	l.is("smtp-connect-failed", "network", "connection", "error")
	l.put("event.reason", reason)
	l.relay(name, addr, port)
	return true
}
