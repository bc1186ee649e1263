package parse

import "strings"

// scanBind reads what named of BIND 9 writes, by syslog or in files of its own:
//
//	client @0x7f… 192.0.2.7#51234/key NAME (www.example.org): view NAME: query: www.example.org IN A +E(0)K (192.0.2.1)
//	queries: info: client …                                             (print-category, print-severity)
//
// Names are written as in a zone file (dns_name_format): blanks and quotes are escaped, an apostrophe is not.
func scanBind(_ *Parser, l *line) bool {
	if !bindSays(l, cutCategory(l.text)) {
		return false
	}
	if l.program != "" { // in a file of its own it may be the category
		l.event.Set("process.name", "named")
	}
	return true
}

func bindSays(l *line, text string) bool {
	if rest, ok := strings.CutPrefix(text, "client "); ok {
		return bindClient(l, rest)
	}
	for _, f := range bindForms {
		if rest, ok := strings.CutPrefix(text, f.prefix); ok && f.scan(l, rest) {
			return true
		}
	}
	return bindResolving(l, text)
}

var bindForms = []struct {
	prefix string
	scan   func(l *line, rest string) bool
}{
	{"transfer of '", bindTransfer},
	{"validating ", bindValidating},
	{"lame server resolving '", bindLame},
	{"limit ", bindLimit},
	{"would limit ", bindLimit},
	{"stop limiting ", bindLimitEnd},
	{"*stop limiting ", bindLimitEnd},
	{"DNS format error from ", bindFormat},
	{"zone ", bindZone},
}

// bindFile reads a line of a file whose times are local: "23-Nov-2026 18:00:49.123 queries: info: client …".
func bindFile(h *header, s string) bool {
	var st stamp
	var rest string
	var ok bool
	if st.day, rest, ok = fixed(s, 2); !ok || len(rest) < len("-Nov-2026 18:00:49.123 x") || rest[0] != '-' || rest[4] != '-' {
		return false
	}
	st.month = monthOf(rest[1:4])
	if st.year, rest, ok = fixed(rest[5:], 4); !ok || rest[0] != ' ' {
		return false
	}
	if rest, ok = st.scanClock(rest[1:]); !ok || !strings.HasPrefix(rest, " ") || !st.valid() {
		return false
	}
	h.stamp, h.text, h.format = st, rest[1:], "bind"
	return true
}

// cutCategory cuts "CATEGORY: " and "SEVERITY: " off.
func cutCategory(s string) string {
	if name, rest, ok := strings.Cut(s, ": "); ok && isCategory(name) {
		s = rest
	}
	return cutSeverity(s)
}

// isCategory reports whether s is one of named's (bin/named/log.c, lib/dns/log.c) of which a line is understood.
func isCategory(s string) bool {
	switch s {
	case "queries", "query-errors", "security", "lame-servers", "dnssec", "xfer-in", "xfer-out", "update", "update-security",
		"rate-limit", "resolver", "client", "general", "default", "notify":
		return true
	}
	return false
}

func cutSeverity(s string) string {
	name, rest, ok := strings.Cut(s, ": ")
	switch {
	case !ok:
	case name == "info", name == "notice", name == "warning", name == "error", name == "critical",
		strings.HasPrefix(name, "debug ") && isNumber(name[len("debug "):]):
		return rest
	}
	return s
}

// dnsClient is who asked, and by which view.
type dnsClient struct {
	addr, port, key, view string
}

// cut reads "[@0x7f… ]192.0.2.7#51234[/key NAME][ (QNAME)]: [view NAME: ]".
func (c *dnsClient) cut(s string) (rest string, ok bool) {
	if strings.HasPrefix(s, "@") {
		_, s = word(s)
	}
	end := strings.IndexByte(s, '#')
	if end < 0 || canonical(s[:end]) == "" {
		return s, false
	}
	c.addr = s[:end]
	c.port, s = digits(s[end+1:])
	if after, found := strings.CutPrefix(s, "/key "); found {
		end := strings.IndexAny(after, " :")
		if end < 0 {
			return s, false
		}
		c.key, s = after[:end], after[end:]
	}
	if strings.HasPrefix(s, " (") {
		end := strings.Index(s, "): ")
		if end < 0 {
			return s, false
		}
		s = s[end+1:]
	}
	if s, ok = strings.CutPrefix(s, ": "); !ok || c.port == "" {
		return s, false
	}
	if after, found := strings.CutPrefix(s, "view "); found {
		if c.view, s, ok = strings.Cut(after, ": "); !ok {
			return s, false
		}
	}
	return s, true
}

func (c *dnsClient) write(l *line) {
	l.source(c.addr, c.port)
	l.event.Default("network.protocol", "dns")
	l.put("bind.key", c.key)
	l.put("bind.view", c.view)
}

