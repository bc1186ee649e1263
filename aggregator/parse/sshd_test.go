package parse

import (
	"strings"
	"testing"
)

const (
	sshOK    = "event.action=ssh-login-attempt event.outcome=success event.category=authentication event.type=start"
	sshBad   = "event.action=ssh-login-attempt event.outcome=failure event.category=authentication event.type=start"
	sshStep  = "event.category=authentication event.type=info -event.outcome"
	sshEnded = "event.action=ssh-disconnect event.category=network event.type=connection|end -event.outcome"
	sshFault = "event.action=ssh-protocol-error event.category=network event.type=connection|error -event.outcome"
)

func TestSSHD(t *testing.T) {
	f := func(text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().says("sshd[19043]", text), append(strings.Fields(kind), want...)...)
	}
	f("Accepted password for averez from 127.0.0.1 port 36160 ssh2", sshOK, "user.name=averez", "source.ip=127.0.0.1",
		"source.port=36160", "ssh.method=password", "related.user=averez", "related.ip=127.0.0.1", "-ssh.key_type",
		"-tags")
	f("Accepted publickey for averez from 127.0.0.1 port 38856 ssh2: ED25519 SHA256:r+c2a+1FBfp9", sshOK,
		"user.name=averez",
		"source.ip=127.0.0.1", "ssh.method=publickey", "ssh.key_type=ED25519", "ssh.fingerprint=SHA256:r+c2a+1FBfp9")
	f("Accepted keyboard-interactive/pam for averez from 2001:db8::7 port 38856 ssh2", sshOK, "source.ip=2001:db8::7")
	f("Accepted password for averez from fe80::1%eth0 port 38856 ssh2", sshOK, "source.ip=fe80::1")
	f("Accepted gssapi-with-mic for averez from client.example.com port 38856 ssh2", sshOK,
		"source.address=client.example.com",
		"related.hosts=client.example.com", "-source.ip")
	f("Accepted gssapi-with-mic for averez from 192.0.2.7 port 38856 ssh2: averez@EXAMPLE.COM", sshOK, "ssh.principal=averez@EXAMPLE.COM",
		"-ssh.key_type")
	f(`Accepted hostbased for averez from 192.0.2.7 port 5 ssh2: RSA SHA256:x, client user "bob", client host "h.example.com"`, sshOK,
		"ssh.fingerprint=SHA256:x", "source.ip=192.0.2.7")
	f("Failed password for averez from 127.0.0.1 port 36166 ssh2", sshBad, "user.name=averez", "source.ip=127.0.0.1",
		"-event.reason")
	f("Failed password for invalid user nosuch from 127.0.0.1 port 36174 ssh2", sshBad, "user.name=nosuch",
		"event.reason=invalid user")
	f("Failed password for invalid user  from 127.0.0.1 port 36174 ssh2", sshBad, "-user.name", "source.ip=127.0.0.1")
	f("Failed password for averez from 127.0.0.1 port 45416 ssh1", sshBad, "user.name=averez", "source.port=45416")
	f("error: PAM: authentication error for averez from 192.0.2.7 via 192.0.2.1", sshBad, "user.name=averez",
		"source.ip=192.0.2.7", "related.ip=192.0.2.7")
	f("error: PAM: unknown user for illegal user x from 9.9.9.9 via 192.0.2.1 from 192.0.2.7 ", sshBad,
		"user.name=x from 9.9.9.9 via 192.0.2.1", "source.ip=192.0.2.7")
	f("Connection from 192.0.2.7 port 4711", "event.action=ssh-connect source.ip=192.0.2.7 source.port=4711 -destination.ip")
	f("fatal: Unable to negotiate with 192.0.2.7: no matching cipher found. Their offer: x [preauth]", sshFault,
		"source.ip=192.0.2.7", "event.reason=no matching cipher found. Their offer: x")
	f("fatal: Unable to negotiate a key exchange method [preauth]", sshFault, "-source.ip")
	f("fatal: Read from socket failed: Connection reset by peer [preauth]", "event.action=ssh-disconnect -event.outcome",
		"event.reason=Read from socket failed: Connection reset by peer")
	f("refused connect from x(9.9.9.9)@host.example.com (::ffff:192.0.2.7)", "event.action=ssh-connection-dropped event.type=connection|denied",
		"source.ip=192.0.2.7", "source.domain=host.example.com", "-event.outcome")
	f("refused connect from 192.0.2.7 (192.0.2.7)", "event.action=ssh-connection-dropped source.ip=192.0.2.7 -source.domain")
	f("Failed none for invalid user x from 127.0.0.1 port 36174 ssh2", sshStep, "event.action=ssh-auth-probe",
		"user.name=x")
	// What a client tries by itself is a step: another key, or a password, may follow.
	f("Failed publickey for averez from 127.0.0.1 port 1 ssh2: RSA SHA256:abc", sshStep,
		"event.action=ssh-method-refused",
		"ssh.fingerprint=SHA256:abc", "ssh.method=publickey")
	f("Failed gssapi-with-mic for averez from 127.0.0.1 port 1 ssh2", sshStep, "event.action=ssh-method-refused")
	f("Failed hostbased for averez from 127.0.0.1 port 1 ssh2", sshStep, "event.action=ssh-method-refused")
	f("Postponed publickey for averez from 127.0.0.1 port 36174 ssh2 [preauth]", sshStep,
		"event.action=ssh-auth-continue",
		"user.name=averez", "source.port=36174")
	f("Partial publickey for averez from 127.0.0.1 port 36174 ssh2: RSA SHA256:abc", sshStep,
		"event.action=ssh-auth-continue")
	f("Postponed keyboard-interactive for invalid user x from 127.0.0.1 port 36174 ssh2", sshStep, "user.name=x")
	f("Invalid user nosuchuser from 127.0.0.1 port 36174", sshStep, "event.action=ssh-invalid-user",
		"user.name=nosuchuser")
	f("Invalid user nosuchuser from 127.0.0.1", sshStep, "event.action=ssh-invalid-user", "source.ip=127.0.0.1",
		"-source.port")
	f("Invalid user  from 127.0.0.1 port 36174", sshStep, "event.action=ssh-invalid-user", "-user.name",
		"source.ip=127.0.0.1")
	f("User jdoe from 127.0.0.1 not allowed because listed in DenyUsers",
		"event.action=ssh-user-not-allowed -event.outcome",
		"user.name=jdoe", "source.ip=127.0.0.1", "event.reason=listed in DenyUsers", "event.type=denied")
	f("User jdoe not allowed because account is locked", "event.action=ssh-user-not-allowed", "user.name=jdoe",
		"-source.ip")
	f("ROOT LOGIN REFUSED FROM 192.0.2.7 port 22", "event.action=ssh-user-not-allowed", "user.name=root",
		"source.ip=192.0.2.7")
	f("fatal: Access denied for user averez by PAM account configuration [preauth]", sshBad,
		"user.name=averez", "event.reason=PAM account configuration", "-source.ip")
	f("error: maximum authentication attempts exceeded for invalid user x from 127.0.0.1 port 49602 ssh2 [preauth]",
		sshStep,
		"event.action=ssh-too-many-attempts", "user.name=x", "source.ip=127.0.0.1")
	// Ends.
	f("Received disconnect from 127.0.0.1 port 36160:11: disconnected by user", sshEnded, "source.port=36160",
		"event.reason=disconnected by user")
	f("Received disconnect from 192.0.2.7: 11: Bye Bye [preauth]", sshEnded, "source.ip=192.0.2.7",
		"event.reason=Bye Bye")
	f("Disconnected from user averez 127.0.0.1 port 36160", sshEnded, "user.name=averez", "source.ip=127.0.0.1")
	f("Disconnected from 127.0.0.1 port 36160 [preauth]", sshEnded, "-user.name", "source.ip=127.0.0.1")
	f("Connection closed by 127.0.0.1 port 43818", sshEnded, "source.port=43818")
	f("Connection closed by 127.0.0.1 [preauth]", sshEnded, "source.ip=127.0.0.1")
	f("Connection reset by 127.0.0.1 port 38868", sshEnded)
	// What goes wrong before anybody says who they are.
	f("error: kex_exchange_identification: read: Connection reset by peer", sshFault,
		"event.reason=read: Connection reset by peer")
	f("banner exchange: Connection from 127.0.0.1 port 43812: invalid format", sshFault, "source.port=43812",
		"event.reason=invalid format")
	f("ssh_dispatch_run_fatal: Connection from 192.0.2.7 port 9: Broken pipe [preauth]", sshFault,
		"event.reason=Broken pipe")
	f("Unable to negotiate with 127.0.0.1 port 4: no matching key exchange method found. Their offer: a,b [preauth]",
		sshFault,
		"event.reason=no matching key exchange method found. Their offer: a,b", "source.ip=127.0.0.1")
	f("Bad protocol version identification 'GET / HTTP/1.0' from 192.0.2.7 port 4", sshFault, "source.ip=192.0.2.7")
	f("Did not receive identification string from 192.0.2.7 port 4", sshFault, "source.port=4", "-event.reason")
	f("fatal: Timeout before authentication for 192.0.2.7 port 4",
		"event.action=ssh-timeout event.type=connection|denied", "source.port=4")
	f("Timeout before authentication for connection from 192.0.2.7 to 192.0.2.1, pid = 12", "event.action=ssh-timeout",
		"source.ip=192.0.2.7")
	f("drop connection #10 from [192.0.2.7]:40960 on [192.0.2.1]:22 past MaxStartups",
		"event.action=ssh-connection-dropped",
		"source.ip=192.0.2.7", "source.port=40960", "event.reason=past MaxStartups")
	f("drop connection #0 from [2001:db8::7]:4 on [2001:db8::1]:22 penalty: failed authentication",
		"event.action=ssh-connection-dropped source.ip=2001:db8::7", "event.reason=penalty: failed authentication")
	f("srclimit_penalise: ipv4: activating 192.0.2.1/32 penalty of 15 seconds for penalty: failed authentication",
		"event.action=ssh-penalty source.ip=192.0.2.1", "event.reason=15 seconds for penalty: failed authentication")
	f("srclimit_penalise: ipv6: new 2001:db8::/64 deferred penalty of 5 seconds for penalty: connections without attempting authentication",
		"event.action=ssh-penalty source.ip=2001:db8::")
	f("Connection from 192.0.2.7 port 4 on 192.0.2.1 port 22 rdomain \"\"",
		"event.action=ssh-connect source.ip=192.0.2.7 source.port=4",
		"destination.ip=192.0.2.1", "destination.port=22")
	f("Server listening on 127.0.0.1 port 2222.",
		"event.action=ssh-listen event.category=process server.ip=127.0.0.1 server.port=2222")
	f("Server listening on :: port 22.", "event.action=ssh-listen server.ip=::")
	f("reverse mapping checking getaddrinfo for evil.example.com [192.0.2.7] failed - POSSIBLE BREAK-IN ATTEMPT!",
		"event.action=ssh-reverse-mapping source.ip=192.0.2.7 source.domain=evil.example.com")
	for _, text := range []string{
		"Received signal 15", "Accepted", "Accepted x", "Failed password for x", "Connection closed by x",
		"Failed password for x from 127.0.0.1", "Disconnecting x", "drop connection #1 from x", "PAM: x",
		"PAM: x for y",
		"Access denied for user x", "srclimit_penalise: x", "Timeout before authentication for x",
		"Server listening on x",
	} {
		f(text, "-event.action -event.outcome -user.name -source.ip -source.address")
	}
}

