package parse

import "strings"

// bindTransfer reads a zone's transfer, to a client or from another server:
//
//	ZONE/CLASS': AXFR started (serial 1)        ZONE/CLASS': AXFR ended: 1 messages, 7 records, …
//	ZONE/CLASS' from 192.0.2.1#53: Transfer status: success
func bindTransfer(l *line, s string) bool {
	object, rest, ok := strings.Cut(s, "'")
	zone, class, found := cutLast(object, "/")
	if !ok || !found {
		return false
	}
	var server, port string
	if after, ok := strings.CutPrefix(rest, " from "); ok {
		peer, words, _ := strings.Cut(after, ": ")
		server, port, _ = strings.Cut(peer, "#")
		if canonical(server) == "" {
			return false
		}
		rest = words
	} else if rest, ok = strings.CutPrefix(rest, ": "); !ok {
		return false
	}
	l.transferred(rest)
	l.put("network.protocol", "dns")
	l.put("dns.question.name", zone)
	l.put("dns.question.class", class)
	l.put("event.reason", rest)
	if ip := canonical(server); ip != "" {
		l.put("destination.ip", ip)
		l.also("related.ip", ip)
		l.port("destination.port", port)
	}
	return true
}

// transferred tells how far a transfer is: its end counts it.
func (l *line) transferred(words string) {
	status, ended := strings.CutPrefix(words, "Transfer status: ")
	kind, _, _ := strings.Cut(words, " ")
	switch {
	case ended:
		l.is("dns-transfer", "network", "protocol", "end")
		l.outcome(status == "success" || status == "up to date")
	case strings.Contains(words, " ended"):
		l.is("dns-transfer", "network", "protocol", "end")
		l.outcome(true)
	case strings.Contains(words, " started"):
		l.is("dns-transfer-started", "network", "protocol", "start")
	default:
		l.is("dns-transfer-message", "network", "protocol", "info")
	}
	switch kind = strings.TrimSuffix(kind, "-style"); kind {
	case "AXFR", "IXFR":
		l.put("dns.question.type", kind)
	}
}

func bindBadTransfer(l *line, s string) bool {
	object, reason, ok := strings.Cut(s, "': ")
	zone, class, found := cutLast(object, "/")
	if !ok || !found {
		return false
	}
	l.denied("zone transfer")
	l.put("dns.question.name", zone)
	l.put("dns.question.class", class)
	l.put("event.reason", reason)
	return true
}

// bindUpdate reads "ZONE/CLASS': adding an RR at 'NAME' TYPE DATA".
func bindUpdate(l *line, s string) bool {
	object, what, ok := strings.Cut(s, "': ")
	zone, class, found := cutLast(object, "/")
	if !ok || !found {
		return false
	}
	l.is("dns-update", "network", "protocol", "info")
	l.put("bind.zone", zone)
	l.put("dns.question.class", class)
	l.put("event.reason", what)
	if _, name, ok := strings.Cut(what, " at '"); ok {
		name, rest, _ := cutLast(name, "' ")
		kind, _ := word(rest)
		l.put("dns.question.name", name)
		l.put("dns.question.type", kind)
	}
	return true
}

// bindSignature reads "TSIG NAME: tsig verify failure (BADSIG)": a client that does not hold the key that it names.
func bindSignature(l *line, s string) bool {
	what, reason, ok := strings.Cut(s, ": ")
	if !ok {
		what, reason = "", s
	}
	l.is("dns-signature-failed", "authentication", "start")
	l.outcome(false)
	l.put("bind.key_claimed", strings.TrimPrefix(strings.TrimPrefix(what, "TSIG "), "SIG "))
	l.put("event.reason", reason)
	return true
}

// bindLimit reads "[WHAT ]responses to NET[ for NAME[ CLASS][ TYPE] (HASH)]" behind "limit " or "rate limit ". What of
// the question an account does not go by, it leaves out.
func bindLimit(l *line, s string) bool {
	return bindLimited(l, s, "dns-rate-limited", "denied")
}

// bindLimitEnd reads the same behind "stop limiting ".
func bindLimitEnd(l *line, s string) bool {
	return bindLimited(l, s, "dns-rate-limit-end", "info")
}

func bindLimited(l *line, s, action, kind string) bool {
	what, rest, ok := strings.Cut(" "+s, " to ")
	if !ok || !strings.HasSuffix(what, " response") && !strings.HasSuffix(what, " responses") {
		return false
	}
	net, rest := word(rest)
	addr, _, isNet := strings.Cut(net, "/")
	question, _, _ := cutLast(strings.TrimPrefix(rest, "for "), " (")
	if !isNet || canonical(addr) == "" || rest != "" && !strings.HasPrefix(rest, "for ") {
		return false
	}
	l.is(action, "network", "protocol", kind)
	l.put("bind.network", net)
	l.put("network.protocol", "dns")
	name, question := word(question)
	class, question := word(question)
	l.question(name, class, strings.TrimSpace(question))
	return true
}

