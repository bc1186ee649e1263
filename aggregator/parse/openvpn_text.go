package parse

import "strings"

// vpnScan is one line of OpenVPN while it is read.
type vpnScan struct {
	*line
	peer   vpnPeer
	server bool // the peer is a server: this is a client
}

// setPeer writes who was at the other end.
func (s *vpnScan) setPeer() {
	if s.peer.name != "" && s.peer.name != "UNDEF" {
		s.user(s.peer.name)
	}
	if s.server {
		s.destination(s.peer.addr, s.peer.port)
		return
	}
	s.source(s.peer.addr, s.peer.port)
	if other := canonical(s.peer.other); other != "" {
		s.tag("ambiguous")
		s.also("source.ip", other)
		s.also("related.ip", other)
	}
}

// vpnEvents are texts that say all by how they begin.
var vpnEvents = [...]struct{ text, action, category, types string }{
	{"Connection reset, restarting", "openvpn-connection-reset", "network", "info"},
	{"Initialization Sequence Completed", "openvpn-ready", "process", "info"},
	{"WARNING: Bad encapsulated packet length", "openvpn-bad-packet", "network", "denied"},
	{"Authenticate/Decrypt packet error", "openvpn-bad-packet", "network", "denied"},
	{"TLS: Initial packet from ", "openvpn-initial-packet", "network", "start"},
	{"TLS Error: ", "openvpn-tls-error", "network", "error"},
	{"TLS_ERROR: ", "openvpn-tls-error", "network", "error"},
	{"OpenSSL: error:", "openvpn-tls-error", "network", "error"},
	{"CRL CHECK FAILED", "openvpn-certificate-rejected", "authentication", "denied"},
	{"Inactivity timeout", "openvpn-inactivity", "network", "info"},
	{"MULTI_sva: pool returned ", "openvpn-address", "network", "info"},
	{"OpenVPN 2.", "openvpn-start", "process", "start"},
}

// said reads what was said.
func (s *vpnScan) said(text string) bool {
	switch {
	case strings.HasPrefix(text, "MULTI: primary virtual IP for "):
		return s.cameIn(text)
	case strings.HasPrefix(text, "MULTI: Learn: "):
		ip, _, ok := strings.Cut(text[len("MULTI: Learn: "):], " -> ")
		if !ok {
			return false
		}
		s.is("openvpn-learn", "network", "info")
		s.virtual(ip)
	case strings.HasPrefix(text, "TLS Auth Error: "), text == "TLS Error: TLS handshake failed":
		s.is("openvpn-login", "authentication", "start")
		s.outcome(false)
		_, reason, _ := strings.Cut(text, ": ")
		s.put("event.reason", reason)
	case strings.HasPrefix(text, "TLS: Username/Password authentication "):
		name, ok := lastQuoted(text)
		if !ok {
			return false
		}
		s.is("openvpn-password-accepted", "authentication", "info")
		s.peer.name = name
	case strings.HasPrefix(text, "VERIFY "):
		return s.certificate(text)
	case strings.HasPrefix(text, "Control Channel: "):
		return s.channel(text)
	case strings.HasPrefix(text, "peer info: "):
		return s.info(text[len("peer info: "):])
	case strings.HasPrefix(text, "SIGUSR1[soft,"), strings.HasPrefix(text, "SIGTERM[soft,"):
		return s.ended(text[len("SIGUSR1[soft,"):])
	case strings.HasPrefix(text, "AUTH: Received control message: AUTH_FAILED"):
		s.is("openvpn-client-auth-failed", "authentication", "start")
		s.outcome(false)
		s.put("event.reason", strings.TrimPrefix(text, "AUTH: Received control message: "))
	case strings.HasPrefix(text, "SENT CONTROL ["):
		return s.control(text)
	default:
		return s.connected(text) || s.pam(text) || s.management(text) || s.plain(text)
	}
	return true
}

// plain writes what has nothing but its beginning.
func (s *vpnScan) plain(text string) bool {
	for _, e := range vpnEvents {
		if !strings.HasPrefix(text, e.text) {
			continue
		}
		s.is(e.action, e.category, e.types)
		if e.types == "error" || e.types == "denied" {
			s.put("event.reason", text)
		}
		return true
	}
	if name, ok := bracketed(text, "] Inactivity timeout"); ok {
		s.is("openvpn-inactivity", "network", "info")
		if s.peer.name == "" && name != "UNDEF" {
			s.peer.name = name
		}
		return true
	}
	return false
}

// bracketed returns what stands in "[name] text", where a name may have brackets itself.
func bracketed(s, end string) (name string, ok bool) {
	if s == "" || s[0] != '[' {
		return "", false
	}
	name, _, ok = cutLast(s[1:], end)
	return name, ok
}

// lastQuoted returns what stands between the first and the last quote.
func lastQuoted(s string) (string, bool) {
	_, rest, ok := strings.Cut(s, "'")
	in, _, end := cutLast(rest, "'")
	return in, ok && end
}

// virtual writes the address that a client has within the tunnel.
func (s *vpnScan) virtual(ip string) {
	if c := canonical(ip); c != "" {
		s.put("openvpn.virtual_ip", c)
		s.also("related.ip", c)
	}
}

