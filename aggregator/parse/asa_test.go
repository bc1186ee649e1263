package parse

import (
	"strings"
	"testing"
)

// asaSays returns a line of a firewall.
func asaSays(text string) string { return "<166>Nov 23 2026 17:54:31 fw01 : " + text }

func TestASATraffic(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().line(asaSays(text)), append(want, "-event.outcome")...)
	}
	flow := func(src, spt, dst, dpt string) []string {
		return []string{"source.ip=" + src, "source.port=" + spt, "destination.ip=" + dst, "destination.port=" + dpt}
	}
	and := func(want []string, more ...string) []string { return append(want, more...) }
	f("%ASA-6-302013: Built inbound TCP connection 8 for outside:192.0.2.1/4711 (192.0.2.1/4711) to inside:10.0.0.2/22 (198.51.100.2/2222)",
		and(flow("192.0.2.1", "4711", "10.0.0.2", "22"), "event.action=asa-connection-built", "event.type=connection|start|allowed",
			"network.direction=inbound", "network.transport=tcp", "cisco.asa.connection_id=8", "destination.nat.ip=198.51.100.2",
			"destination.nat.port=2222", "-source.nat.ip", "observer.ingress.interface.name=outside",
			"observer.egress.interface.name=inside", "event.code=302013")...)
	f("%FTD-6-302015: Built outbound UDP connection 9 for outside:192.0.2.9/53 (192.0.2.9/53) to inside:10.0.0.2/5353 (198.51.100.2/1024)",
		and(flow("10.0.0.2", "5353", "192.0.2.9", "53"), "network.direction=outbound", "source.nat.ip=198.51.100.2", "source.nat.port=1024",
			"-destination.nat.ip", "observer.ingress.interface.name=inside", "observer.egress.interface.name=outside")...)
	f("%ASA-6-302013: Built inbound TCP connection 1 for net:192.0.2.3/49926 (192.0.2.4/49926)(LOCAL\\eve) to NP Identity Ifc:192.0.2.1/443 "+
		"(192.0.2.1/443) (eve)", and(flow("192.0.2.3", "49926", "192.0.2.1", "443"), "source.user.name=eve", "user.name=eve",
		"observer.egress.interface.name=NP Identity Ifc", "source.nat.ip=192.0.2.4")...)
	f("%ASA-6-302013: Built inbound TCP connection 1 for v6:2001:db8::7/4711 (2001:db8::7/4711) to in:2001:db8::1/22 (2001:db8::1/22)",
		and(flow("2001:db8::7", "4711", "2001:db8::1", "22"), "observer.ingress.interface.name=v6")...)
	f("%ASA-6-302013: Built outbound TCP connection 4 for outside:192.0.2.2/1234 (192.0.2.2/1234) to dmz:OCSP_Server/5678 (OCSP_Server/5678)",
		"source.address=OCSP_Server", "source.port=5678", "destination.ip=192.0.2.2")
	f("%ASA-6-302014: Teardown TCP connection 8 for outside:192.0.2.1/4711 to inside:10.0.0.2/22 duration 0:00:53 bytes 2436 TCP FINs",
		and(flow("192.0.2.1", "4711", "10.0.0.2", "22"), "event.action=asa-connection-teardown", "event.type=connection|end",
			"event.duration=53000000000", "network.bytes=2436", "event.reason=TCP FINs", "-network.direction")...)
	f("%ASA-6-302016 Teardown UDP connection 40 for outside:192.0.2.1/500 eve to inside:10.0.0.2/500 bob duration 1:02:02 bytes 14 (carol)",
		and(flow("192.0.2.1", "500", "10.0.0.2", "500"), "source.user.name=eve", "user.name=carol", "event.duration=3722000000000",
			"network.bytes=14")...)
	f("%ASA-6-302020: Built inbound ICMP connection for faddr 192.0.2.1/0 gaddr 198.51.100.8/0 laddr 10.0.0.2/0 type 3 code 1",
		"source.ip=192.0.2.1", "destination.ip=10.0.0.2", "destination.nat.ip=198.51.100.8", "network.transport=icmp", "-source.port",
		"cisco.asa.icmp_type=3", "cisco.asa.icmp_code=1", "network.direction=inbound")
	f("%ASA-6-302021: Teardown ICMP connection for faddr 192.0.2.1/0 gaddr 10.0.0.2/17 laddr 10.0.0.2/17", "source.ip=192.0.2.1",
		"destination.ip=10.0.0.2", "-destination.nat.ip", "event.type=connection|end")
	f("%ASA-6-302022: Built director stub TCP connection for a:192.0.2.1/38540 (198.51.100.5/38540) to b:10.0.0.2/10051 (10.0.0.2/10051)",
		and(flow("192.0.2.1", "38540", "10.0.0.2", "10051"), "source.nat.ip=198.51.100.5", "-network.direction")...)
	f("%ASA-6-305011: Built dynamic TCP translation from inside:10.0.0.2/57006 to outside:198.51.100.2/1024", "source.ip=10.0.0.2",
		"source.port=57006", "source.nat.ip=198.51.100.2", "source.nat.port=1024", "event.action=asa-translation-built",
		"observer.ingress.interface.name=inside", "observer.egress.interface.name=outside", "-destination.ip")
	f("%ASA-6-305012: Teardown dynamic UDP translation from inside:10.0.0.2/57006 to outside:198.51.100.2/1024 duration 0:00:30",
		"event.action=asa-translation-teardown", "event.duration=30000000000", "network.transport=udp")
	f("%ASA-7-609001: Built local-host inside:10.0.0.2", "source.ip=10.0.0.2", "event.action=asa-local-host-built")
	f("%ASA-7-609002: Teardown local-host inside:10.0.0.2 duration 0:02:00", "event.duration=120000000000")
	denied := func(want []string, more ...string) []string {
		return append(want, append(more, "event.action=asa-packet-denied", "event.type=connection|denied", "event.category=network")...)
	}
	f("%ASA-4-106023: Deny tcp src outside:192.0.2.1/4711 dst inside:10.0.0.2/22 by access-group \"acl out\" [0x1, 0x0]",
		denied(flow("192.0.2.1", "4711", "10.0.0.2", "22"), "rule.name=acl out", "network.transport=tcp",
			"observer.ingress.interface.name=outside", "observer.egress.interface.name=inside")...)
	f("%ASA-4-106023: Deny icmp src outside:192.0.2.1 dst inside:10.0.0.2 (type 8, code 0) by access-group \"a\" [0x1, 0x0]",
		denied(flow("192.0.2.1", "", "10.0.0.2", ""), "cisco.asa.icmp_type=8", "cisco.asa.icmp_code=0")...)
	f("%ASA-4-106023: Deny udp src outside:192.0.2.1/1 (LOCAL\\eve) dst inside:10.0.0.2/53(host.example) by access-group \"a\"",
		denied(flow("192.0.2.1", "1", "10.0.0.2", "53"), "source.user.name=eve", "rule.name=a")...)
	f("%ASA-2-106001: Inbound TCP connection denied from 192.0.2.1/43803 to 10.0.0.2/80 flags SYN  on interface outside",
		denied(flow("192.0.2.1", "43803", "10.0.0.2", "80"), "cisco.asa.tcp_flags=SYN", "observer.ingress.interface.name=outside")...)
	f("%ASA-2-106006: Deny inbound UDP from 192.0.2.1/137 to 10.0.0.2/137 on interface inside",
		denied(flow("192.0.2.1", "137", "10.0.0.2", "137"), "network.transport=udp")...)
	f("%ASA-2-106007: Deny inbound UDP from 192.0.2.1/12981 to 10.0.0.2/53 due to DNS Query",
		denied(flow("192.0.2.1", "12981", "10.0.0.2", "53"), "event.reason=DNS Query")...)
	f("%ASA-3-106014: Deny inbound icmp src outside:192.0.2.1 dst inside:10.0.0.2(type 8, code 0)",
		denied(flow("192.0.2.1", "", "10.0.0.2", ""), "cisco.asa.icmp_type=8", "network.transport=icmp")...)
	f("%ASA-6-106015: Deny TCP (no connection) from 192.0.2.1/53089 to 10.0.0.2/443 flags FIN PSH ACK  on interface outside",
		denied(flow("192.0.2.1", "53089", "10.0.0.2", "443"), "cisco.asa.tcp_flags=FIN PSH ACK")...)
	f("%ASA-2-106016: Deny IP spoof from (192.0.2.1) to 10.0.0.2 on interface outside",
		denied(flow("192.0.2.1", "", "10.0.0.2", ""), "observer.ingress.interface.name=outside")...)
	f("%ASA-1-106021: Deny TCP reverse path check from 192.0.2.1 to 10.0.0.2 on interface outside",
		denied(flow("192.0.2.1", "", "10.0.0.2", ""))...)
	f("%ASA-3-313001: Denied ICMP type=3, code=3 from 192.0.2.1 on interface Outside",
		denied(flow("192.0.2.1", "", "", ""), "cisco.asa.icmp_type=3", "cisco.asa.icmp_code=3", "observer.ingress.interface.name=Outside")...)
	f("%ASA-4-313004: Denied ICMP type=0, from laddr 192.0.2.1 on interface inside to 10.0.0.2: no matching session",
		denied(flow("192.0.2.1", "", "10.0.0.2", ""), "cisco.asa.icmp_type=0", "observer.ingress.interface.name=inside")...)
	f("%ASA-4-313005: No matching connection for ICMP error message: icmp src a:192.0.2.1 dst b:10.0.0.2 (type 3, code 3) on a interface.  "+
		"Original IP payload: udp src 10.0.0.2/53 dst 192.0.2.1/10872.", and(flow("192.0.2.1", "", "10.0.0.2", ""), "network.transport=icmp",
		"event.action=asa-packet", "event.type=connection")...)
	f("%ASA-3-710003: TCP access denied by ACL from 192.0.2.1/6370 to outside:198.51.100.1/23",
		denied(flow("192.0.2.1", "6370", "198.51.100.1", "23"))...)
	f("%ASA-7-710005: UDP request discarded from 192.0.2.1/68 to inside:10.0.0.2/67", denied(flow("192.0.2.1", "68", "10.0.0.2", "67"))...)
	f("%ASA-7-710002: TCP access permitted from 192.0.2.1/6370 to outside:198.51.100.1/ssh", "event.type=connection|allowed",
		"source.ip=192.0.2.1", "destination.ip=198.51.100.1", "-destination.port")
	f("%ASA-4-338008: Dynamic Filter dropped blacklisted TCP traffic from inside:10.0.0.2/33340 (198.51.100.2/33340) to outside:192.0.2.1/80 "+
		"(192.0.2.1/80), destination 192.0.2.1 resolved from dynamic list: bad.example, threat-level: very-high, category: Malware",
		denied(flow("10.0.0.2", "33340", "192.0.2.1", "80"), "source.nat.ip=198.51.100.2", "threat.indicator.name=bad.example")...)
	f("%ASA-4-500003: Bad TCP hdr length (hdrlen=32, pktlen=28) from 192.0.2.1/23276 to 10.0.0.2/80, flags: INVALID, on interface outside",
		flow("192.0.2.1", "23276", "10.0.0.2", "80")...)
	f("%ASA-4-402117: IPSEC: Received a non-IPSec packet (protocol= TCP) from 192.0.2.1 to 10.0.0.2.", flow("192.0.2.1", "", "10.0.0.2", "")...)
	f("%ASA-6-106100: access-list acl_in permitted tcp inside/10.0.0.2(2241)(LOCAL\\eve) -> outside/192.0.2.1(80) hit-cnt 144 300-second "+
		"interval [0x1, 0x0]", and(flow("10.0.0.2", "2241", "192.0.2.1", "80"), "event.action=asa-access-list", "rule.name=acl_in",
		"event.type=connection|allowed", "cisco.asa.hit_count=144", "source.user.name=eve", "network.transport=tcp")...)
	f("%ASA-session-5-106100: access-list b denied udp inside/host.example(53) -> outside/192.0.2.1(53) hit-cnt 1 first hit [0x1, 0x0]",
		"event.type=connection|denied", "source.address=host.example", "destination.ip=192.0.2.1")
	f("%ASA-4-733100: [ Scanning] drop rate-1 exceeded. Current burst rate is 9 per second", "rule.name=Scanning",
		"event.action=asa-threat-rate")
	f("%ASA-5-304001: 10.0.0.2 Accessed URL 192.0.2.1:http://example.com/a?b=c@d", "url.original=http://example.com/a?b=c@d", "source.ip=10.0.0.2",
		"destination.ip=192.0.2.1")
	f("%ASA-5-304001: eve@10.0.0.2(LOCAL\\eve) Accessed JAVA URL 192.0.2.1:/app", "user.name=eve", "source.ip=10.0.0.2", "url.original=/app")
	f("%ASA-6-303002: FTP connection from inside:10.0.0.2/63656 to outside:192.0.2.1/21, user eve Stored file a b.txt",
		and(flow("10.0.0.2", "63656", "192.0.2.1", "21"), "user.name=eve", "file.path=a b.txt")...)
}