// bindValidating reads "NAME/TYPE: no valid signature found"; before 9.11 "@0x…: NAME TYPE: …".
func bindValidating(l *line, s string) bool {
	if strings.HasPrefix(s, "@") {
		_, s, _ = strings.Cut(s, ": ")
	}
	what, reason, ok := strings.Cut(s, ": ")
	name, kind, found := cutLast(what, "/")
	if !found {
		name, kind, found = cutLast(what, " ")
	}
	if !ok || !found || strings.IndexByte(name, ' ') >= 0 {
		return false
	}
	if strings.Contains(reason, "no valid signature") || strings.Contains(reason, "bad ") || strings.Contains(reason, "failed") ||
		strings.Contains(reason, "expired") || strings.Contains(reason, "broken") || strings.Contains(reason, "got insecure") {
		l.is("dns-validation-failed", "network", "protocol", "error")
	} else {
		l.is("dns-validation", "network", "protocol", "info")
	}
	l.put("network.protocol", "dns")
	l.question(name, "", kind)
	l.put("event.reason", reason)
	return true
}

// bindLame reads "NAME' (in 'ZONE'?): 192.0.2.1#53".
func bindLame(l *line, s string) bool {
	name, rest, ok := strings.Cut(s, "' (in '")
	_, server, found := cutLast(rest, "?): ")
	if !ok || !found {
		return false
	}
	l.is("dns-resolve-failed", "network", "protocol", "error")
	l.question(name, "", "")
	l.put("event.reason", "lame server")
	l.server(server)
	return true
}

// server writes "192.0.2.1#53".
func (l *line) server(s string) {
	addr, port, _ := strings.Cut(s, "#")
	l.put("network.protocol", "dns")
	if ip := canonical(addr); ip != "" {
		l.put("destination.ip", ip)
		l.also("related.ip", ip)
		l.port("destination.port", port)
	}
}

// bindResolving reads "REASON resolving 'NAME/TYPE/CLASS': 192.0.2.1#53".
func bindResolving(l *line, s string) bool {
	reason, rest, ok := strings.Cut(s, " resolving '")
	object, server, found := cutLast(rest, "': ")
	name, kind, class, whole := cutQuestion(object)
	addr, _, _ := strings.Cut(server, "#")
	if !ok || !found || !whole || canonical(addr) == "" {
		return false
	}
	action := "dns-resolve-failed"
	switch reason {
	case "broken trust chain", "no valid RRSIG", "no valid signature found", "no valid DS", "no valid KEY", "got insecure response",
		"insecurity proof failed", "bogus validating":
		action = "dns-validation-failed"
	}
	l.is(action, "network", "protocol", "error")
	l.question(name, class, kind)
	l.put("event.reason", reason)
	l.server(server)
	return true
}

// bindFormat reads "192.0.2.1#53 resolving NAME/TYPE for client A#P: REASON".
func bindFormat(l *line, s string) bool {
	server, s := word(s)
	what, ok := strings.CutPrefix(s, "resolving ")
	what, reason, found := strings.Cut(what, ": ")
	what, client, _ := strings.Cut(what, " for ")
	name, kind, whole := cutLast(what, "/")
	if !ok || !found || !whole {
		return false
	}
	l.is("dns-resolve-failed", "network", "protocol", "error")
	l.question(name, "", kind)
	l.put("event.reason", reason)
	l.server(server)
	addr, port, _ := strings.Cut(strings.TrimPrefix(client, "client "), "#")
	if canonical(addr) != "" {
		l.source(addr, port)
	}
	return true
}

// bindZone reads what is said of a zone: "NAME/CLASS[/VIEW]: text".
func bindZone(l *line, s string) bool {
	what, text, ok := strings.Cut(s, ": ")
	name, class, found := strings.Cut(what, "/")
	class, view, _ := strings.Cut(class, "/")
	if !ok || !found || strings.IndexByte(what, ' ') >= 0 {
		return false
	}
	types := "info"
	for _, bad := range []string{"refresh: ", "not loaded", "loading from", "expired", "failed", "failure"} {
		if strings.Contains(text, bad) && !strings.HasPrefix(text, "loaded") {
			types = "error"
		}
	}
	l.is("dns-zone-message", "network", "protocol", types)
	l.put("network.protocol", "dns")
	l.put("bind.zone", name)
	l.put("dns.question.class", class)
	l.put("bind.view", view)
	l.put("event.reason", text)
	return true
}