// cameIn reads "MULTI: primary virtual IP for averez/192.0.2.7:51234: 10.8.0.6".
func (s *vpnScan) cameIn(text string) bool {
	_, ip, ok := cutLast(text, ": ")
	if !ok || canonical(ip) == "" {
		return false
	}
	s.is("openvpn-login", "authentication", "start")
	s.outcome(true)
	s.virtual(ip)
	return true
}

// certificate reads "VERIFY OK: depth=0, CN=averez" and "VERIFY ERROR: depth=0, error=certificate has expired: CN=averez".
// Whoever asks wrote the name.
func (s *vpnScan) certificate(text string) bool {
	_, rest, ok := strings.Cut(text, ": depth=")
	depth, subject := digits(rest)
	subject, comma := strings.CutPrefix(subject, ", ")
	if !ok || depth == "" || !comma {
		return false
	}
	if reason, name, isError := strings.Cut(strings.TrimPrefix(subject, "error="), ": "); strings.HasPrefix(text, "VERIFY ERROR") && isError {
		s.is("openvpn-certificate-rejected", "authentication", "denied")
		s.put("event.reason", reason)
		subject = name
	} else {
		s.is("openvpn-certificate-accepted", "authentication", "info")
	}
	if depth == "0" {
		s.put("tls.client.x509.subject.distinguished_name", subject)
	}
	return true
}

// channel reads "Control Channel: TLSv1.3, cipher TLSv1.3 TLS_AES_256_GCM_SHA384, peer certificate: …".
func (s *vpnScan) channel(text string) bool {
	rest, ok := strings.CutPrefix(text, "Control Channel: TLSv")
	version, rest, comma := strings.Cut(rest, ", cipher ")
	if !ok || !comma {
		return false
	}
	_, cipher := word(rest)
	cipher, _, _ = strings.Cut(cipher, ",")
	s.is("openvpn-tls", "network", "info")
	s.put("tls.version_protocol", "tls")
	s.put("tls.version", version)
	s.put("tls.cipher", cipher)
	return true
}

// info reads what a client says of itself: "IV_PLAT=linux".
func (s *vpnScan) info(text string) bool {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return false
	}
	s.is("openvpn-peer-info", "network", "info")
	switch name {
	case "IV_VER":
		s.put("openvpn.client.version", value)
	case "IV_PLAT":
		s.put("openvpn.client.platform", value)
	case "IV_GUI_VER":
		s.put("user_agent.original", value)
	}
	return true
}

// ended reads "ping-restart] received, client-instance restarting": how a client's session ended.
func (s *vpnScan) ended(text string) bool {
	reason, rest, ok := strings.Cut(text, "] received, ")
	if !ok {
		return false
	}
	if strings.HasPrefix(rest, "client-instance ") {
		s.is("openvpn-session-end", "session", "end")
	} else {
		s.is("openvpn-restart", "process", "info")
	}
	s.put("event.reason", reason)
	return true
}

// control reads "SENT CONTROL [averez]: 'AUTH_FAILED' (status=1)".
func (s *vpnScan) control(text string) bool {
	_, rest, ok := cutLast(text, "]: '")
	message, _, _ := strings.Cut(rest, ",")
	message, _, _ = strings.Cut(message, "'")
	if !ok || message == "" {
		return false
	}
	s.is("openvpn-control", "network", "info")
	s.put("openvpn.control", message)
	return true
}

// connected reads "[averez] Peer Connection Initiated with [AF_INET]192.0.2.7:51234" and the first line of one over TCP. The
// addresses are of the server where no client stands before.
func (s *vpnScan) connected(text string) bool {
	const initiated, established = "Peer Connection Initiated with ", "TCP connection established with "
	where, ok := strings.CutPrefix(text, established)
	if ok {
		s.is("openvpn-tcp-connection", "network", "connection", "start")
	} else {
		var head string
		if head, where, ok = cutLast(text, initiated); !ok {
			return false
		}
		s.is("openvpn-peer-connection", "network", "connection", "start")
		name, named := bracketed(head, "] ")
		s.server = s.peer.addr == ""
		if named && !s.server {
			s.peer.name = name
		}
	}
	_, where, _ = strings.Cut(where, "]")
	if s.peer.addr == "" {
		where, _ = word(where)
		s.peer.addr, s.peer.port = hostPort(where)
	}
	return true
}

// pam reads "PLUGIN AUTH-PAM: BACKGROUND: user 'averez' failed to authenticate: Authentication failure".
func (s *vpnScan) pam(text string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(text, "PLUGIN "), "AUTH-PAM: BACKGROUND: user '")
	name, reason, found := cutLast(rest, "' failed to authenticate: ")
	if !ok || !found {
		return false
	}
	s.is("openvpn-pam-failed", "authentication", "info")
	s.put("event.reason", reason)
	s.peer.name = name
	return true
}

// management reads "MANAGEMENT: Client connected from [AF_INET]127.0.0.1:7505" and "MANAGEMENT: CMD 'status'".
func (s *vpnScan) management(text string) bool {
	rest, ok := strings.CutPrefix(text, "MANAGEMENT: ")
	if !ok {
		return false
	}
	s.is("openvpn-management", "configuration", "info")
	if command, found := between(rest, "CMD '", "'"); found {
		s.put("process.command_line", command)
	}
	return true
}
