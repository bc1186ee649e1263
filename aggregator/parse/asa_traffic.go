package parse

import "strings"

// packet reads what was denied, and what was let through where a rule says so: numbers 106, 313, 338, 402, 500, 607, 710.
func (s *asaScan) packet() bool {
	if s.id == 106100 {
		return s.accessList()
	}
	verdict, ok := asaVerdict(s.body)
	if !ok && s.id != 710001 && s.id != 607001 && s.id/1000 != 402 && s.id != 500003 && s.id != 313005 {
		return false
	}
	from, to, _, ok := s.cutFlow()
	if !ok {
		return false
	}
	action := "asa-packet"
	if verdict != "" {
		action = "asa-packet-" + verdict
		s.is(action, "network", "connection", verdict)
	} else {
		s.is(action, "network", "connection")
	}
	s.flow(&from, &to)
	s.protocolOf()
	s.icmp()
	if name := s.after(`by access-group "`, `"`); name != "" {
		s.put("rule.name", name)
	}
	if iface := s.after(" on interface ", " to ", ",", " "); iface != "" && from.iface == "" {
		s.put("observer.ingress.interface.name", iface)
	}
	s.put("cisco.asa.tcp_flags", s.after(" flags ", " on interface", ":"))
	s.put("event.reason", s.after(" due to "))
	s.put("threat.indicator.name", s.after(" list: ", ",", " "))
	return true
}

// asaVerdict returns what a message says of a packet, by its first words.
func asaVerdict(s string) (verdict string, ok bool) {
	switch {
	case strings.HasPrefix(s, "Deny "), strings.HasPrefix(s, "Denied "), strings.Contains(s, "connection denied from "),
		strings.Contains(s, " access denied "), strings.Contains(s, " request discarded from "), strings.HasPrefix(s, "Dropped "),
		strings.HasPrefix(s, "Dynamic Filter dropped"), strings.Contains(s, " connection limit exceeded from "):
		return "denied", true
	case strings.Contains(s, " access permitted from "), strings.HasPrefix(s, "Dynamic Filter permitted"),
		strings.HasPrefix(s, "Dynamic Filter monitored"):
		return "allowed", true
	}
	return "", false
}

// cutFlow finds both ends: "src X dst Y", "from X to Y", "for X to Y". One is enough where a message has only that.
func (s *asaScan) cutFlow() (from, to asaEnd, rest string, ok bool) {
	for _, k := range [...]struct{ first, second string }{{" src ", "dst "}, {" from laddr ", ""}, {" from ", "to "}, {" for ", "to "}} {
		_, after, found := strings.Cut(s.body, k.first)
		if !found {
			continue
		}
		if strings.HasPrefix(after, "(") { // "from (192.0.2.1) to 192.0.2.2"
			in, more, _ := strings.Cut(after[1:], ")")
			from.addr = in
			if more, ok := strings.CutPrefix(more, " to "); ok {
				to, rest = cutASAEnd(more)
			}
			return from, to, rest, canonical(in) != ""
		}
		if k.second != "" {
			if from, to, rest, ok = asaEnds(after, k.second); ok && (canonical(from.addr) != "" || canonical(to.addr) != "") {
				return from, to, rest, true
			}
		}
		from, rest = cutASAEnd(after)
		_, more, towards := strings.Cut(rest, " to ")
		if to = (asaEnd{}); towards {
			to, _ = cutASAEnd(more)
		}
		if canonical(to.addr) == "" {
			to = asaEnd{}
		}
		if canonical(from.addr) != "" {
			return from, to, rest, true
		}
	}
	return from, to, "", false
}

// protocolOf finds the protocol: the first word that is one.
func (s *asaScan) protocolOf() {
	for w, rest := word(s.body); w != ""; w, rest = word(rest) {
		if p := transportOf(strings.TrimRight(w, ",:")); p != nil && p.number != strings.TrimRight(w, ",:") {
			s.transport(p.number)
			return
		}
		if rest == "" {
			return
		}
	}
}