func TestASAUsers(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().line(asaSays(text)), want...)
	}
	f("%ASA-6-113004: AAA user authentication Successful : server =  10.0.0.9 : user = eve", "event.action=asa-auth", "event.outcome=success",
		"event.category=authentication", "event.type=start", "user.name=eve", "server.ip=10.0.0.9")
	f("%ASA-6-113004: AAA user accounting Successful : server =  10.0.0.9 : user = eve", "event.action=asa-aaa", "-event.outcome")
	f("%ASA-6-113005: AAA user authentication Rejected : reason = AAA failure : server = 10.0.0.9 : user = no body : user IP = 192.0.2.1",
		"event.outcome=failure", "user.name=no body", "source.ip=192.0.2.1", "event.reason=AAA failure", "server.ip=10.0.0.9")
	f("%ASA-6-113005: AAA user authentication Rejected : reason = x : server = 10.0.0.9 : user = a : user IP = 198.51.100.66 : user IP = 192.0.2.1",
		"tags=ambiguous", "source.ip=192.0.2.1")
	f("%ASA-6-113012: AAA user authentication Successful : local database : user = eve", "event.outcome=success", "user.name=eve", "-server.ip")
	f("%ASA-6-113015: AAA user authentication Rejected : reason = Invalid password : local database : user = eve : user IP = 192.0.2.1",
		"event.outcome=failure", "event.reason=Invalid password", "source.ip=192.0.2.1")
	f("%ASA-4-113019: Group = vpn, Username = eve, IP = 192.0.2.1, Session disconnected. Session Type: SSL, Duration: 1d 19h:41m:14s, "+
		"Bytes xmt: 5, Bytes rcv: 7, Reason: User Requested", "event.action=asa-vpn-session-end", "user.name=eve", "source.ip=192.0.2.1",
		"cisco.asa.tunnel_group=vpn", "event.duration=157274000000000", "source.bytes=7", "destination.bytes=5", "event.reason=User Requested",
		"cisco.asa.session_type=SSL", "-event.outcome")
	f("%ASA-4-113019: Group = 192.0.2.1, Username = 192.0.2.1, IP = 192.0.2.1, Session disconnected. Session Type: LAN-to-LAN, "+
		"Duration: 0h:32m:16s, Bytes xmt: 1, Bytes rcv: 2, Reason: Lost", "-user.name", "event.duration=1936000000000")
	f("%ASA-6-113039: Group <vpn> User <eve> IP <192.0.2.1> AnyConnect parent session started.", "event.action=asa-vpn-session-start",
		"user.name=eve", "source.ip=192.0.2.1")
	f("%ASA-6-605004: Login denied from 192.0.2.1/51923 to outside:198.51.100.1/https for user \"*****\"", "event.action=asa-login",
		"event.type=start|denied", "-event.outcome", "-user.name", "source.ip=192.0.2.1", "source.port=51923", "network.protocol=https")
	f("%ASA-6-605005: Login permitted from 192.0.2.1/6651 to outside:198.51.100.1/ssh for user \"eve\"", "event.type=start|allowed",
		"user.name=eve", "destination.ip=198.51.100.1")
	f("%ASA-6-605004: Login denied from 192.0.2.1/1 to outside:198.51.100.1/ssh for user \"x\" from 198.51.100.66/2 to a:1.1.1.1/ssh for user \"y\"",
		"source.ip=192.0.2.1", "source.port=1")
	f("%ASA-6-611101: User authentication succeeded: IP address: 192.0.2.1, Uname: eve", "user.name=eve", "source.ip=192.0.2.1",
		"event.type=start|allowed", "-event.outcome")
	f("%ASA-6-611102: User authentication failed: Uname: eve", "user.name=eve", "event.type=start|denied")
	f("%ASA-6-611103: User logged out: Uname: eve", "event.action=asa-logout", "user.name=eve")
	f("%ASA-6-315011: SSH session from 192.0.2.1 on interface outside for user \"eve\" disconnected by SSH server, reason: \"Internal error\" (0x00)",
		"event.action=asa-ssh-session-end", "user.name=eve", "source.ip=192.0.2.1")
	f("%ASA-6-606001: ASDM session number 0 from 192.0.2.1 started", "event.action=asa-asdm-session-start")
	f("%ASA-6-606002: ASDM session number 0 from 192.0.2.1 ended", "event.action=asa-asdm-session-end")
	f("%ASA-6-308001: console enable password incorrect for 3 tries (from 192.0.2.1)", "event.action=asa-enable", "event.outcome=failure",
		"source.ip=192.0.2.1", "event.reason=console enable password incorrect for 3 tries")
	f("%ASA-6-109006: Authentication failed for user 'eve' from 10.0.0.1/1234 to 192.0.2.1/23 on interface inside",
		"event.action=asa-pass-through", "event.type=start|denied", "-event.outcome", "user.name=eve", "source.ip=10.0.0.1", "destination.port=23")
	f("%ASA-6-109005: Authentication succeeded for user 'x' from 9.9.9.9/1 to 8.8.8.8/2' from 10.0.0.1/1234 to 192.0.2.1/23 on interface inside",
		"event.type=start|allowed", "source.ip=10.0.0.1", "related.ip=10.0.0.1|192.0.2.1")
	f("%ASA-6-716001: Group vpn User eve IP 192.0.2.1 WebVPN session started.", "event.action=asa-vpn-session-start", "user.name=eve")
	f("%ASA-6-716002: Group <vpn> User <eve> IP <192.0.2.1> WebVPN session terminated: Idle timeout.", "event.reason=Idle timeout",
		"event.action=asa-vpn-session-end")
	f("%ASA-5-304002: Access denied URL http://x.example/ SRC 9.9.9.9 DEST 8.8.8.8 SRC 10.0.0.1 DEST 192.0.2.1 on interface inside",
		"event.action=asa-url-denied", "event.type=connection|denied", "source.ip=10.0.0.1", "destination.ip=192.0.2.1",
		"url.original=http://x.example/ SRC 9.9.9.9 DEST 8.8.8.8", "observer.ingress.interface.name=inside")
	f("%ASA-4-401004: Shunned packet: 192.0.2.1 ==> 10.0.0.1 on interface outside", "event.action=asa-packet-denied",
		"source.ip=192.0.2.1", "destination.ip=10.0.0.1", "observer.ingress.interface.name=outside")
	f("%ASA-6-716039: Group <vpn> User <a> IP <9.9.9.9> Authentication: successful, x> IP <192.0.2.1> Authentication: rejected, Session Type: WebVPN.",
		"event.action=asa-vpn-login", "event.type=start|denied", "source.ip=192.0.2.1", "tags=ambiguous", "related.ip=9.9.9.9|192.0.2.1")
	f("%ASA-6-722055: Group <vpn> User <eve> IP <192.0.2.1> Client Type: x IP <9.9.9.9> y", "user.name=eve", "source.ip=192.0.2.1",
		"tags=ambiguous")
	f("%ASA-6-716039: Group <vpn> User <eve> IP <192.0.2.1> Authentication: rejected, Session Type: WebVPN.", "event.action=asa-vpn-login",
		"event.type=start|denied", "-event.outcome")
	f("%ASA-6-716058: Group <vpn> User <eve> IP <192.0.2.1> AnyConnect session lost connection. Waiting to resume.", "event.action=asa-vpn")
	f("%ASA-6-722022: Group <vpn> User <eve> IP <192.0.2.1> TCP SVC connection established without compression", "event.action=asa-vpn")
	f("%ASA-4-722051: Group <vpn> User <eve> IP <192.0.2.1> IPv4 Address <10.9.9.9> IPv6 address <::> assigned to session",
		"event.action=asa-vpn-address", "source.nat.ip=10.9.9.9", "related.ip=192.0.2.1|10.9.9.9")
	f("%ASA-6-734001: DAP: User eve, Addr 192.0.2.1, Connection AnyConnect: The following DAP records were selected for this connection: dflt",
		"rule.name=dflt", "cisco.asa.session_type=AnyConnect", "user.name=eve")
	f("%ASA-5-713049: Group = 192.0.2.1, IP = 192.0.2.1, Security negotiation complete for LAN-to-LAN Group (192.0.2.1) Responder",
		"event.action=asa-ike", "source.ip=192.0.2.1", "cisco.asa.tunnel_group=192.0.2.1", "-user.name")
	f("%ASA-5-713228: Group = vpn, Username = eve, IP = 192.0.2.1, Assigned private IP address 10.9.9.9 to remote user", "user.name=eve")
	f("%ASA-6-602303: IPSEC: An inbound LAN-to-LAN SA (SPI= 0xF81283) between 192.0.2.1 and 198.51.100.1 (user= eve) has been created.",
		"event.action=asa-ipsec-created", "source.ip=192.0.2.1", "destination.ip=198.51.100.1", "user.name=eve", "network.direction=inbound")
	f("%ASA-6-602304: IPSEC: An outbound LAN-to-LAN SA (SPI= 0x1) between 192.0.2.1 and 198.51.100.1 (user= eve) has been deleted.",
		"event.action=asa-ipsec-deleted", "event.type=connection|end")
	f("%ASA-5-502101: New user added to local dbase: Uname: eve Priv: 15 Encpass: ****", "event.action=asa-user-add", "user.target.name=eve",
		"event.type=user|creation")
	f("%ASA-5-502103: User priv level changed: Uname: enable_15 From: 1 To: 15", "event.action=asa-user-change", "user.target.name=enable_15")
	f("%ASA-5-111008: User 'eve' executed the 'no logging' command.", "process.command_line=no logging", "user.name=eve",
		"event.action=asa-command")
	f("%ASA-7-111009: User 'eve' executed cmd: show run 'x'", "process.command_line=show run 'x'")
	f("%ASA-5-111010: User 'eve', running 'CLI' from IP 192.0.2.1, executed 'clear', executed 'x''", "source.ip=192.0.2.1",
		"process.command_line=clear', executed 'x'", "event.type=change")
}

