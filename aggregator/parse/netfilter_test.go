package parse

import (
	"strings"
	"testing"
)

const (
	tcpPacket = "IN=eth0 OUT= MAC=02:00:00:00:00:0b:02:00:00:00:00:0a:08:00 SRC=192.0.2.1 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 " +
		"TTL=64 ID=4660 DF PROTO=TCP SPT=40000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 "
	udpPacket = "IN=eth0 OUT= MAC= SRC=192.0.2.1 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=UDP SPT=53 DPT=5353 LEN=20"
)

// What stands before the packet is what an operator chose.
func TestNetfilterPrefix(t *testing.T) {
	f := func(prefix, rule, verdict string) {
		t.Helper()
		e := newReader().says("kernel", "[12345.678901] "+prefix+tcpPacket)
		want := "connection"
		if verdict != "" {
			want += "|" + verdict
		}
		check(t, e, "event.action=netfilter-log", "event.category=network", "event.type="+want, "-event.outcome", "rule.name="+rule,
			"source.ip=192.0.2.1", "source.port=40000", "destination.ip=192.0.2.2", "destination.port=22", "-tags",
			"observer.ingress.interface.name=eth0", "source.mac=02-00-00-00-00-0A", "destination.mac=02-00-00-00-00-0B",
			"network.transport=tcp", "network.iana_number=6", "network.type=ipv4", "netfilter.tcp.flags=SYN")
	}
	f("", "", "")
	f("[UFW BLOCK] ", "[UFW BLOCK]", "denied")
	f("[UFW LIMIT BLOCK] ", "[UFW LIMIT BLOCK]", "denied")
	f("iptables denied: ", "iptables denied", "denied")
	f("DROP:", "DROP", "denied")
	f("reject-input ", "reject-input", "denied")
	f("ACCEPT", "ACCEPT", "allowed")
	f("allow then deny ", "allow then deny", "")
	f("droplet ", "droplet", "")
	f("[WAN_IN-2000-D]", "[WAN_IN-2000-D]", "denied")
	f("[WAN_IN-2000-R]", "[WAN_IN-2000-R]", "denied")
	f("[LAN_LOCAL-default-A]", "[LAN_LOCAL-default-A]", "allowed")
	f("SRC=198.51.100.66 SPT=1 ", "SRC=198.51.100.66 SPT=1", "")
	f("IN=a OUT=b MAC= SRC=198.51.100.66 ", "IN=a OUT=b MAC= SRC=198.51.100.66", "")
}

// Where a line was cut, what may have lost its end is left out.
func TestNetfilterCut(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().says("kernel", text), append(want, "event.action=netfilter-log", "source.ip=192.0.2.1")...)
	}
	whole := strings.TrimRight(tcpPacket, " ")
	f(whole, "-tags", "destination.port=22")
	f(whole[:strings.Index(whole, " WINDOW")], "tags=truncated", "source.port=40000", "-destination.port", "destination.ip=192.0.2.2")
	f(whole[:strings.Index(whole, " DPT")], "tags=truncated", "-source.port", "-destination.port")
	f(whole[:strings.Index(whole, " LEN")], "tags=truncated", "-destination.ip")
	f(udpPacket, "-tags", "destination.port=5353")
	f(strings.TrimSuffix(udpPacket, " LEN=20"), "tags=truncated", "-destination.port", "source.port=53")
	f(strings.TrimSuffix(udpPacket, "N=20"), "tags=truncated", "-destination.port")
	f(udpPacket[:strings.Index(udpPacket, " SPT")], "-tags", "-destination.port", "network.transport=udp")
	f(strings.Replace(whole, " SYN", " ECE SYN", 1), "netfilter.tcp.flags=ECE|SYN")
}

// Only a kernel and ulogd2 log packets: what another program says is its own.
func TestNetfilterForged(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		check(t, newReader().line(line), want...)
	}
	f("Nov 23 17:54:31 vm nginx: GET /IN=eth0 OUT= "+tcpPacket, "-event.action", "-source.ip", "process.name=nginx")
	f("Nov 23 17:54:31 vm nginx[1]: "+tcpPacket, "-event.action", "-source.ip")
	f("Nov 23 17:54:31 vm DROP SSH "+tcpPacket, "event.action=netfilter-log", "rule.name=DROP SSH", "-process.name")
	f("Nov 23 17:54:31 vm drop: "+tcpPacket, "event.action=netfilter-log", "rule.name=drop", "-process.name")
	f("Nov 23 17:54:31 vm ulogd[7]: drop "+tcpPacket, "event.action=netfilter-log", "rule.name=drop", "process.name=ulogd")
	for _, text := range []string{"", "IN=", "IN= OUT= ", "IN=eth0 OUT=", "IN=a OUT=b and more words", "x " + tcpPacket + "said he "} {
		check(t, newReader().says("kernel", text), "-event.action", "-source.ip")
	}
}

// The packet that an error quotes is the sender's word: it is kept apart.
func TestNetfilterQuoted(t *testing.T) {
	e := newReader().says("kernel", "IN=eth0 OUT= MAC= SRC=192.0.2.1 DST=192.0.2.2 LEN=68 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=ICMP "+
		"TYPE=3 CODE=1 [SRC=192.0.2.2 DST=198.51.100.7 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=2 PROTO=TCP SPT=1 DPT=2 WINDOW=3 RES=0x00 "+
		"SYN URGP=0 ] MARK=0x1 ")
	check(t, e, "source.ip=192.0.2.1", "destination.ip=192.0.2.2", "-source.port", "-destination.port", "network.transport=icmp",
		"related.ip=192.0.2.1|192.0.2.2", "netfilter.quoted.source.ip=192.0.2.2", "netfilter.quoted.destination.ip=198.51.100.7",
		"netfilter.quoted.destination.port=2", "netfilter.quoted.transport=tcp", "netfilter.mark=0x1", "netfilter.icmp.type=3",
		"-netfilter.tcp.flags")
}

func FuzzNetfilter(f *testing.F) {
	fuzzProgram(f, "kernel", "[1.5] DROP "+tcpPacket, udpPacket, "a: IN= OUT=x PHYSOUT=y MACSRC=0 MACPROTO=0806 ARP HTYPE=1 OPCODE=1 IPSRC=1.2.3.4",
		"IN=a OUT= MAC= SRC=::1 DST=::2 LEN=1 TC=0 HOPLIMIT=1 FLOWLBL=0 OPT ( FRAG:0 INCOMPLETE ID:00000007 ) PROTO=ICMPv6 TYPE=1 CODE=4 "+
			"[SRC=::3 DST=::4 PROTO=TCP INCOMPLETE [4 bytes] ] MTU=5 UID=0 GID=0 MARK=0x1")
}
