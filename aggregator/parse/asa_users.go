package parse

import "strings"

// login reads numbers 113, 315, 605, 606 and 611.
func (s *asaScan) login() bool {
	switch s.id {
	case 113004, 113005, 113012, 113015, 113006, 113008, 113009, 113014, 113016, 113017:
		return s.aaa()
	case 113019:
		return s.disconnected()
	case 113039:
		return s.vpn()
	case 605004, 605005:
		return s.permitted()
	case 611101, 611102:
		return s.authenticated()
	case 611103:
		user, ok := strings.CutPrefix(s.body, "User logged out: Uname: ")
		if !ok || user == "" {
			return false
		}
		s.is("asa-logout", "authentication", "end")
		s.user(user)
		return true
	case 315011:
		return s.sshEnded()
	case 606001, 606002, 606003, 606004:
		return s.asdm()
	}
	return false
}

// aaa reads "AAA user authentication Rejected : reason = S : server = 10.0.0.9 : user = U : user IP = 192.0.2.1" and the
// same of the local database. A user's name is whoever's word, so it is what stands between.
func (s *asaScan) aaa() bool {
	said, rest, ok := strings.Cut(s.body, " : ")
	head, user, found := strings.Cut(" : "+rest, " : user = ")
	if !ok || !found {
		return false
	}
	user, ip, twice := cutASAUserIP(user)
	asked := strings.HasPrefix(said, "AAA user authentication ")
	s.is("asa-aaa", "authentication", "info")
	if asked && (s.id == 113004 || s.id == 113005 || s.id == 113012 || s.id == 113015) {
		s.event.Set("event.action", "asa-auth")
		s.event.Set("event.type", "start")
		s.outcome(strings.HasSuffix(said, "Successful"))
	}
	if twice {
		s.tag("ambiguous")
	}
	s.user(asaUser(user))
	_, reason, _ := strings.Cut(head, " : reason = ")
	reason, _, _ = strings.Cut(reason, " : ")
	s.put("event.reason", strings.TrimSpace(reason))
	_, server, _ := strings.Cut(head, " : server = ")
	server, _, _ = strings.Cut(strings.TrimSpace(server), " ")
	s.put("server.ip", canonical(server))
	s.also("related.ip", canonical(server))
	s.source(ip, "")
	return true
}

// cutASAUserIP cuts off the address that newer devices write behind the name. twice says that the name has one, too.
func cutASAUserIP(s string) (user, ip string, twice bool) {
	user, ip, ok := cutLast(s, " : user IP = ")
	if !ok || canonical(strings.TrimSpace(ip)) == "" {
		return strings.TrimSpace(s), "", false
	}
	return strings.TrimSpace(user), strings.TrimSpace(ip), strings.Contains(user, " : user IP = ")
}

// permitted reads `Login denied from 192.0.2.1/51923 to outside:198.51.100.1/https for user "U"`.
func (s *asaScan) permitted() bool {
	head, user, ok := strings.Cut(s.body, ` for user "`)
	user, quoted := strings.CutSuffix(strings.TrimRight(user, " "), `"`)
	_, ends, isFrom := strings.Cut(head, " from ")
	from, to, _, found := asaEnds(ends, "to ")
	if !ok || !quoted || !isFrom || !found {
		return false
	}
	types := "allowed"
	if s.id == 605004 {
		types = "denied"
	}
	s.is("asa-login", "authentication", "start", types)
	s.loginUser(user)
	s.flow(&from, &to)
	if !isNumber(to.port) {
		s.put("network.protocol", to.port)
	}
	return true
}

// loginUser says who it was. Devices hide a name that they do not know behind stars.
func (s *asaScan) loginUser(user string) {
	if strings.Trim(user, "*") != "" {
		s.user(asaUser(user))
	}
}

// authenticated reads "User authentication failed: IP address: 192.0.2.1, Uname: U".
func (s *asaScan) authenticated() bool {
	said, rest, ok := strings.Cut(s.body, ": ")
	rest = strings.TrimPrefix(rest, "IP = ")
	rest = strings.TrimPrefix(rest, "IP address: ")
	addr, user, found := strings.Cut(rest, ", Uname: ")
	if !ok || !found {
		if user, found = strings.CutPrefix(rest, "Uname: "); !found { // older ones name no address
			return false
		}
		addr = ""
	}
	types := "allowed"
	if strings.HasSuffix(said, "failed") {
		types = "denied"
	}
	s.is("asa-user-authentication", "authentication", "start", types)
	s.loginUser(user)
	if canonical(addr) != "" {
		s.source(addr, "")
	}
	return true
}

