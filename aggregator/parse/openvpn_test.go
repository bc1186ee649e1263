package parse

import (
	"strings"
	"testing"
)

func TestOpenVPN(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().says("ovpn-server[12]", text), want...)
	}
	const anon, known = "192.0.2.7:51234 ", "averez/192.0.2.7:51234 "
	from := func(more ...string) []string {
		return append(more, "source.ip=192.0.2.7", "source.port=51234", "-tags")
	}
	f(known+"MULTI: primary virtual IP for averez/192.0.2.7:51234: 10.8.0.6", from("event.action=openvpn-login", "event.outcome=success",
		"event.category=authentication", "event.type=start", "user.name=averez", "openvpn.virtual_ip=10.8.0.6")...)
	f("we ird/x/192.0.2.7:51234 MULTI: primary virtual IP for we ird/x/192.0.2.7:51234: 10.8.0.6", from("user.name=we ird/x",
		"event.outcome=success")...)
	f(known+"MULTI: Learn: 10.8.0.6 -> averez/192.0.2.7:51234", from("event.action=openvpn-learn", "-event.outcome")...)
	f(anon+"TLS Auth Error: Auth Username/Password verification failed for peer", from("event.action=openvpn-login", "event.outcome=failure",
		"-user.name", "event.reason=Auth Username/Password verification failed for peer")...)
	f(anon+"TLS Error: TLS handshake failed", from("event.action=openvpn-login", "event.outcome=failure")...)
	f(anon+"TLS Error: TLS key negotiation failed to occur within 60 seconds (check your network connectivity)",
		from("event.action=openvpn-tls-error", "-event.outcome")...)
	f(anon+"TLS: Username/Password authentication succeeded for username 'o'neil' [CN SET]", from("event.action=openvpn-password-accepted",
		"user.name=o'neil", "-event.outcome")...)
	f(anon+"[averez] Peer Connection Initiated with [AF_INET]192.0.2.7:51234", from("event.action=openvpn-peer-connection", "user.name=averez",
		"-event.outcome")...)
	f(anon+"[a] Peer Connection Initiated with [AF_INET]198.51.100.66:1] Peer Connection Initiated with [AF_INET]192.0.2.7:51234",
		from("user.name=a] Peer Connection Initiated with [AF_INET]198.51.100.66:1")...)
	f("[server] Peer Connection Initiated with [AF_INET]192.0.2.1:1194", "destination.ip=192.0.2.1", "destination.port=1194", "-source.ip",
		"-user.name")
	f("TCP connection established with [AF_INET]192.0.2.7:51234", from("event.action=openvpn-tcp-connection")...)
	f("TCP connection established with [AF_INET6]2001:db8::7:51234", "source.ip=2001:db8::7", "source.port=51234")
	f(anon+"VERIFY OK: depth=0, CN=averez", from("event.action=openvpn-certificate-accepted",
		"tls.client.x509.subject.distinguished_name=CN=averez", "-event.outcome")...)
	f(anon+"VERIFY ERROR: depth=0, error=certificate has expired: CN=a: b", from("event.action=openvpn-certificate-rejected",
		"event.reason=certificate has expired", "tls.client.x509.subject.distinguished_name=CN=a: b", "-event.outcome")...)
	f(known+"SIGTERM[soft,remote-exit] received, client-instance exiting", from("event.action=openvpn-session-end", "event.reason=remote-exit",
		"event.category=session", "event.type=end", "user.name=averez")...)
	f(known+"[averez] Inactivity timeout (--ping-restart), restarting", from("event.action=openvpn-inactivity", "user.name=averez")...)
	f(anon+"SENT CONTROL [averez]: 'AUTH_FAILED' (status=1)", from("event.action=openvpn-control", "openvpn.control=AUTH_FAILED",
		"-event.outcome")...)
	f(anon+"Control Channel: TLSv1.3, cipher TLSv1.3 TLS_AES_256_GCM_SHA384, peer temporary key: 253 bits X25519", from("tls.version=1.3",
		"tls.cipher=TLS_AES_256_GCM_SHA384", "tls.version_protocol=tls")...)
	f(anon+"peer info: IV_PLAT=linux", from("openvpn.client.platform=linux")...)
	f("AUTH: Received control message: AUTH_FAILED", "event.action=openvpn-client-auth-failed", "event.outcome=failure", "-source.ip")
	f("PLUGIN AUTH-PAM: BACKGROUND: user 'a' b' failed to authenticate: Authentication failure", "user.name=a' b",
		"event.action=openvpn-pam-failed", "-event.outcome")
	f("MANAGEMENT: CMD 'status'", "process.command_line=status", "event.action=openvpn-management")
	f("Initialization Sequence Completed", "event.action=openvpn-ready", "-event.outcome")
	f("a/198.51.100.66:1 MULTI: Learn: x/192.0.2.7:51234 Connection reset, restarting [0]", "tags=ambiguous",
		"source.ip=192.0.2.7|198.51.100.66")
	for _, text := range []string{"", "192.0.2.7:51234 ", "192.0.2.7:51234 hello", "averez/192.0.2.7:x MULTI: Learn: ", "MULTI: multi_init called, r=256",
		"MULTI: primary virtual IP for x", "VERIFY OK: x", "peer info: x", "[x"} {
		f(text, "-event.action", "-source.ip", "-user.name")
	}
}

// OpenVPN's own file has a time and no more.
func TestOpenVPNFile(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		check(t, newReader().line(line), append(want, "-log.syslog.hostname", "-log.syslog.appname", "-process.name")...)
	}
	const login = "averez/192.0.2.7:51234 MULTI: primary virtual IP for averez/192.0.2.7:51234: 10.8.0.6"
	f("2026-11-23 18:00:49 "+login, "event.outcome=success", "@timestamp=2026-11-23T18:00:49Z", "user.name=averez")
	f("2026-11-23 18:00:49 us=123456 "+login, "event.outcome=success", "user.name=averez")
	f("Mon Nov 23 18:00:49 2026 "+login, "event.outcome=success", "@timestamp=2026-11-23T18:00:49Z", "user.name=averez")
	f("Mon Nov  2 18:00:49 2026 us=5 192.0.2.7:51234 TLS Error: TLS handshake failed", "event.outcome=failure", "source.ip=192.0.2.7")
	check(t, newReader().line("2026-11-23 18:00:49 vm sshd[1]: "+login), "-event.action", "log.syslog.hostname=vm")
	check(t, newReader().line("2026-11-23T18:00:49Z "+strings.TrimPrefix(login, "averez/")), "-event.action")
}

func FuzzOpenVPN(f *testing.F) {
	fuzzProgram(f, "openvpn", "a/1.2.3.4:5 MULTI: primary virtual IP for a/1.2.3.4:5: 10.8.0.6", "1.2.3.4:5 TLS Auth Error: x", "1.2.3.4:5 TLS Error: TLS handshake failed",
		"::1:5 [a] Peer Connection Initiated with [AF_INET6]::1:5", "1.2.3.4:5 VERIFY ERROR: depth=0, error=a: b", "a/1.1.1.1:1 x/2.2.2.2:2 SIGTERM[soft,a] received, client-instance b",
		"1.2.3.4:5 Control Channel: TLSv1.3, cipher a b, c", "AUTH: Received control message: AUTH_FAILED", "1.2.3.4:5 SENT CONTROL [a]: 'b' (c)",
		"TLS: Username/Password authentication succeeded for username 'a' [CN SET]", "MANAGEMENT: CMD 'a'", "peer info: IV_PLAT=x")
}