// A user name may hold what looks like the rest of the line.
func TestSSHForged(t *testing.T) {
	f := func(text, user, ip string, want ...string) {
		t.Helper()
		e := newReader().says("sshd[1]", text)
		check(t, e, append(want, "user.name="+user, "source.ip="+ip)...)
	}
	f("Failed password for invalid user we ird from 10.0.0.1 from 127.0.0.1 port 38222 ssh2", "we ird from 10.0.0.1",
		"127.0.0.1",
		"related.ip=127.0.0.1", "-tags")
	f("Failed password for invalid user x from 9.9.9.9 port 22 ssh2 from 127.0.0.1 port 49582 ssh2",
		"x from 9.9.9.9 port 22 ssh2", "127.0.0.1", "source.port=49582", "-tags")
	f("Failed password for invalid user x for y from 127.0.0.1 port 4 ssh2", "x for y", "127.0.0.1")
	f("Failed password for user root from 127.0.0.1 port 4 ssh2", "user root", "127.0.0.1", "-event.reason")
	f("Invalid user x from 9.9.9.9 port 22 ssh2 from 127.0.0.1 port 49582", "x from 9.9.9.9 port 22 ssh2", "127.0.0.1")
	f("Invalid user x from 9.9.9.9 from 127.0.0.1", "x from 9.9.9.9", "127.0.0.1")
	f("Connection closed by invalid user we ird 10.0.0.1 port 5 127.0.0.1 port 41716 [preauth]",
		"we ird 10.0.0.1 port 5", "127.0.0.1",
		"-tags")
	f("Connection closed by invalid user x 127.0.0.1 port 41716 [preauth]", "x", "127.0.0.1")
	f("User x from 9.9.9.9 not allowed because y from 127.0.0.1 not allowed because not listed in AllowUsers",
		"x from 9.9.9.9 not allowed because y", "127.0.0.1", "event.reason=not listed in AllowUsers")
	f("error: PAM: Authentication failure for illegal user x from 9.9.9.9 from 127.0.0.1", "x from 9.9.9.9",
		"127.0.0.1")
	// A certificate's id is behind the address, and is whatever its issuer wrote; the user is one of the host's.
	const ca = " (serial 0) CA ED25519 SHA256:CZGikgXX1"
	f("Accepted publickey for averez from 127.0.0.1 port 43772 ssh2: ED25519-CERT SHA256:Lu23 ID foo from 9.9.9.9 port 22 ssh2: RSA SHA256:abc"+ca,
		"averez", "127.0.0.1", "source.port=43772", "ssh.key_type=ED25519-CERT", "ssh.fingerprint=SHA256:Lu23", "-tags",
		"related.ip=127.0.0.1")
	f("Accepted publickey for averez from 127.0.0.1 port 1 ssh2: RSA-CERT SHA256:Lu23 ID a from b port 3 ssh2"+ca,
		"averez", "127.0.0.1")
	f("Failed publickey for averez from 127.0.0.1 port 1 ssh2: RSA-CERT SHA256:L ID foo from 9.9.9.9 port 22 ssh2: RSA SHA256:abc"+ca,
		"averez", "127.0.0.1", "-tags", "related.ip=127.0.0.1")
	f("Partial publickey for averez from 127.0.0.1 port 1 ssh2: RSA-CERT SHA256:L ID foo from 9.9.9.9 port 22 ssh2: RSA SHA256:abc"+ca,
		"averez", "127.0.0.1", "-tags")
	// Where the host does not have the user, either may be forged: both addresses can be found, and the doubt is told.
	f("Failed publickey for invalid user x from 127.0.0.1 port 1 ssh2: RSA-CERT SHA256:L ID foo from 9.9.9.9 port 22 ssh2: RSA SHA256:abc"+ca,
		"x from 127.0.0.1 port 1 ssh2: RSA-CERT SHA256:L ID foo", "9.9.9.9", "tags=ambiguous",
		"related.ip=9.9.9.9|127.0.0.1")
	f("Failed publickey for invalid user x from 9.9.9.9 port 22 ssh2: RSA SHA256:abc from 127.0.0.1 port 1 ssh2: RSA SHA256:L",
		"x from 9.9.9.9 port 22 ssh2: RSA SHA256:abc", "127.0.0.1", "tags=ambiguous", "related.ip=127.0.0.1|9.9.9.9")
	f("Disconnecting invalid user x 127.0.0.1 port 5: Change of username or service not allowed: (x,ssh-connection) -> (9.9.9.9 port 1: y,z) [preauth]",
		"x", "127.0.0.1", "-tags")
	f("Disconnecting authenticating user averez 127.0.0.1 port 5: Change of username or service not allowed: (averez,ssh-connection) -> (x 9.9.9.9 port 4: y,ssh-connection) [preauth]",
		"averez", "127.0.0.1", "-tags")
	f("Disconnecting invalid user x 9.9.9.9 port 4: Change of username or service not allowed: (x,y) -> (z 127.0.0.1 port 5: Change of username or service not allowed: (x 9.9.9.9 port 4: Change of [preauth]",
		"x 9.9.9.9 port 4: Change of username or service not allowed: (x,y) -> (z", "127.0.0.1")
}