// sshEnded reads `SSH session from 192.0.2.1 on interface outside for user "U" disconnected by SSH server, reason: "R"`.
func (s *asaScan) sshEnded() bool {
	head, rest, ok := strings.Cut(s.body, ` for user "`)
	user, reason, found := cutLast(rest, `" disconnected by SSH server, reason: `)
	if !ok || !found {
		return false
	}
	s.is("asa-ssh-session-end", "session", "end")
	s.loginUser(user)
	_, addr, _ := strings.Cut(head, " from ")
	addr, rest = word(addr)
	s.source(addr, "")
	if iface, ok := strings.CutPrefix(rest, "on interface "); ok {
		s.put("observer.ingress.interface.name", iface)
	}
	s.put("event.reason", strings.Trim(reason, `" `))
	return true
}

// asdm reads "ASDM session number 0 from 192.0.2.1 started".
func (s *asaScan) asdm() bool {
	_, rest, ok := strings.Cut(s.body, " from ")
	addr, rest := word(rest)
	if !ok || !strings.HasPrefix(s.body, "ASDM ") || canonical(addr) == "" {
		return false
	}
	if strings.HasPrefix(rest, "ended") {
		s.is("asa-asdm-session-end", "session", "end")
	} else {
		s.is("asa-asdm-session-start", "session", "start")
	}
	s.source(addr, "")
	return true
}

// disconnected reads "Group = G, Username = U, IP = 192.0.2.1, Session disconnected. Session Type: SSL, Duration: 0h:32m:16s,
// Bytes xmt: 1, Bytes rcv: 2, Reason: User Requested".
func (s *asaScan) disconnected() bool {
	head, rest, ok := cutLast(s.body, ", Session disconnected. ")
	if !ok || !s.group(head) {
		return false
	}
	s.is("asa-vpn-session-end", "session", "end")
	s.body = ", " + rest
	s.put("cisco.asa.session_type", s.after(", Session Type: ", ","))
	s.put("event.duration", asaDuration(s.after(", Duration: ", ",")))
	s.number("destination.bytes", s.after(", Bytes xmt: ", ","))
	s.number("source.bytes", s.after(", Bytes rcv: ", ","))
	s.put("event.reason", s.after(", Reason: "))
	return true
}

// group reads "Group = G, Username = U, IP = 192.0.2.1", as far as it is there.
func (s *asaScan) group(head string) bool {
	head, addr, ok := cutLast(head, "IP = ")
	if !ok {
		return false
	}
	addr, _ = word(strings.TrimRight(addr, ","))
	if canonical(addr) == "" {
		return false
	}
	head = strings.TrimRight(head, ", ")
	group, user, _ := strings.Cut(strings.TrimPrefix(head, "Group = "), ", Username = ")
	s.put("cisco.asa.tunnel_group", group)
	if canonical(user) == "" {
		s.loginUser(user)
	}
	s.source(addr, "")
	return true
}

// vpn reads numbers 713, 716, 722, 734 and 113039.
func (s *asaScan) vpn() bool {
	switch s.id / 1000 {
	case 713:
		return s.ike()
	case 734:
		return s.accessPolicy()
	}
	rest, ok := strings.CutPrefix(s.body, "Group ")
	group, rest, hasUser := strings.Cut(rest, " User ")
	user, addr, said, other := s.cutUserIP(rest)
	if !ok || !hasUser || addr == "" {
		return false
	}
	if other != "" {
		s.tag("ambiguous")
		s.also("related.ip", canonical(other))
	}
	s.session(said)
	s.put("cisco.asa.tunnel_group", strings.Trim(group, "<>"))
	s.loginUser(strings.Trim(user, "<>"))
	s.source(addr, "")
	if ip := canonical(strings.Trim(s.after(" IPv4 Address ", " "), "<>")); ip != "" {
		s.put("source.nat.ip", ip)
		s.also("related.ip", ip)
	}
	return true
}

// cutUserIP reads "<U> IP <192.0.2.1> said". The name of who was refused may look like the rest; behind the address of
// who came in may be what his client says it is. other is the address in the second reading.
func (s *asaScan) cutUserIP(text string) (user, addr, said, other string) {
	for from := 0; ; {
		at := strings.Index(text[from:], " IP ")
		if at < 0 {
			return user, addr, said, other
		}
		from += at + len(" IP ")
		next, after := word(text[from:])
		next = strings.Trim(next, "<>")
		switch {
		case canonical(next) == "":
		case addr == "" || s.id == 716039:
			other = addr
			user, addr, said = text[:from-len(" IP ")], next, after
		default:
			other = next
		}
	}
}

