package parse

import "strings"

// scanNetfilter reads a packet that a rule logged (Linux, net/netfilter/nf_log_syslog.c), and the same as ulogd2 writes
// it (util/printpkt.c):
//
//	PREFIX IN=eth0 OUT= MAC=… SRC=192.0.2.1 DST=192.0.2.2 LEN=40 TOS=0x00 … PROTO=TCP SPT=40000 DPT=22 … SYN URGP=0
//	PREFIX IN=eth0 OUT= MACSRC=… MACDST=… MACPROTO=0806 ARP HTYPE=1 … IPSRC=192.0.2.1 MACDST=… IPDST=192.0.2.2
//
// A prefix is what an operator chose; it may look like a field, so the packet begins at the last "IN=… OUT=…". Behind
// that stands nothing that a sender of packets could write words into.
//
// A packet has no event.outcome: what became of it only the prefix may say, and it is event.type denied or allowed
// where the prefix has such a word (see verdict). The packet that an ICMP error quotes is in netfilter.quoted: whoever
// sent the error wrote it.
func scanNetfilter(_ *Parser, l *line) bool {
	prefix, rest, ok := cutPacket(l.text)
	if !ok {
		return false
	}
	var all packets
	if !all.read(rest) {
		return false
	}
	if prefix == "" && l.program != "kernel" && l.program != "ulogd" { // see isPacket
		prefix = l.program
		l.event.Delete("process.name")
	}
	l.netfilter(prefix, &all)
	return true
}

// cutPacket splits a line where the packet begins: at the last "IN=word OUT=word".
func cutPacket(s string) (prefix, rest string, ok bool) {
	if !strings.Contains(s, " OUT=") { // as most lines are
		return s, "", false
	}
	for end := len(s); ; {
		at := strings.LastIndex(s[:end], "IN=")
		if at < 0 {
			return s, "", false
		}
		_, after, found := strings.Cut(s[at:], " ")
		if found && strings.HasPrefix(after, "OUT=") {
			return s[:at], s[at:], true
		}
		end = at + len("IN")
	}
}

// isPacket reports whether a line is a packet that ulogd2 logged. Its own file names no program, and where a prefix ends
// with a colon, it stands where a program would. Appliances say other things by the same name.
func isPacket(h *header) bool {
	prefix, rest, ok := cutPacket(h.text)
	return ok && (h.program == "ulogd" || h.pid == "" && (h.program == "" || prefix == "")) && strings.Contains(rest, " MAC=")
}

// verdicts are the words of a prefix that say what becomes of the packet.
var verdicts = map[string]string{
	"drop": "denied", "dropped": "denied", "reject": "denied", "rejected": "denied", "deny": "denied", "denied": "denied",
	"block": "denied", "blocked": "denied",
	"accept": "allowed", "accepted": "allowed", "allow": "allowed", "allowed": "allowed",
}

// verdict returns denied or allowed where the words of a prefix say one of it, "" where none or both do. A word is a run
// of letters in any case. UniFi and EdgeOS write it as a letter: "[WAN_IN-2000-D]".
func verdict(prefix string) string {
	if in, ok := between(strings.TrimRight(prefix, " "), "[", "]"); ok {
		_, last, _ := cutLast(in, "-")
		switch last {
		case "A":
			return "allowed"
		case "D", "R":
			return "denied"
		}
	}
	said := ""
	for i := 0; i < len(prefix); {
		j := i
		for j < len(prefix) && prefix[j]|0x20-'a' < 26 {
			j++
		}
		if v := verdictOf(prefix[i:j]); v != "" {
			if said != "" && said != v {
				return ""
			}
			said = v
		}
		i = j + 1
	}
	return said
}

func verdictOf(word string) string {
	var lower [len("rejected")]byte
	if len(word) > len(lower) {
		return ""
	}
	for i := range len(word) {
		lower[i] = word[i] | 0x20
	}
	return verdicts[string(lower[:len(word)])]
}

// ruleName returns a prefix without what only sets it off: blanks, and a colon at its end.
func ruleName(prefix string) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(prefix), ":"))
}

