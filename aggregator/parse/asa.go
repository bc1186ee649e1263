package parse

import (
	"strconv"
	"strings"
)

// scanASA reads what firewalls of Cisco say (ASA, FTD, PIX, FWSM), by the numbers of Cisco's "ASA Series Syslog Messages":
// connections and translations, packets that were denied, logins and users, sessions of VPN, commands. A message with
// another number has its header, event.code, and no more.
//
//	%ASA-6-302013: Built inbound TCP connection 8 for outside:192.0.2.1/4711 (192.0.2.1/4711) to inside:10.0.0.2/22 (…)
//	%ASA-4-106023: Deny tcp src outside:192.0.2.1/4711 dst inside:10.0.0.2/22 by access-group "acl_out" [0x0, 0x0]
//
// "Built outbound" names the far end first: the source is then the second. A teardown does not tell the direction; where
// its connection was seen built it is known, else both ends are as they are written, without network.direction.
//
// An attempt to get in is asa-auth, with an outcome: what AAA said of it (113004, 113005, 113012, 113015), for people at
// VPN and at the device itself. The device tells the same once or twice more (109005, 109006, 605004, 605005, 611101, 611102,
// 716038, 716039): those have their action and no outcome. So have packets and connections; event.type says denied or allowed.
func scanASA(p *Parser, l *line) bool {
	code, body, ok := strings.Cut(l.text, " ")
	code = strings.TrimSuffix(code, ":")
	if !ok || len(code) < len("106001") {
		return false
	}
	id, isID := number(code[len(code)-len("106001"):])
	if !isID {
		return false
	}
	s := asaScan{line: l, id: id, body: strings.TrimLeft(body, ": ")}
	switch id / 1000 {
	case 106, 313, 338, 500, 710, 402, 607:
		return s.packet()
	case 302, 305, 609:
		return s.connection(p)
	case 113, 605, 606, 611, 315:
		return s.login()
	case 716, 722, 713, 734:
		return s.vpn()
	case 602:
		return s.association()
	case 502, 111:
		return s.admin()
	case 304, 733, 303, 308, 401, 109:
		return s.other()
	}
	return false
}

// isASA reports whether a code is of a message that scanASA may know.
func isASA(code string) bool {
	return strings.HasPrefix(code, "ASA-") || strings.HasPrefix(code, "FTD-") || strings.HasPrefix(code, "PIX-") ||
		strings.HasPrefix(code, "FWSM-")
}

// asaScan is one message while it is read.
type asaScan struct {
	*line
	id   int
	body string // behind the code
}

// asaEnd is one end of a connection.
type asaEnd struct {
	iface, addr, port string
	natAddr, natPort  string
	user              string
}

// identity is the one interface whose name has blanks: the device itself.
const identity = "NP Identity Ifc:"

// cutASAEnd cuts off an end that others follow.
func cutASAEnd(s string) (e asaEnd, rest string) { return cutASAEndOf(s, false) }

// cutASAEndOf cuts off "outside:192.0.2.1/22 (198.51.100.1/22)(LOCAL\user)" and the like: interface, port, translation, user
// are there or not. Behind the last one, a name that is set off is of the whole connection.
func cutASAEndOf(s string, last bool) (e asaEnd, rest string) {
	s = strings.TrimLeft(s, " ")
	if after, ok := strings.CutPrefix(s, identity); ok {
		e.iface, s = identity[:len(identity)-1], after
	}
	end := strings.IndexAny(s, " (,")
	if end < 0 {
		end = len(s)
	}
	where, rest := strings.TrimRight(s[:end], ".:"), s[end:]
	if i, addr, ok := strings.Cut(where, ":"); ok && e.iface == "" && canonical(hostOf(where)) == "" {
		e.iface, where = i, addr
	}
	e.addr, e.port = asaAddress(where)
	for {
		group := strings.TrimLeft(rest, " ")
		if group == "" || group[0] != '(' || strings.HasPrefix(group, "(type") || strings.HasPrefix(group, "(no ") {
			return e, rest
		}
		in, after, ok := strings.Cut(group[1:], ")")
		if !ok {
			return e, rest
		}
		addr, port := asaAddress(in)
		isAddr := canonical(addr) != ""
		if last && !isAddr && rest[0] == ' ' {
			return e, rest
		}
		rest = after
		if isAddr {
			e.natAddr, e.natPort = addr, port
		} else if e.user == "" {
			e.user = asaUser(in)
		}
	}
}

