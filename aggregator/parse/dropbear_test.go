package parse

import (
	"strings"
	"testing"
)

func TestDropbear(t *testing.T) {
	f := func(text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().says("dropbear[7]", text), append(strings.Fields(kind), want...)...)
	}
	f("Bad password attempt for 'averez' from 192.0.2.7:5543", sshBad, "user.name=averez", "source.ip=192.0.2.7", "source.port=5543")
	// Older ones.
	f("bad password attempt for 'averez' from 192.0.2.7:5543", sshBad, "user.name=averez", "source.ip=192.0.2.7")
	f("password auth succeeded for 'averez' from 192.0.2.7:5543", sshOK, "user.name=averez")
	f("login attempt for nonexistent user from ::ffff:192.0.2.7:60495", sshStep, "event.action=ssh-invalid-user", "source.ip=192.0.2.7")
	f("exit before auth: Disconnect received", "event.action=ssh-disconnect -event.outcome")
	f("Exit before auth (user 'averez', 10 fails): Max auth tries reached - user 'averez' from 192.0.2.7:60588", sshBad,
		"user.name=averez", "source.ip=192.0.2.7", "source.port=60588")
}

// Each password is an attempt, and the end of a connection with some is none.
func TestDropbearAttempts(t *testing.T) {
	r := newReader()
	check(t, r.says("dropbear[7]", "Bad password attempt for 'averez' from 192.0.2.7:60588"), "event.outcome=failure")
	check(t, r.says("dropbear[7]", "Exit before auth (user 'averez', 1 fails): Max auth tries reached - user 'averez' from 192.0.2.7:60588"),
		"-event.outcome", "source.ip=192.0.2.7")
}