// icmp writes "(type 8, code 0)", "type=3, code=3" and "type 3 code 1".
func (s *asaScan) icmp() {
	for _, k := range [...]string{"type ", "type="} {
		_, rest, ok := strings.Cut(s.body, k)
		kind, rest := digits(rest)
		if !ok || kind == "" {
			continue
		}
		s.number("cisco.asa.icmp_type", kind)
		rest = strings.TrimLeft(rest, ", ")
		if rest, ok = strings.CutPrefix(rest, "code"); ok && rest != "" {
			code, _ := digits(rest[1:])
			s.number("cisco.asa.icmp_code", code)
		}
		return
	}
}

// accessList reads "access-list NAME permitted tcp inside/10.0.0.1(2241) -> outside/192.0.2.1(80) hit-cnt 1 first hit […]".
func (s *asaScan) accessList() bool {
	rest, ok := strings.CutPrefix(s.body, "access-list ")
	name, rest := word(rest)
	verdict, rest := word(rest)
	types := map[string]string{"permitted": "allowed", "denied": "denied", "est-allowed": "allowed"}[verdict]
	proto, rest := word(rest)
	left, right, arrow := strings.Cut(rest, " -> ")
	from, okFrom := asaListEnd(left)
	to, okTo := asaListEnd(right)
	if !ok || types == "" || !arrow || !okFrom || !okTo {
		return false
	}
	s.is("asa-access-list", "network", "connection", types)
	s.put("rule.name", name)
	s.transport(proto)
	s.flow(&from, &to)
	if _, count, ok := strings.Cut(right, " hit-cnt "); ok {
		count, _ = digits(count)
		s.number("cisco.asa.hit_count", count)
	}
	return true
}

// asaListEnd reads "inside/10.0.0.1(2241)" and what follows, with "(LOCAL\user)" or without.
func asaListEnd(s string) (e asaEnd, ok bool) {
	var rest string
	e.iface, rest, ok = strings.Cut(s, "/")
	addr, rest, open := strings.Cut(rest, "(")
	port, rest, end := strings.Cut(rest, ")")
	if !ok || !open || !end || addr == "" {
		return e, false
	}
	e.addr, e.port = addr, port
	if strings.HasPrefix(rest, "(") {
		user, _, _ := strings.Cut(rest[1:], ")")
		e.user = asaUser(user)
	}
	return e, true
}

// connection reads numbers 302, 305 and 609.
func (s *asaScan) connection(p *Parser) bool {
	built, ok := strings.CutPrefix(s.body, "Built ")
	ended, ends := strings.CutPrefix(s.body, "Teardown ")
	if !ok && !ends {
		return false
	}
	rest := built
	if ends {
		rest = ended
	}
	switch {
	case s.id/1000 == 609:
		return s.localHost(rest, ends)
	case s.id/1000 == 305 || s.id == 302012:
		return s.translation(rest, ends)
	case s.id == 302020 || s.id == 302021:
		return s.icmpConnection(rest, ends)
	}
	kind, rest, ok := strings.Cut(rest, " connection ")
	num, after := word(rest)
	if num == "for" { // a stub of a cluster has no number
		num, after = "", rest
	}
	rest, found := strings.CutPrefix(after, "for ")
	if !ok || !found || num != "" && !isNumber(num) {
		return false
	}
	from, to, rest, ok := asaEnds(rest, "to ")
	if !ok {
		return false
	}
	direction, proto := asaDirection(kind)
	direction = p.asa.direction(s.line, num, direction)
	if direction == "outbound" {
		from, to = to, from
	}
	if ends {
		s.is("asa-connection-teardown", "network", "connection", "end")
		s.ended(rest)
	} else {
		s.is("asa-connection-built", "network", "connection", "start", "allowed")
		s.put("user.name", asaTrailingUser(rest))
		s.also("related.user", asaTrailingUser(rest))
	}
	s.put("network.direction", direction)
	s.put("cisco.asa.connection_id", num)
	s.transport(proto)
	s.flow(&from, &to)
	return true
}

// asaDirection splits "inbound TCP", "outbound UDP", "TCP", "director stub TCP", "TCP state-bypass".
func asaDirection(kind string) (direction, proto string) {
	for w, rest := word(kind); w != ""; w, rest = word(rest) {
		switch {
		case w == "inbound" || w == "outbound":
			direction = w
		case transportOf(w) != nil:
			proto = w
		}
		if rest == "" {
			break
		}
	}
	return direction, proto
}

