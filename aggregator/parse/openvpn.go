package parse

import "strings"

// scanOpenVPN reads what OpenVPN says, as a server mostly (src/openvpn/multi.c, ssl.c, ssl_verify.c, forward.c). Before
// the text stands the client, where there is one, with its name when it has come in:
//
//	192.0.2.7:51234 TLS Auth Error: Auth Username/Password verification failed for peer
//	averez/192.0.2.7:51234 MULTI: primary virtual IP for averez/192.0.2.7:51234: 10.8.0.6
//
// An attempt to get in is openvpn-login: the client that gets its address came in ("primary virtual IP", for tun devices),
// "TLS Auth Error" and "TLS Error: TLS handshake failed" tell one that did not. "Peer Connection Initiated" comes before
// the password is judged, and is no success. On the client's own host a wrong password is openvpn-client-auth-failed.
//
// A name may hold anything, so the client is the last that something known is said of; where the line has two different
// ones it is ambiguous.
func scanOpenVPN(_ *Parser, l *line) bool {
	peer, text, ok := cutVPNPeer(l.text)
	if !ok {
		return false
	}
	s := vpnScan{line: l, peer: peer}
	if !s.said(text) {
		return false
	}
	s.setPeer()
	return true
}

// isOpenVPN reports whether a program is OpenVPN: its units and appliances add the name of a tunnel.
func isOpenVPN(program string) bool {
	return strings.HasPrefix(program, "openvpn") || strings.HasPrefix(program, "ovpn-")
}

// vpnPeer is the client that a line is about.
type vpnPeer struct {
	name, addr, port string
	other            string // address of a second reading
}

// cutVPNPeer cuts off "192.0.2.7:51234 " or "name/192.0.2.7:51234 ", if it is there, and reports whether what follows is
// something that OpenVPN says.
func cutVPNPeer(s string) (peer vpnPeer, text string, ok bool) {
	first, rest := word(s)
	if addr, port := hostPort(first); port != "" && canonical(addr) != "" {
		return vpnPeer{addr: addr, port: port}, rest, isVPNText(rest)
	}
	for end := len(s); ; {
		slash := strings.LastIndexByte(s[:end], '/')
		if slash < 0 {
			break
		}
		where, rest := word(s[slash+1:])
		addr, port := hostPort(where)
		if port != "" && canonical(addr) != "" && rest != "" && isVPNText(rest) {
			if text == "" {
				peer, text, ok = vpnPeer{name: s[:slash], addr: addr, port: port}, rest, true
			} else if addr != peer.addr {
				peer.other = addr
			}
		}
		end = slash
	}
	if ok && peer.other == "" {
		return peer, text, true
	}
	if ok && !isVPNText(s) {
		return peer, text, true
	}
	return vpnPeer{}, s, isVPNText(s)
}

// vpnTexts are the beginnings of what is read, and of what else stands in a file of OpenVPN's.
var vpnTexts = [...]string{
	"MULTI: ", "MULTI_sva: ", "TLS Auth Error: ", "TLS Error: ", "TLS_ERROR: ", "TLS: ", "VERIFY OK: ", "VERIFY ERROR: ", "peer info: ",
	"Control Channel: ", "Connection reset, restarting", "SIGUSR1[", "SIGTERM[", "SIGHUP[", "SIGINT[", "SENT CONTROL [", "AUTH: ",
	"PUSH: ", "Peer Connection Initiated with ", "TCP connection established with ", "Initialization Sequence Completed",
	"WARNING: Bad encapsulated packet length", "MANAGEMENT: ", "PLUGIN AUTH-PAM: ", "AUTH-PAM: ", "Data Channel: ", "Timers: ",
	"Delayed exit in ", "Outgoing Data Channel: ", "Incoming Data Channel: ", "OPTIONS IMPORT: ", "OpenVPN 2.", "Inactivity timeout",
	"Authenticate/Decrypt packet error", "write UDP", "read UDP", "UDPv4 link ", "TCPv4_SERVER link ", "IFCONFIG POOL ",
	"Protocol options: ", "OpenSSL: error:", "Sent fatal SSL alert: ", "Received fatal SSL alert: ", "CRL CHECK FAILED",
	"library versions: ", "TUN/TAP device ", "Listening for incoming TCP connection on ", "DCO version: ", "net_route_v", "net_iface_",
	"net_addr_v", "Socket Buffers: ", "Closing TUN/TAP interface", "event_wait : ", "TCP/UDP: Preserving recently used remote",
	"TCPv4_CLIENT link ", "Attempting to establish TCP connection with ", "Note: Kernel support for ovpn-dco",
	"Note: --cipher is not set.", "Exiting due to fatal error", "UDPv6 link ", "TCPv6_",
}

func isVPNText(s string) bool {
	for _, t := range vpnTexts {
		if strings.HasPrefix(s, t) {
			return true
		}
	}
	if s == "" || s[0] != '[' {
		return false
	}
	return strings.Contains(s, "] Peer Connection Initiated with ") || strings.Contains(s, "] Inactivity timeout")
}

// scanOpenVPNFile reads what stands behind the time in OpenVPN's own file: there is no host and no program.
func (h *header) scanOpenVPNFile(s string) bool {
	s = strings.TrimLeft(s, " ")
	if us, ok := strings.CutPrefix(s, "us="); ok { // with --verb 4 and more
		num, rest := digits(us)
		if num != "" && strings.HasPrefix(rest, " ") {
			s = rest[1:]
		}
	}
	if peer, _, ok := cutVPNPeer(s); !ok || strings.Contains(peer.name, ": ") { // a host and a tag: this is syslog
		return false
	}
	h.text, h.format = s, "openvpn"
	return true
}

// scanOldOpenVPN reads "Mon Nov 23 18:00:49 2026 text", as OpenVPN wrote it before 2.5.
func scanOldOpenVPN(h *header, s string) bool {
	if len(s) < len("Mon Nov  3 18:00:49 2026 x") || s[3] != ' ' || strings.Index("MonTueWedThuFriSatSun", s[:3])%3 != 0 {
		return false
	}
	st, rest, ok := scanStamp(s[4:])
	if !ok || st.year == 0 || !h.scanOpenVPNFile(rest) {
		return false
	}
	h.stamp = st
	return true
}
