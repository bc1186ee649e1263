package parse

import (
	"strings"
	"testing"
)

func TestDovecot(t *testing.T) {
	f := func(text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().says("dovecot", text), append(strings.Fields(kind), want...)...)
	}
	const (
		good = "event.action=imap-login-attempt event.outcome=success event.category=authentication event.type=start"
		bad  = "event.action=imap-login-attempt event.outcome=failure event.category=authentication event.type=start"
		gone = "event.action=imap-disconnect -event.outcome"
		who  = "user=<averez>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, "
	)
	f("imap-login: Login: "+who+"mpid=98, TLS, session=<qP2N/1>", good, "user.name=averez", "source.ip=192.0.2.7",
		"destination.ip=192.0.2.1", "dovecot.method=PLAIN", "dovecot.session=qP2N/1", "dovecot.mail_pid=98",
		"tls.established=true", "network.protocol=imap", "related.user=averez")
	f("imap-login: Login: user=<averez>, method=PLAIN, rip=192.0.2.7, rport=1, lip=192.0.2.1, lport=143, mpid=98", good,
		"source.port=1", "destination.port=143", "-tls.established", "-dovecot.session")
	f("imap-login: Aborted login (auth failed, 1 attempts in 2 secs): "+who+"TLS, session=<x>", bad, "dovecot.attempts=1",
		"event.reason=Aborted login (auth failed, 1 attempts in 2 secs)")
	f("imap-login: Disconnected (auth failed, 2 attempts in 2 secs): "+who+"session=<x>", bad, "dovecot.attempts=2")
	f("imap-login: Disconnected: Connection closed (auth failed, 3 attempts in 2 secs): "+who+"TLS: Connection closed, session=<x>",
		bad, "dovecot.attempts=3", "tls.established=true")
	f("imap-login: Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) (auth_failed): "+who+"session=<x>", bad,
		"dovecot.attempts=1")
	f("imap-login: Login aborted: Connection closed (no auth attempts in 0 secs) (no_auth_attempts): user=<>, rip=192.0.2.7, lip=192.0.2.1, session=<x>",
		gone, "-user.name", "source.ip=192.0.2.7")
	f("imap-login: Disconnected (no auth attempts in 0 secs): user=<>, rip=192.0.2.7, lip=192.0.2.1, TLS handshaking: x, session=<y>",
		gone, "-tls.established")
	f("imap-login: Disconnected (tried to use disallowed plaintext auth): user=<>, rip=192.0.2.7, lip=192.0.2.1, session=<y>", bad)
	f("imap-login: Disconnected (auth failed, 1 attempts in 0 secs): user=<x>, method=PLAIN, rip=9.9.9.9, lip=<1>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, session=<y>",
		bad, "user.name=x>, method=PLAIN, rip=9.9.9.9, lip=<1", "source.ip=192.0.2.7", "related.ip=192.0.2.7")
	f("imap-login: Disconnected (auth failed, 1 attempts): method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, TLS: Disconnected", bad,
		"-user.name", "source.ip=192.0.2.7", "dovecot.method=PLAIN")
	f("imap-login: Aborted login (tried to use disabled plaintext auth): rip=192.0.2.7, lip=192.0.2.1, session=<y>", bad,
		"source.ip=192.0.2.7", "dovecot.session=y")
	f("imap-login: Disconnected: Inactivity (no auth attempts): rip=192.0.2.7, lip=192.0.2.1, TLS", gone, "destination.ip=192.0.2.1")
	f("imap-login: Disconnected: rip=x, lip=192.0.2.1", "-event.action")
	f("pop3-login: Login: "+who+"mpid=1", "event.action=pop3-login-attempt event.outcome=success network.protocol=pop3")
	f("auth: passwd-file(a,b): c,192.0.2.7,<x/y+1>): Password mismatch (given password: secret)",
		"event.action=mailbox-login-attempt event.outcome=failure", "user.name=a,b): c", "source.ip=192.0.2.7",
		"dovecot.session=x/y+1", "event.reason=Password mismatch", "dovecot.database=passwd-file")
	f("auth: ldap(averez,192.0.2.7,): invalid credentials", "event.action=mailbox-auth -event.outcome", "user.name=averez",
		"source.ip=192.0.2.7", "-dovecot.session")
	f("auth: passwd-file(averez,192.0.2.7): Password mismatch", "event.action=mailbox-auth -event.outcome", "user.name=averez")
	f("auth-worker(12): conn unix:auth-worker (pid=1,uid=0): auth-worker<3>: pam(averez,192.0.2.7,<x>): pam_authenticate() failed: Authentication failure (Password mismatch?)",
		"event.action=mailbox-login-attempt event.outcome=failure", "event.reason=pam_authenticate() failed: Authentication failure")
	f("auth(a, b,192.0.2.7,sasl:plain)<Cd5NZ2o8>: passwd-file: Password mismatch", "event.action=mailbox-login-attempt event.outcome=failure",
		"user.name=a, b", "source.ip=192.0.2.7", "dovecot.session=Cd5NZ2o8", "dovecot.database=passwd-file", "dovecot.method=plain")
	f("imap-login: Logged in: "+who+"session=<x>", good, "user.name=averez")
	f("imap(we ird)<12><x/1>: Disconnected: Logged out in=8 out=468 deleted=0", "event.action=mailbox-disconnect -event.outcome",
		"user.name=we ird", "source.bytes=8", "destination.bytes=468", "process.pid=12", "dovecot.session=x/1",
		"event.reason=Disconnected: Logged out")
	f("imap(a)<1><x>: y)<12><z>: Logged out in=8 out=468", "user.name=a", "event.action=mailbox-message")
	f("imap(averez): Connection closed in=8 out=4", "event.action=mailbox-disconnect", "user.name=averez", "source.bytes=8")
	f("lmtp(averez)<1><x>: sieve: msgid=<a: b@c>: stored mail into mailbox 'INBOX'", "event.action=mail-saved -event.outcome",
		"email.message_id=a: b@c", "user.name=averez")
	for _, text := range []string{"", "x", "imap-login: Login: user=<x", "imap-login: Login: user=<x>", "auth: x(", "imap(", "imap(a",
		"imap-login: Login: user=<a>, rip=b, lip=c", "master: Warning: Killed"} {
		f(text, "-event.action -event.outcome -user.name -source.ip")
	}
}

