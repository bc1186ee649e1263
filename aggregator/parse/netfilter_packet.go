package parse

import "strings"

// packet is one packet as netfilter writes it. All strings are parts of the line, empty where it says nothing.
type packet struct {
	in, out, physIn, physOut string
	mac, macSrc, macDst      string
	vlan                     string
	src, dst, spt, dpt       string
	proto                    string // name or number
	length, ttl, id, tos     string
	fragment                 string // offset, in units of 8 bytes as IPv4 has it
	window, seq, ack         string
	flags                    uint16 // bits by tcpFlags
	kind, code               string // of ICMP
	echoID, echoSeq          string // of ICMP
	gateway, mtu             string
	spi, mark, uid, gid      string
	opcode                   string // of ARP
	incomplete               string // bytes that are there of a header
	arp, v6                  bool
}

// tcpFlags are the flags in the order in which the kernel writes them.
var tcpFlags = [...]string{"AE", "CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"}

// packets are a packet and the one that it quotes, if it is an error.
type packets struct {
	outer, inner packet
	quotes       bool
	cut          bool // the line ends before the packet does
}

// read reads all words from "IN=" on. It reports false where one is none of netfilter's: those are a name in capitals
// with or without a value, or one of a few words. The last word of a line that was cut may be anything.
func (all *packets) read(s string) bool {
	whole := strings.HasSuffix(s, " ")
	s = strings.TrimRight(s, " ")
	p, w := &all.outer, ""
	for s != "" {
		w, s = word(s)
		switch {
		case w == "" || isPlainWord(w):
		case w == "]":
			p = &all.outer
		case w[0] == '[' && !all.quotes && strings.HasPrefix(w, "[SRC="):
			all.quotes = true
			p = &all.inner
			p.set("SRC", w[len("[SRC="):])
		case strings.HasPrefix(w, "INCOMPLETE"):
			s = p.setIncomplete(w, s)
		case !p.setWord(w) && (whole || s != ""):
			return false
		}
	}
	if all.outer.src == "" && all.outer.mac == "" && !all.outer.arp {
		return false
	}
	if all.cut = !whole && p.mustGoOn(w); all.cut {
		p.forget()
	}
	return true
}

// isPlainWord reports whether a word tells nothing that is kept: the parts of "OPT (94040000) ", "[4 bytes] ", "OPT ( ESP
// SPI=0x1 )" and the like.
func isPlainWord(w string) bool {
	switch w {
	case "OPT", "(", ")", "AH", "ESP", "CE", "DF", "MF", "TRUNCATED", "(TRUNCATED)", "bytes]", "REQUEST", "REPLY", "NAK", "Unknown",
		"Ext", "Hdr", "FRAG:", "ID:":
		return true
	}
	switch c := w[0]; {
	case c == '(':
		return w[len(w)-1] == ')' && isHexText(w[1:len(w)-1])
	case c-'0' <= 9:
		return isHexText(w)
	}
	return len(w) == len("ffffffff") && isHexText(w) // an identification
}

func isHexText(s string) bool {
	for i := range len(s) {
		if hexDigit(s[i]) < 0 {
			return false
		}
	}
	return true
}

// setIncomplete reads "INCOMPLETE [4 bytes] ", "INCOMPLETE " and, of ulogd2, "INCOMPLETEMARK=0x0".
func (p *packet) setIncomplete(w, s string) (rest string) {
	if after, ok := strings.CutPrefix(s, "["); ok {
		n, after := digits(after)
		if rest, ok := strings.CutPrefix(after, " bytes]"); ok {
			p.incomplete = n
			return strings.TrimLeft(rest, " ")
		}
	}
	if w = w[len("INCOMPLETE"):]; w != "" {
		p.setWord(w)
	}
	return s
}

// setWord reads "NAME=value", "NAME:value" or a flag.
func (p *packet) setWord(w string) bool {
	for i := range len(w) {
		switch c := w[i]; {
		case c == '=' && i > 0:
			p.set(w[:i], w[i+1:])
			return true
		case c == ':' && i > 0:
			if w[:i] == "FRAG" {
				p.fragment = w[i+1:]
			}
			return w[:i] == "FRAG" || w[:i] == "ID"
		case c-'A' >= 26 && c != '_' && (c-'0' > 9 || i == 0):
			return false
		}
	}
	if w == "ARP" {
		p.arp = true
		return true
	}
	for i, name := range tcpFlags {
		if w == name {
			p.flags |= 1 << i
			return true
		}
	}
	return false
}

// set takes one field. LEN stands twice: first that of IP. A name that is not known is another's addition.
func (p *packet) set(name, value string) {
	at := p.field(name)
	if p.kind != "" { // behind TYPE= it is ICMP's own
		switch name {
		case "ID":
			at = &p.echoID
		case "SEQ":
			at = &p.echoSeq
		}
	}
	if at == nil {
		if name == "PROTO" && value == "ARP" {
			p.arp = true
		}
		p.v6 = p.v6 || name == "HOPLIMIT"
		return
	}
	if *at == "" {
		*at = value
	}
}