// ended reads "duration 0:00:53 bytes 2436 TCP FINs from inside (user)".
func (s *asaScan) ended(rest string) {
	user := asaTrailingUser(rest)
	if user != "" {
		s.put("user.name", user)
		s.also("related.user", user)
		rest, _, _ = cutLast(rest, " (")
	}
	_, rest, ok := strings.Cut(rest, "duration ")
	if !ok {
		return
	}
	duration, rest := word(rest)
	s.put("event.duration", asaDuration(duration))
	rest = strings.TrimPrefix(rest, "forwarded ")
	if rest, ok = strings.CutPrefix(rest, "bytes "); ok {
		bytes, reason := word(rest)
		s.number("network.bytes", bytes)
		s.put("event.reason", strings.TrimSpace(reason))
	}
}

// asaTrailingUser returns the name in "(user)" at the end.
func asaTrailingUser(s string) string {
	s = strings.TrimRight(s, " ")
	if !strings.HasSuffix(s, ")") {
		return ""
	}
	_, in, ok := cutLast(s[:len(s)-1], " (")
	if !ok {
		return ""
	}
	return asaUser(in)
}

// translation reads "dynamic TCP translation from inside:10.0.0.1/57006 to outside:192.0.2.1/57006 duration 0:00:30".
func (s *asaScan) translation(rest string, ends bool) bool {
	kind, rest, ok := strings.Cut(rest, " translation from ")
	from, to, rest, found := asaEnds(rest, "to ")
	if !ok || !found {
		return false
	}
	if ends {
		s.is("asa-translation-teardown", "network", "connection", "end")
		s.ended(rest)
	} else {
		s.is("asa-translation-built", "network", "connection", "start")
	}
	_, proto := asaDirection(kind)
	s.transport(proto)
	s.put("observer.egress.interface.name", to.iface)
	from.natAddr, from.natPort = to.addr, to.port
	s.flow(&from, &asaEnd{})
	return true
}

// icmpConnection reads "inbound ICMP connection for faddr 192.0.2.1/0 gaddr 198.51.100.1/0 laddr 10.0.0.2/0 type 3 code 1".
// faddr is far, laddr is here, gaddr is what laddr is called there.
func (s *asaScan) icmpConnection(rest string, ends bool) bool {
	kind, rest, ok := strings.Cut(rest, " connection for faddr ")
	far, rest := cutASAEnd(rest)
	rest, isG := strings.CutPrefix(strings.TrimLeft(rest, " "), "gaddr ")
	global, rest := cutASAEnd(rest)
	rest, isL := strings.CutPrefix(strings.TrimLeft(rest, " "), "laddr ")
	here, rest := cutASAEnd(rest)
	if !ok || !isG || !isL || far.addr == "" || here.addr == "" {
		return false
	}
	here.natAddr = global.addr
	far.port, here.port, here.natPort = "", "", "" // they are the identification, not ports
	direction, proto := asaDirection(kind)
	if ends {
		s.is("asa-connection-teardown", "network", "connection", "end")
	} else {
		s.is("asa-connection-built", "network", "connection", "start", "allowed")
	}
	s.put("network.direction", direction)
	s.transport(proto)
	s.body = rest
	s.icmp()
	if direction == "outbound" {
		s.flow(&here, &far)
	} else {
		s.flow(&far, &here)
	}
	return true
}

// localHost reads "local-host inside:10.0.0.2 duration 0:00:00".
func (s *asaScan) localHost(rest string, ends bool) bool {
	rest, ok := strings.CutPrefix(rest, "local-host ")
	host, rest := cutASAEnd(rest)
	if !ok || host.addr == "" {
		return false
	}
	if ends {
		s.is("asa-local-host-teardown", "network", "connection", "end")
		s.ended(rest)
	} else {
		s.is("asa-local-host-built", "network", "connection", "start")
	}
	s.flow(&host, &asaEnd{})
	return true
}