// A teardown does not say which end began: the line that built the connection did.
func TestASADirection(t *testing.T) {
	r := newReader()
	built := asaSays("%ASA-6-302013: Built outbound TCP connection 7 for outside:192.0.2.1/443 (192.0.2.1/443) to inside:10.0.0.2/1024 (10.0.0.2/1024)")
	ended := asaSays("%ASA-6-302014: Teardown TCP connection 7 for outside:192.0.2.1/443 to inside:10.0.0.2/1024 duration 0:00:01 bytes 5 TCP FINs")
	r.line(built)
	check(t, r.line(ended), "source.ip=10.0.0.2", "destination.ip=192.0.2.1", "network.direction=outbound")
	check(t, r.line(ended), "source.ip=10.0.0.2")
	check(t, r.line(strings.Replace(ended, "connection 7", "connection 8", 1)), "source.ip=192.0.2.1", "-network.direction")
	check(t, (&reader{p: r.p, host: "other", now: readAt}).line(ended), "source.ip=192.0.2.1", "-network.direction")
	r.line(strings.Replace(built, "outbound", "inbound", 1)) // the number is used again
	check(t, r.line(ended), "source.ip=192.0.2.1", "network.direction=inbound")
}

func TestASAUnknown(t *testing.T) {
	for _, text := range []string{
		"%ASA-6-302013: Built", "%ASA-6-302013: Built inbound TCP connection x for a to b", "%ASA-4-106023: Deny tcp src", "%ASA-6-605004: Login",
		"%ASA-6-113005: AAA", "%ASA-6-713049: IP = x, y", "%ASA-1-104001: (Primary) Switching to ACTIVE", "%ASA-6-302014: Teardown x",
		"%ASA-5-111008: User 'x", "%ASA-6-106100: access-list a permitted tcp b -> c",
	} {
		check(t, newReader().line(asaSays(text)), "-event.action", "-event.category", "-source.ip", "-user.name")
	}
}

