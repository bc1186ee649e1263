package parse

import (
	"strings"
	"testing"
)

// What stands before a text is none of it: sudo pads names, which a journal keeps, and templates of rsyslog write two blanks.
func TestBlanksBeforeText(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		check(t, newReader().line(line), want...)
	}
	f("<85>1 2026-11-23T17:54:31Z vm sudo 7 - -      jan : PWD=/tmp ; USER=root ; COMMAND=/bin/id", "user.name=jan",
		"event.action=sudo-command", "related.user=jan|root")
	f("<86>1 2026-11-23T17:54:31Z vm sshd 4 - -  Accepted password for b from 192.0.2.7 port 5 ssh2", "event.action=ssh-login-attempt",
		"user.name=b", "event.outcome=success")
	f("<86>1 2026-11-23T17:54:31Z vm su 4 - -  pam_unix(su:session): session opened for user root(uid=0) by b(uid=1)",
		"event.action=session-opened", "user.name=b")
}

// A line may begin with its tag, if the program is known.
func TestBareTag(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		check(t, newReader().line(line), want...)
	}
	f("sshd[3]: Accepted password for b from 192.0.2.7 port 5 ssh2", "event.action=ssh-login-attempt", "process.pid=3", "process.name=sshd")
	f("Error: sshd[3]: Accepted password for b from 192.0.2.7 port 5 ssh2", "-event.action", "-process.name")
	f("1795369471.187201 vm sudo[7]: averez : PWD=/tmp ; USER=root ; COMMAND=/bin/id", "user.name=averez",
		"@timestamp=2026-11-22T17:44:31.187201Z", "host.name=vm", "log.syslog.hostname=vm")
	f("1795369471.187201 12 some number", "-process.name")
}

func TestGzip(t *testing.T) {
	err := Lines(strings.NewReader("\x1f\x8b\x08\x00"), &strings.Builder{}, Options{})
	if err == nil || !strings.Contains(err.Error(), "gzip") {
		t.Error(err)
	}
}