func hostOf(s string) string {
	host, _, _ := cutLast(s, "/")
	return host
}

// asaAddress splits "192.0.2.1/22".
func asaAddress(s string) (addr, port string) {
	addr, port, ok := cutLast(s, "/")
	if !ok {
		return s, ""
	}
	return addr, port
}

// asaUser cuts off the name of a domain: "LOCAL\user".
func asaUser(s string) string {
	if _, name, ok := cutLast(s, `\`); ok {
		return name
	}
	return s
}

// asaEnds reads two ends, with to between them.
func asaEnds(s, to string) (from, dest asaEnd, rest string, ok bool) {
	from, rest = cutASAEnd(s)
	rest = strings.TrimLeft(rest, " ")
	if !strings.HasPrefix(rest, to) { // "192.0.2.1/53 user1 to …"
		user, after := word(rest)
		if from.user == "" {
			from.user = asaUser(user)
		}
		rest = strings.TrimLeft(after, " ")
	}
	rest, ok = strings.CutPrefix(rest, to)
	if !ok || from.addr == "" {
		return from, dest, rest, false
	}
	dest, rest = cutASAEndOf(rest, true)
	return from, dest, rest, dest.addr != ""
}

// flow writes both ends: from is where it began.
func (s *asaScan) flow(from, to *asaEnd) {
	s.source(from.addr, from.port)
	s.destination(to.addr, to.port)
	s.put("observer.ingress.interface.name", from.iface)
	s.put("observer.egress.interface.name", to.iface)
	if ip := canonical(from.natAddr); ip != "" && (from.natAddr != from.addr || from.natPort != from.port) {
		s.put("source.nat.ip", ip)
		s.port("source.nat.port", from.natPort)
		s.also("related.ip", ip)
	}
	if ip := canonical(to.natAddr); ip != "" && (to.natAddr != to.addr || to.natPort != to.port) {
		s.put("destination.nat.ip", ip)
		s.port("destination.nat.port", to.natPort)
		s.also("related.ip", ip)
	}
	s.put("source.user.name", from.user)
	s.also("related.user", from.user)
	s.put("destination.user.name", to.user)
	s.also("related.user", to.user)
}

// after returns what follows key in a message, up to the first of the ends that is there.
func (s *asaScan) after(key string, ends ...string) string {
	_, rest, ok := strings.Cut(s.body, key)
	if !ok {
		return ""
	}
	for _, end := range ends {
		if before, _, ok := strings.Cut(rest, end); ok {
			rest = before
		}
	}
	return strings.TrimSpace(rest)
}

// asaDuration returns nanoseconds of "1:00:02", "0h:32m:16s" and "1d 19h:41m:14s".
func asaDuration(s string) string {
	seconds, part := 0, 0
	days, rest, ok := strings.Cut(s, "d ")
	if ok {
		n, isNumber := number(days)
		if !isNumber || n > 1<<16 {
			return ""
		}
		part, s = n, rest
	}
	seconds = part
	fields := 0
	for f := range strings.SplitSeq(s, ":") {
		n, ok := number(strings.TrimRight(f, "hms"))
		if fields++; !ok || n > 1<<20 || fields > 3 {
			return ""
		}
		base := 60
		if fields == 1 {
			base = 24
		}
		seconds = seconds*base + n
	}
	if fields != 3 {
		return ""
	}
	return strconv.FormatInt(int64(seconds)*1e9, 10)
}