// attempt counts the events with an outcome that lines of sshd make.
func attempts(t *testing.T, want string, lines ...string) {
	t.Helper()
	r := newReader()
	var got []string
	for _, text := range lines {
		program := "sshd[7]: "
		if strings.HasPrefix(text, "sshd") {
			program = ""
		}
		e := r.line("Nov 23 17:54:31 vm " + program + text)
		if outcome := e.Get("event.outcome"); outcome != "" {
			got = append(got, outcome)
			check(t, e, "event.action=ssh-login-attempt", "source.ip=192.0.2.7", "event.category=authentication")
		}
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("%q\ngot  %s\nwant %s", lines, s, want)
	}
}

// One attempt is one event with an outcome, whatever sshd and PAM write of it.
func TestSSHAttempts(t *testing.T) {
	const (
		pam    = "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=averez"
		failed = "Failed password for averez from 192.0.2.7 port 4 ssh2"
		closed = "Connection closed by authenticating user averez 192.0.2.7 port 4 [preauth]"
		pamErr = "error: PAM: Authentication failure for averez from 192.0.2.7"
		kbd    = "Failed keyboard-interactive/pam for averez from 192.0.2.7 port 4 ssh2"
		many   = "Disconnecting authenticating user averez 192.0.2.7 port 4: Too many authentication failures [preauth]"
	)
	attempts(t, "failure", pam, failed, closed)
	attempts(t, "failure failure", pam, failed, failed,
		"error: maximum authentication attempts exceeded for averez from 192.0.2.7 port 4 ssh2 [preauth]", many,
		"PAM 1 more authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=averez")
	// With UseDNS, PAM's line has a name.
	named := newReader()
	named.says("sshd[7]", "Invalid user x from 192.0.2.7 port 4")
	check(t, named.says("sshd[7]", "error: PAM: Authentication failure for illegal user x from client.example.com"), "event.outcome=failure",
		"source.address=client.example.com", "source.ip=192.0.2.7", "source.port=4")
	check(t, named.says("sshd[7]", "Failed keyboard-interactive/pam for invalid user x from 192.0.2.7 port 4 ssh2"), "-event.outcome")
	attempts(t, "failure", "Invalid user x from 192.0.2.7 port 4", "pam_unix(sshd:auth): check pass; user unknown",
		"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7 ",
		"Failed password for invalid user x from 192.0.2.7 port 4 ssh2",
		"Connection closed by invalid user x 192.0.2.7 port 4 [preauth]")
	attempts(t, "success", "Postponed publickey for averez from 192.0.2.7 port 4 ssh2 [preauth]",
		"Accepted publickey for averez from 192.0.2.7 port 4 ssh2: ED25519 SHA256:r",
		"Received disconnect from 192.0.2.7 port 4:11: x",
		"Disconnected from user averez 192.0.2.7 port 4")
	attempts(t, "failure", "pam_unix(sshd:account): account averez has expired (account expired)", failed,
		"fatal: Access denied for user averez by PAM account configuration [preauth]")
	// Keys alone leave no other line than the end.
	attempts(t, "failure", closed)
	attempts(t, "failure", "Invalid user x from 192.0.2.7 port 4",
		"Connection closed by invalid user x 192.0.2.7 port 4 [preauth]")
	attempts(t, "failure", many)
	attempts(t, "failure failure", closed, "Connection reset by authenticating user averez 192.0.2.7 port 5 [preauth]")
	attempts(t, "", "Connection closed by 192.0.2.7 port 4 [preauth]")
	attempts(t, "", "Failed none for averez from 192.0.2.7 port 4 ssh2",
		"Postponed publickey for averez from 192.0.2.7 port 4 ssh2")
	// By keyboard-interactive PAM's line tells; sshd repeats it from the third failure on.
	attempts(t, "failure", pam, pamErr, closed)
	attempts(t, "failure failure failure", pamErr, pamErr, pamErr, kbd, closed)
	attempts(t, "failure failure failure failure", pamErr, pamErr, pamErr, kbd, pamErr, kbd, many)
	attempts(t, "failure", kbd, closed)
	attempts(t, "failure", "error: PAM: Have exhausted maximum number of retries for service for averez from 192.0.2.7",
		closed)
	// Before 7.5 the end named no user, and before 7.2 no port.
	const invalid = "Invalid user x from 192.0.2.7 port 4"
	attempts(t, "failure", invalid, "Connection closed by 192.0.2.7 port 4 [preauth]")
	attempts(t, "failure", "Invalid user x from 192.0.2.7", "Received disconnect from 192.0.2.7: 11: Bye Bye [preauth]")
	attempts(t, "failure",
		"error: maximum authentication attempts exceeded for averez from 192.0.2.7 port 4 ssh2 [preauth]",
		"Disconnecting: Too many authentication failures [preauth]")
	attempts(t, "failure", failed, "Connection closed by 192.0.2.7 port 4 [preauth]")
	attempts(t, "", "Disconnecting: Too many authentication failures [preauth]")
	// Keys that are refused are told where LogLevel is VERBOSE; what they end in is one attempt.
	const key = "Failed publickey for averez from 192.0.2.7 port 4 ssh2: RSA SHA256:x"
	attempts(t, "failure", key, key, key, closed)
	attempts(t, "success", key, key, "Accepted password for averez from 192.0.2.7 port 4 ssh2")
	attempts(t, "failure", key, failed, closed)
	attempts(t, "failure", key, "fatal: Timeout before authentication for 192.0.2.7 port 4")
	attempts(t, "failure", key,
		"sshd[1]: Timeout before authentication for connection from 192.0.2.7 to 192.0.2.1, pid = 7")
	attempts(t, "failure", key,
		"ssh_dispatch_run_fatal: Connection from authenticating user averez 192.0.2.7 port 4: Broken pipe [preauth]")
	attempts(t, "failure", key, "fatal: Access denied for user averez by PAM account configuration [preauth]")
	attempts(t, "failure failure", key, closed, strings.ReplaceAll(key, "port 4", "port 5"),
		strings.ReplaceAll(closed, "port 4", "port 5"))
	// Since 9.8 the names are others.
	attempts(t, "failure", "sshd-session[7]: "+pam, "sshd-session[7]: "+failed, "sshd-session[7]: "+closed)
	attempts(t, "failure", "sshd-auth[7]: "+failed, "sshd-session[7]: "+closed)
}

// A line that comes twice counts as it did; lines without an id are each their own.
func TestSSHAttemptAgain(t *testing.T) {
	const closed = "Nov 23 17:54:31 vm sshd[7]: Connection closed by authenticating user averez 192.0.2.7 port 4 [preauth]"
	r := newReader()
	for range 3 {
		check(t, r.again(closed, 1), strings.Fields(sshBad)...)
	}
	check(t, r.again(closed, 2), strings.Fields(sshEnded)...)
	check(t, r.again(closed, 1), strings.Fields(sshBad)...)
	r.host = "other"
	check(t, r.again(closed, 3), strings.Fields(sshBad)...)
}