// bindClient reads what is said of a client.
func bindClient(l *line, s string) bool {
	var c dnsClient
	rest, ok := c.cut(s)
	if !ok {
		return false
	}
	for _, f := range bindClientForms {
		if after, ok := strings.CutPrefix(rest, f.prefix); ok && f.scan(l, after) {
			c.write(l)
			return true
		}
	}
	if bindDenied(l, rest) {
		c.write(l)
		return true
	}
	return false
}

var bindClientForms = []struct {
	prefix string
	scan   func(l *line, rest string) bool
}{
	{"query: ", bindQuery},
	{"query failed (", bindFailed},
	{"transfer of '", bindTransfer},
	{"updating zone '", bindUpdate},
	{"request has invalid signature: ", bindSignature},
	{"rate limit ", bindLimit},
	{"would rate limit ", bindLimit},
	{"bad zone transfer request: '", bindBadTransfer},
}

// bindQuery reads "NAME CLASS TYPE FLAGS (SERVER)[ [ECS …]]".
func bindQuery(l *line, s string) bool {
	name, s := word(s)
	class, s := word(s)
	kind, s := word(s)
	flags, s := word(s)
	server, ok := strings.CutPrefix(s, "(")
	if ok {
		server, s, ok = strings.Cut(server, ")")
	}
	if name == "" || kind == "" || flags == "" || flags[0] != '+' && flags[0] != '-' {
		return false
	}
	l.is("dns-query", "network", "connection", "protocol")
	l.put("dns.type", "query")
	l.question(name, class, kind)
	l.writeFlags(flags)
	if ok {
		l.put("destination.ip", canonical(server))
	}
	if subnet, ok := between(s, " [ECS ", "]"); ok {
		l.put("bind.client_subnet", subnet)
	}
	return true
}

func (l *line) question(name, class, kind string) {
	l.put("dns.question.name", name)
	l.put("dns.question.class", class)
	l.put("dns.question.type", kind)
}

// writeFlags reads "+E(0)TKSDCV": recursion wanted or not, EDNS, TCP, a cookie, signed, DNSSEC wanted, not checked, a
// cookie that is right.
func (l *line) writeFlags(s string) {
	transport := "udp"
	var room [3]string
	flags := room[:0]
	if s[0] == '+' {
		flags = append(flags, "RD")
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case 'T':
			transport = "tcp"
		case 'D':
			flags = append(flags, "DO")
		case 'C':
			flags = append(flags, "CD")
		}
	}
	l.put("network.transport", transport)
	l.list("dns.header_flags", flags...)
	l.put("bind.flags", s)
}

// cutQuestion splits NAME/KIND/CLASS at the right: a name may hold slashes.
func cutQuestion(s string) (name, first, second string, ok bool) {
	before, second, ok := cutLast(s, "/")
	name, first, found := cutLast(before, "/")
	return name, first, second, ok && found && name != ""
}

// bindFailed reads "REASON) for NAME/CLASS/TYPE at query.c:5708".
func bindFailed(l *line, s string) bool {
	reason, s, ok := strings.Cut(s, ") for ")
	what, _ := word(s)
	name, class, kind, found := cutQuestion(what)
	if !ok || !found {
		return false
	}
	l.is("dns-query-failed", "network", "protocol", "error")
	l.question(name, class, kind)
	l.put("event.reason", reason)
	if isRcode(reason) {
		l.put("dns.response_code", reason)
	}
	return true
}

func isRcode(s string) bool {
	switch s {
	case "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE":
		return true
	}
	return false
}

// bindDenied reads what a client may not have: one request that was refused.
//
//	query 'NAME/TYPE/CLASS' denied
//	query (cache) 'NAME/TYPE/CLASS' denied (allow-query-cache did not match)
//	zone transfer 'NAME/AXFR/IN' denied
//	update 'ZONE/CLASS' denied
func bindDenied(l *line, s string) bool {
	what, rest, ok := strings.Cut(s, " '")
	object, after, found := cutLast(rest, "' denied")
	if !ok || !found || after != "" && !strings.HasPrefix(after, " (") {
		return false
	}
	switch what {
	case "query", "query (cache)", "zone transfer":
		name, kind, class, ok := cutQuestion(object)
		if !ok {
			return false
		}
		l.denied(what)
		l.question(name, class, kind)
	case "update", "update forwarding", "notify":
		zone, class, ok := cutLast(object, "/")
		if !ok {
			return false
		}
		l.denied(what)
		l.put("dns.question.name", zone)
		l.put("dns.question.class", class)
	default:
		return false
	}
	reason, ok := between(after, " (", ")")
	if ok {
		l.put("event.reason", reason)
	}
	return true
}

func (l *line) denied(what string) {
	action := "dns-query-denied"
	switch what {
	case "query (cache)":
		action = "dns-recursion-denied"
	case "zone transfer":
		action = "dns-transfer-denied"
	case "update", "update forwarding":
		action = "dns-update-denied"
	case "notify":
		action = "dns-notify-denied"
	}
	l.is(action, "network", "protocol", "denied")
	l.outcome(false)
}