// netfilter writes a packet.
func (l *line) netfilter(prefix string, all *packets) {
	l.put("event.action", "netfilter-log")
	l.list("event.category", "network")
	if v := verdict(prefix); v != "" {
		l.list("event.type", "connection", v)
	} else {
		l.list("event.type", "connection")
	}
	if all.cut {
		l.tag("truncated")
	}
	p := &all.outer
	l.put("rule.name", ruleName(prefix))
	l.put("observer.ingress.interface.name", p.in)
	l.put("observer.egress.interface.name", p.out)
	l.put("netfilter.physical.in", p.physIn)
	l.put("netfilter.physical.out", p.physOut)
	l.macs(p)
	l.number("network.vlan.id", p.vlan)
	l.source(p.src, p.spt)
	l.destination(p.dst, p.dpt)
	l.put("network.type", p.networkType())
	l.transport(p.proto)
	l.packetDetails(p)
	l.number("user.id", p.uid)
	l.number("group.id", p.gid)
	if all.quotes {
		l.quoted(&all.inner)
	}
}

// destination says where it went: like source.
func (l *line) destination(addr, port string) {
	if addr == "" {
		return
	}
	if ip := canonical(addr); ip != "" {
		l.put("destination.ip", ip)
		l.also("related.ip", ip)
	} else {
		l.put("destination.address", addr)
		l.also("related.hosts", addr)
	}
	l.port("destination.port", port)
}

// packetDetails writes what ECS has no names for.
func (l *line) packetDetails(p *packet) {
	l.number("netfilter.length", p.length)
	l.number("netfilter.ttl", p.ttl)
	l.number("netfilter.id", p.id)
	l.put("netfilter.tos", p.tos)
	l.number("netfilter.fragment.offset", p.fragment)
	l.put("netfilter.mark", p.mark)
	l.put("netfilter.ipsec.spi", p.spi)
	l.number("netfilter.icmp.type", p.kind)
	l.number("netfilter.icmp.code", p.code)
	l.number("netfilter.icmp.id", p.echoID)
	l.number("netfilter.icmp.sequence", p.echoSeq)
	if canonical(p.gateway) == p.gateway {
		l.put("netfilter.icmp.gateway", p.gateway)
	}
	l.number("netfilter.icmp.mtu", p.mtu)
	l.number("netfilter.tcp.window", p.window)
	l.number("netfilter.tcp.sequence", p.seq)
	l.number("netfilter.tcp.acknowledgement", p.ack)
	for i, name := range tcpFlags {
		if p.flags&(1<<i) != 0 {
			l.event.Append("netfilter.tcp.flags", name)
		}
	}
	l.put("netfilter.arp.operation", p.opcode)
	l.number("netfilter.incomplete", p.incomplete)
}

// quoted writes the packet that an ICMP error is about.
func (l *line) quoted(p *packet) {
	l.put("netfilter.quoted.source.ip", canonical(p.src))
	l.put("netfilter.quoted.destination.ip", canonical(p.dst))
	l.port("netfilter.quoted.source.port", p.spt)
	l.port("netfilter.quoted.destination.port", p.dpt)
	if t := transportOf(p.proto); t != nil {
		l.put("netfilter.quoted.transport", t.name)
	}
}

// macs writes both addresses as ECS has them (RFC 7042: upper case, with dashes). The header of Ethernet is the
// destination's, the source's, and the protocol.
func (l *line) macs(p *packet) {
	const octets, header = len("00:00:00:00:00:00"), len("00:00:00:00:00:00:00:00:00:00:00:00:08:00")
	dst, src := p.macDst, p.macSrc
	if dst == "" && len(p.mac) == header && p.mac[octets] == ':' {
		dst, src = p.mac[:octets], p.mac[octets+1:2*octets+1]
	}
	if !isOctets(dst) || !isOctets(src) {
		return
	}
	var both [2 * octets]byte
	for i := range octets {
		both[i], both[octets+i] = macByte(src[i]), macByte(dst[i])
	}
	text := string(both[:])
	l.put("source.mac", text[:octets])
	l.put("destination.mac", text[octets:])
}

func macByte(c byte) byte {
	switch {
	case c == ':':
		return '-'
	case c >= 'a':
		return c - 'a' + 'A'
	}
	return c
}

// isOctets reports whether s is six octets of hex with colons between them.
func isOctets(s string) bool {
	if len(s) != len("00:00:00:00:00:00") {
		return false
	}
	for i := range len(s) {
		if i%3 == 2 && s[i] != ':' || i%3 != 2 && hexDigit(s[i]) < 0 {
			return false
		}
	}
	return true
}
