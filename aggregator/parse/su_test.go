package parse

import (
	"strings"
	"testing"

	"belfry/shared/event"
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
	f("FAILED RUNUSER (to root) eve on none", "failure", "eve", "root", "")
	f("- /dev/pts/0 ???:root", "failure", "", "root", "/dev/pts/0")
	f("- none eve:root", "failure", "eve", "root", "") // busybox
	f("eve to root", "success", "eve", "root", "")     // OpenBSD without a terminal
	f("BAD SU eve to root", "failure", "eve", "root", "")
	f("'su root' succeeded for eve on /dev/pts/1", "success", "eve", "root", "/dev/pts/1")
	f("'su root' failed for eve on /dev/pts/1", "failure", "eve", "root", "/dev/pts/1")
	f("from eve to root at /dev/pts/0", "success", "eve", "root", "/dev/pts/0")
	f("BAD SU from eve to root at /dev/pts/0", "failure", "eve", "root", "/dev/pts/0")
}

// What shadow's su says before its "-" is a step of that attempt.
func TestSuSteps(t *testing.T) {
	f := func(text, user, target, reason string) {
		t.Helper()
		check(t, newReader().says("su[1]", text), "event.action=su-auth-failure", "-event.outcome", "event.category=authentication",
			"event.type=info", "user.name="+user, "user.target.name="+target, "event.reason="+reason)
	}
	f("Authentication failed for root", "", "root", "")
	f("No passwd entry for user 'nosuch'", "", "nosuch", "")
	f("pam_authenticate: Authentication failure", "", "", "Authentication failure")
	f("SU by eve to restricted account root", "eve", "root", "restricted account")
}

// Each attempt of the corpus is one, with the outcome that su's exit code told.
func TestSuRuns(t *testing.T) {
	labRuns(t, "su", func(run labRun, events []*event.Event) {
		if run.Target == "" != (len(events) == 0) {
			t.Fatalf("%+v: %d lines", run, len(events))
		}
		outcome := "failure"
		if run.OK {
			outcome = "success"
		}
		for _, e := range events {
			run.shows(t, e, "event.action=su-attempt", "event.outcome="+outcome, "user.name="+run.User,
				"user.target.name="+run.Target, "process.tty="+run.Terminal)
		}
	})
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
