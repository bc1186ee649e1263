package parse

import "strings"

// other reads numbers 109, 303, 304, 308, 401 and 733.
func (s *asaScan) other() bool {
	switch s.id {
	case 303002: // FTP connection from inside:10.0.0.1/6 to outside:192.0.2.1/21, user U Stored file F
		from, to, rest, ok := s.cutFlow()
		rest, isUser := strings.CutPrefix(rest, ", user ")
		user, rest := word(rest)
		if !ok || !isUser {
			return false
		}
		s.is("asa-ftp", "network", "connection", "info")
		s.flow(&from, &to)
		s.user(user)
		_, file, _ := strings.Cut(rest, " file ")
		s.put("file.path", file)
		return true
	case 304001: // 10.0.0.1 Accessed URL 192.0.2.1:http://…
		return s.url()
	case 304002: // Access denied URL http://… SRC 10.0.0.1 DEST 192.0.2.1 on interface inside
		return s.urlDenied()
	case 308001: // console enable password incorrect for 3 tries (from 192.0.2.1)
		said, addr, ok := cutLast(s.body, " (from ")
		addr, closed := strings.CutSuffix(strings.TrimRight(addr, "."), ")")
		if !ok || !closed || canonical(addr) == "" {
			return false
		}
		s.is("asa-enable", "authentication", "start", "denied")
		s.outcome(false)
		s.put("event.reason", said)
		s.source(addr, "")
		return true
	case 401004: // Shunned packet: 192.0.2.1 ==> 10.0.0.1 on interface outside
		rest, ok := strings.CutPrefix(s.body, "Shunned packet: ")
		from, rest := word(rest)
		_, rest = word(rest)
		to, rest := word(rest)
		if !ok || canonical(from) == "" || canonical(to) == "" {
			return false
		}
		s.is("asa-packet-denied", "network", "connection", "denied")
		s.source(from, "")
		s.destination(to, "")
		s.put("observer.ingress.interface.name", strings.TrimPrefix(rest, "on interface "))
		return true
	case 109005, 109006:
		return s.passThrough()
	case 733100: // [object] drop rate-1 exceeded. …
		in, rest, ok := strings.Cut(strings.TrimSpace(s.body), "] ")
		if !ok || in == "" || in[0] != '[' {
			return false
		}
		s.is("asa-threat-rate", "intrusion_detection", "info")
		s.put("rule.name", strings.TrimSpace(in[1:]))
		s.put("event.reason", rest)
		return true
	}
	return false
}

// urlDenied reads "Access denied URL http://example.com/ SRC 10.0.0.1 DEST 192.0.2.1 on interface inside": the URL may look
// like the rest.
func (s *asaScan) urlDenied() bool {
	rest, ok := strings.CutPrefix(s.body, "Access denied URL ")
	url, rest, isFrom := cutLast(rest, " SRC ")
	from, rest, isTo := strings.Cut(rest, " DEST ")
	to, rest := word(rest)
	to = strings.TrimSuffix(to, ":")
	if !ok || !isFrom || !isTo || canonical(from) == "" || canonical(to) == "" {
		return false
	}
	s.is("asa-url-denied", "network", "connection", "denied")
	s.put("url.original", url)
	s.source(from, "")
	s.destination(to, "")
	if iface, ok := strings.CutPrefix(rest, "on interface "); ok {
		s.put("observer.ingress.interface.name", iface)
	}
	return true
}

// passThrough reads "Authentication failed for user 'U' from 10.0.0.1/1234 to 192.0.2.1/23 on interface inside": who wants
// through the device proves who he is (cut-through proxy). AAA tells the outcome.
func (s *asaScan) passThrough() bool {
	said, rest, ok := strings.Cut(s.body, " for user '")
	user, ends, found := cutLast(rest, "' from ")
	from, to, rest, both := asaEnds(ends, "to ")
	if !ok || !found || !both {
		return false
	}
	types := "allowed"
	if said != "Authentication succeeded" {
		types = "denied"
	}
	s.is("asa-pass-through", "authentication", "start", types)
	s.loginUser(user)
	s.flow(&from, &to)
	if iface, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), "on interface "); ok {
		s.put("observer.ingress.interface.name", iface)
	}
	return true
}

// url reads "user@10.0.0.1(LOCAL\U) Accessed JAVA URL 192.0.2.1:http://example.com/".
func (s *asaScan) url() bool {
	who, rest, ok := strings.Cut(s.body, " Accessed ")
	_, where, found := strings.Cut(rest, "URL ")
	if user, addr, at := cutLast(who, "@"); at {
		who = addr
		defer s.user(asaUser(user))
	}
	client, _ := cutASAEnd(who)
	if _, host, at := strings.Cut(where, "@"); at && !strings.Contains(strings.SplitN(where, "@", 2)[0], ":") {
		where = host
	}
	server, address, colon := strings.Cut(where, ":")
	if !ok || !found || !colon || canonical(client.addr) == "" {
		return false
	}
	s.is("asa-url", "web", "access")
	s.source(client.addr, "")
	if canonical(server) != "" {
		s.destination(server, "")
	}
	s.put("url.original", address)
	return true
}
