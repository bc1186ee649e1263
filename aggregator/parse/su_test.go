package parse

import (
	"strings"
	"testing"
)

func TestSu(t *testing.T) {
	f := func(text, outcome, user, target, tty string) {
		t.Helper()
		e := newReader().says("su[1]", text)
		check(t, e, "event.action=su-attempt", "event.category=authentication", "event.type=start",
			"event.outcome="+outcome,
			"user.name="+user, "user.target.name="+target, "user.effective.name="+target, "process.tty="+tty)
	}
	f("(to averez) root on none", "success", "root", "averez", "")
	f("(to dave) alice on pts/0", "success", "alice", "dave", "pts/0")
	f("FAILED SU (to root) eve on pts/0", "failure", "eve", "root", "pts/0")
	f("FAILED SU (to jdoe) averez on none", "failure", "averez", "jdoe", "")
	f("(to root) we on ird on pts/0", "success", "we on ird", "root", "pts/0")
	f("Successful su for root by eve", "success", "eve", "root", "")
	f("FAILED su for root by eve", "failure", "eve", "root", "")
	f("+ /dev/pts/0 eve:root", "success", "eve", "root", "/dev/pts/0")
	f("- pts/0 eve:root", "failure", "eve", "root", "pts/0")
	f("+ ??? root:nobody", "success", "root", "nobody", "")
	f("eve to root on /dev/pts/0", "success", "eve", "root", "/dev/pts/0")
	f("BAD SU eve to root on /dev/pts/0", "failure", "eve", "root", "/dev/pts/0")
}

// A line of which only the beginning is known tells no attempt: least of all one that failed as a success.
func TestSuUnknown(t *testing.T) {
	for _, text := range []string{
		"", "+", "+ ", "+ pts/0", "+ pts/0 eve:", "(to root", "(to ) eve on pts/0", "FAILED SU", "FAILED SU x",
		"FAILED su for root",
		"x", "a b to c on d", "pam_limits(su:session): x on y", "Authentication failure", "notice on tty",
	} {
		check(t, newReader().says("su", text),
			strings.Fields("-event.action -event.outcome -user.name -user.target.name")...)
	}
}