func (p *packet) field(name string) *string {
	switch name {
	case "IN":
		return &p.in
	case "OUT":
		return &p.out
	case "PHYSIN":
		return &p.physIn
	case "PHYSOUT":
		return &p.physOut
	case "MAC":
		return &p.mac
	case "MACSRC":
		return &p.macSrc
	case "MACDST":
		return &p.macDst
	case "VID":
		return &p.vlan
	case "SRC", "IPSRC":
		return &p.src
	case "DST", "IPDST":
		return &p.dst
	case "SPT":
		return &p.spt
	case "DPT":
		return &p.dpt
	case "LEN":
		return &p.length
	case "TTL":
		return &p.ttl
	case "TOS":
		return &p.tos
	}
	return p.lateField(name)
}

// lateField returns the fields that stand behind those of IP.
func (p *packet) lateField(name string) *string {
	switch name {
	case "HOPLIMIT":
		p.v6 = true
		return &p.ttl
	case "PROTO":
		return &p.proto
	case "ID":
		return &p.id
	case "WINDOW":
		return &p.window
	case "SEQ":
		return &p.seq
	case "ACK":
		return &p.ack
	case "TYPE":
		return &p.kind
	case "CODE":
		return &p.code
	case "GATEWAY":
		return &p.gateway
	case "MTU":
		return &p.mtu
	case "SPI":
		return &p.spi
	case "MARK":
		return &p.mark
	case "UID":
		return &p.uid
	case "GID":
		return &p.gid
	case "OPCODE":
		return &p.opcode
	}
	return nil
}

// mustGoOn reports whether the kernel never ends a line with this word: then the line was cut, maybe within it.
func (p *packet) mustGoOn(w string) bool {
	name, _, _ := strings.Cut(w, "=")
	switch name {
	case "MAC", "URGP", "PROTO", "LEN", "CODE", "MARK", "UID", "GID", "SPI", "MTU", "ARP", "OPCODE", "IPDST", "REPLY_MAC", "PARAMETER",
		"POINTER", "REQUEST", "REPLY", "NAK", "]", "bytes]", ")", "TRUNCATED", "INCOMPLETE":
		return false
	case "DPT":
		return p.proto != "SCTP"
	case "SEQ": // of TCP it is followed by more
		return p.proto == "TCP"
	}
	return name == "" || name[0] != '(' && name[0]-'0' > 9
}

// forget takes back what may have been cut within its last value.
func (p *packet) forget() {
	switch {
	case p.length != "" || p.arp: // both addresses are whole
	case p.dst != "":
		p.dst = ""
	default:
		p.src = ""
	}
	if p.window == "" && p.seq == "" && p.proto == "TCP" || p.proto == "UDP" {
		if p.dpt == "" {
			p.spt = ""
		}
		p.dpt = ""
	}
}

// networkType returns the network.type of ECS.
func (p *packet) networkType() string {
	switch {
	case p.arp:
		return "arp"
	case p.src == "":
		return ""
	case p.v6 || strings.IndexByte(p.src, ':') >= 0:
		return "ipv6"
	}
	return "ipv4"
}

// protocol is one over IP, by its number (iana.org, protocol numbers) and by the names of ECS and of the kernel.
type protocol struct{ name, number, word string }

var protocols = [...]protocol{
	{"tcp", "6", "TCP"}, {"udp", "17", "UDP"}, {"icmp", "1", "ICMP"}, {"ipv6-icmp", "58", "ICMPv6"}, {"igmp", "2", "IGMP"},
	{"esp", "50", "ESP"}, {"ah", "51", "AH"}, {"gre", "47", "GRE"}, {"sctp", "132", "SCTP"}, {"udplite", "136", "UDPLITE"},
	{"ipip", "4", "IPIP"}, {"ipv6", "41", "IPv6"}, {"ospf", "89", "OSPF"}, {"pim", "103", "PIM"}, {"vrrp", "112", "VRRP"},
	{"dccp", "33", "DCCP"}, {"eigrp", "88", "EIGRP"},
}

// transportOf returns the protocol of a name in any case or a number, nil if it is none of those that are known.
func transportOf(s string) *protocol {
	for i := range protocols {
		if p := &protocols[i]; s == p.word || s == p.number || strings.EqualFold(s, p.name) {
			return p
		}
	}
	return nil
}

// transport says over which protocol it went.
func (l *line) transport(s string) {
	if t := transportOf(s); t != nil {
		l.put("network.transport", t.name)
		l.put("network.iana_number", t.number)
		return
	}
	if n, ok := number(s); ok && n <= 255 {
		l.put("network.iana_number", s)
	}
}
