package parse

import "strings"

// handshakes are what WireGuard says of a handshake (Linux, drivers/net/wireguard/receive.c, send.c, timers.c, where dynamic
// debugging is on), between the interface and the peer's address.
var handshakes = [...]struct{ before, action string }{
	{"Receiving handshake initiation from peer ", "wireguard-handshake-initiation"},
	{"Receiving handshake response from peer ", "wireguard-handshake-response"},
	{"Sending handshake initiation to peer ", "wireguard-handshake-initiation-sent"},
	{"Sending handshake response to peer ", "wireguard-handshake-response-sent"},
	{"Handshake for peer ", "wireguard-handshake-timeout"},
	{"Invalid handshake initiation from ", "wireguard-handshake-invalid"},
	{"Invalid handshake response from ", "wireguard-handshake-invalid"},
	{"Invalid MAC of handshake, dropping packet from ", "wireguard-handshake-invalid"},
	{"Packet has unallowed src IP ", "wireguard-packet-denied"},
}

// scanWireGuard reads "wireguard: wg0: Receiving handshake initiation from peer 3 (192.0.2.7:51820)". Nobody logs in: a
// handshake is none, so no line has an event.outcome.
func scanWireGuard(l *line) bool {
	rest, ok := strings.CutPrefix(l.text, "wireguard: ")
	device, rest, found := strings.Cut(rest, ": ")
	if !ok || !found {
		return false
	}
	for _, h := range handshakes {
		rest, ok := strings.CutPrefix(rest, h.before)
		if !ok {
			continue
		}
		where := rest
		if num, more := digits(rest); num != "" && strings.HasPrefix(more, " (") {
			where, _, _ = strings.Cut(more[2:], ")")
			l.put("wireguard.peer", num)
		} else if _, from, ok := cutLast(rest, " from peer "); ok {
			num, more := digits(from)
			where, _, _ = strings.Cut(strings.TrimPrefix(more, " ("), ")")
			l.put("wireguard.peer", num)
		}
		types := []string{"connection"}
		if strings.HasSuffix(h.action, "invalid") || strings.HasSuffix(h.action, "denied") {
			types = append(types, "denied")
		}
		l.is(h.action, "network", types...)
		l.put("observer.ingress.interface.name", device)
		addr, port := hostPort(where)
		l.source(addr, port)
		return true
	}
	return false
}

// hostPort splits "192.0.2.7:51820" and "[2001:db8::7]:51820".
func hostPort(s string) (host, port string) {
	host, port, ok := cutLast(s, ":")
	if !ok || !isNumber(port) {
		return s, ""
	}
	if in, ok := between(host, "[", "]"); ok {
		host = in
	}
	return host, port
}