// session says what became of a session.
func (s *asaScan) session(said string) {
	switch {
	case strings.Contains(said, "session started"):
		s.is("asa-vpn-session-start", "session", "start")
	case strings.Contains(said, "session terminated"):
		s.is("asa-vpn-session-end", "session", "end")
	case strings.Contains(said, "assigned to session"):
		s.is("asa-vpn-address", "session", "info")
	case strings.HasPrefix(said, "Authentication: successful"):
		s.is("asa-vpn-login", "authentication", "start", "allowed")
	case strings.HasPrefix(said, "Authentication: rejected"):
		s.is("asa-vpn-login", "authentication", "start", "denied")
	default:
		s.is("asa-vpn", "session", "info")
	}
	if _, reason, ok := strings.Cut(said, "terminated: "); ok {
		s.put("event.reason", strings.TrimSuffix(reason, "."))
	}
}

// ike reads "Group = G, Username = U, IP = 192.0.2.1, text".
func (s *asaScan) ike() bool {
	at := strings.Index(s.body, "IP = ")
	if at < 0 {
		return false
	}
	end := strings.IndexByte(s.body[at:], ',')
	if end < 0 {
		return false
	}
	text := strings.TrimSpace(s.body[at+end+1:])
	s.is("asa-ike", "network", "connection", "info")
	if !s.group(s.body[:at+end]) {
		s.event.Delete("event.action")
		s.event.Delete("event.category")
		s.event.Delete("event.type")
		return false
	}
	s.put("event.reason", text)
	return true
}

// accessPolicy reads "DAP: User U, Addr 192.0.2.1, Connection AnyConnect: The following DAP records were selected for this
// connection: R".
func (s *asaScan) accessPolicy() bool {
	rest, ok := strings.CutPrefix(s.body, "DAP: User ")
	user, rest, found := strings.Cut(rest, ", Addr ")
	addr, rest, more := strings.Cut(rest, ", Connection ")
	if !ok || !found || !more || canonical(addr) == "" {
		return false
	}
	s.is("asa-vpn-policy", "session", "info")
	s.loginUser(user)
	s.source(addr, "")
	kind, rest, _ := strings.Cut(rest, ": ")
	s.put("cisco.asa.session_type", kind)
	if _, records, ok := strings.Cut(rest, "for this connection: "); ok {
		s.put("rule.name", records)
	}
	return true
}

// association reads "IPSEC: An inbound LAN-to-LAN SA (SPI= 0x1) between 192.0.2.1 and 198.51.100.1 (user= U) has been created."
func (s *asaScan) association() bool {
	head, rest, ok := strings.Cut(s.body, " between ")
	first, rest := word(rest)
	second, rest := word(strings.TrimPrefix(rest, "and "))
	user, said, found := strings.Cut(strings.TrimPrefix(rest, "(user= "), ") has been ")
	if !ok || !found || canonical(first) == "" || canonical(second) == "" {
		return false
	}
	if strings.HasPrefix(said, "created") {
		s.is("asa-ipsec-created", "network", "connection", "start")
	} else {
		s.is("asa-ipsec-deleted", "network", "connection", "end")
	}
	s.loginUser(strings.TrimSpace(user))
	s.source(first, "")
	s.destination(second, "")
	direction, _ := asaDirection(head)
	s.put("network.direction", direction)
	return true
}

// admin reads numbers 111 and 502: what was done to the device.
func (s *asaScan) admin() bool {
	if s.id/1000 == 502 {
		return s.localUser()
	}
	rest, ok := strings.CutPrefix(s.body, "User '")
	if !ok {
		return false
	}
	var user, command, addr string
	switch s.id {
	case 111008: // User 'U' executed the 'C' command.
		user, command, ok = strings.Cut(rest, "' executed the '")
		command, _, _ = cutLast(command, "' command")
	case 111009: // User 'U' executed cmd: C
		user, command, ok = strings.Cut(rest, "' executed cmd: ")
	case 111010: // User 'U', running 'CLI' from IP 192.0.2.1, executed 'C'
		var by string
		user, by, ok = strings.Cut(rest, "', running '")
		by, command, _ = strings.Cut(by, ", executed '")
		_, addr, _ = strings.Cut(by, "' from IP ")
		command = strings.TrimSuffix(command, "'")
	default:
		return false
	}
	if !ok || user == "" || command == "" {
		return false
	}
	s.is("asa-command", "configuration", "info")
	if s.id == 111010 {
		s.event.Set("event.type", "change")
	}
	s.user(user)
	s.put("process.command_line", command)
	if canonical(addr) != "" {
		s.source(addr, "")
	}
	return true
}

// localUser reads "New user added to local dbase: Uname: U Priv: 1 Encpass: x" and the like.
func (s *asaScan) localUser() bool {
	_, rest, ok := strings.Cut(s.body, ": Uname: ")
	user, _ := word(rest)
	if !ok || user == "" {
		return false
	}
	switch s.id {
	case 502101:
		s.is("asa-user-add", "iam", "user", "creation")
	case 502102:
		s.is("asa-user-delete", "iam", "user", "deletion")
	default:
		s.is("asa-user-change", "iam", "user", "change")
	}
	s.target(user)
	return true
}