func FuzzASA(f *testing.F) {
	for _, s := range []string{
		"%ASA-6-302013: Built inbound TCP connection 8 for outside:192.0.2.1/4711 (192.0.2.1/4711)(LOCAL\\a) to NP Identity Ifc:::1/22 (::2/2) (x)",
		"%ASA-6-302014: Teardown TCP connection 8 for a:1.1.1.1/2 to b:2.2.2.2/3 duration 9:9:9 bytes 7 x (y)",
		"%ASA-6-302020: Built outbound ICMP connection for faddr 1.1.1.1/0 gaddr 2.2.2.2/1 laddr 3.3.3.3/1 type 8 code 0",
		"%ASA-4-106023: Deny tcp src a:1.1.1.1/1 dst b:2.2.2.2/2 by access-group \"c\" [0x1]", "%ASA-2-106016: Deny IP spoof from (1.1.1.1) to x",
		"%ASA-6-113005: AAA user authentication Rejected : reason = a : server = 1.1.1.1 : user = b : user IP = ::1",
		"%ASA-4-113019: Group = a, Username = b, IP = 1.1.1.1, Session disconnected. Session Type: c, Duration: 1d 2h:3m:4s, Bytes xmt: 5, Reason: d",
		"%ASA-6-305011: Built dynamic TCP translation from a:1.1.1.1/2 to b:3.3.3.3/4", "%ASA-5-304001: a@1.1.1.1 Accessed URL b@2.2.2.2:c",
		"%ASA-6-106100: access-list a denied 6 b/1.1.1.1(2) -> c/d(3) hit-cnt 4", "%ASA-4-722051: Group <a> User <b> IP <1.1.1.1> IPv4 Address <::1> x",
		"%ASA-5-111010: User 'a', running 'b' from IP 1.1.1.1, executed 'c'", "%ASA-6-602303: x inbound between 1.1.1.1 and ::1 (user= a) has been x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var lines []string
		for line := range strings.SplitSeq(text, "\n") {
			lines = append(lines, asaSays(line))
		}
		fuzzLines(t, strings.Join(lines, "\n"), "")
	})
}