// PAM's word of a login that Dovecot or Postfix tells the end of is no attempt of its own.
func TestDovecotPAM(t *testing.T) {
	for _, program := range []string{"auth", "dovecot-auth[1]", "saslauthd[1]"} {
		check(t, newReader().says(program,
			"pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=averez rhost=192.0.2.7  user=averez"),
			"event.action=pam-auth-failure", "-event.outcome", "user.name=averez", "source.ip=192.0.2.7")
	}
}

// Its own log has no host and no program of syslog's.
func TestDovecotFile(t *testing.T) {
	check(t, newReader().line("Nov 23 17:54:31 imap(we ird)<12><x>: Info: Disconnected: Logged out in=8 out=4"),
		"event.action=mailbox-disconnect", "user.name=we ird", "-log.syslog.hostname", "@timestamp=2026-11-23T17:54:31Z")
	check(t, newReader().line("Nov 23 17:54:31 auth(tom@example.com,192.0.2.7,sasl:plain)<Cd5N>: Info: passwd-file: unknown user"),
		"event.action=mailbox-login-attempt", "event.outcome=failure", "user.name=tom@example.com", "source.ip=192.0.2.7")
	check(t, newReader().line("Nov 23 17:54:31 auth-worker(80180): Info: conn unix:auth-worker (uid=143): auth-worker<7>: sql(tom,192.0.2.7,<Yx7>): unknown user"),
		"event.action=mailbox-login-attempt", "event.outcome=failure", "user.name=tom", "source.ip=192.0.2.7", "process.name=auth-worker")
	check(t, newReader().line("Nov 23 17:54:31 imap(tom): Info: Disconnected: Logged out in=8 out=4"),
		"event.action=mailbox-disconnect", "user.name=tom", "process.name=imap")
	check(t, newReader().line("2026-11-23T17:54:31+0000 pop3-login: Info: Login: user=<a>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1"),
		"event.action=pop3-login-attempt", "event.outcome=success", "user.name=a")
}

// Auth's line tells an attempt that fails, and then the login's does not; where auth asks one database after another,
// the first one's word is not the end.
func TestDovecotAttempts(t *testing.T) {
	r := newReader()
	says := func(text, want string) {
		t.Helper()
		check(t, r.says("dovecot", text), want)
		check(t, r.again("Nov 23 17:54:31 vm dovecot: "+text, r.n), want)
	}
	const end = "imap-login: Disconnected (auth failed, 2 attempts in 4 secs): user=<a>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, session=<%>"
	says("auth: pam(a,192.0.2.7,<1>): unknown user", "event.outcome=failure")
	says("auth: sql(a,192.0.2.7,<1>): Password mismatch", "-event.outcome")
	says("auth: pam(b,192.0.2.7,<1>): unknown user", "event.outcome=failure")
	says(strings.Replace(end, "%", "1", 1), "-event.outcome")
	says(strings.Replace(end, "%", "2", 1), "event.outcome=failure")
	says("auth: pam(c,192.0.2.7,<3>): unknown user", "event.outcome=failure")
	says("imap-login: Login: user=<c>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, session=<3>", "event.outcome=success")
	says("auth: pam(c,192.0.2.7,<4>): unknown user", "-event.outcome")
	says("imap-login: Login: user=<c>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, session=<4>", "event.outcome=success")
}

// Each password that a client sent is one outcome. Without auth's lines, those that fail before the last of their
// connection are not told one by one: three passwords are one line, and one before the right password is none.
func TestDovecotOutcomes(t *testing.T) {
	want := counted(t, "dovecot/outcomes.txt")
	f := func(name string, untold int) {
		t.Helper()
		good, bad := 0, 0
		for _, e := range corpusEvents(t, "dovecot", name) {
			switch e.Get("event.outcome") {
			case "success":
				good++
			case "failure":
				bad++
			}
		}
		if good != want["login ok"] || bad != want["login bad"]-untold {
			t.Errorf("%s: %d succeeded and %d failed, want %v", name, good, bad, want)
		}
	}
	f("mail", 0)
	f("own", 3)
	f("iso", 3)
}

func FuzzDovecot(f *testing.F) {
	fuzzProgram(f, "dovecot",
		"imap-login: Login: user=<a>, method=PLAIN, rip=::1, rport=1, lip=::2, lport=3, mpid=4, TLS, session=<x>",
		"auth: a(b,::1,<x>): unknown user (c)\nimap-login: Disconnected (auth failed, 1 attempts in 0 secs): user=<b>, method=A, rip=::1, lip=::1, session=<x>",
		"imap(a)<1><x>: Logged out in=1 out=2 bytes=3/4\nlmtp(a)<1><x>: msgid=<b>: saved mail to INBOX\nauth-worker(1): conn unix:x (y): auth-worker<1>: pam(a,,<x>): Password mismatch",
		"Error: imap(a): x")
}
