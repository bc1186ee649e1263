package parse

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

// labRun is what a run.py of the corpus did, and what came of it.
type labRun struct {
	Program, User, Says, Command, Target, Dir, Reason string
	Asks, Terminal                                    string
	OK                                                bool
	Lines                                             int
	Ambiguous                                         map[string][]string // what can be read in two ways
}

// corpusAt is when the lines of the corpus that have such runs are read.
var corpusAt = time.Date(2026, time.November, 28, 23, 0, 0, 0, time.UTC)

// labRuns hands each run of a program to f, with the events of its lines.
func labRuns(t *testing.T, program string, f func(run labRun, events []*event.Event)) {
	t.Helper()
	name := "../../shared/corpus/" + program + "/debian"
	text, err := os.ReadFile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var runs []labRun
	if err := json.Unmarshal(text, &runs); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(name + ".log")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(log), "\n"), "\n")
	r := corpusReader()
	at := 0
	for _, run := range runs {
		var events []*event.Event
		for _, line := range lines[at : at+run.Lines] {
			events = append(events, r.line(line))
		}
		at += run.Lines
		f(run, events)
	}
	if at != len(lines) || at == 0 {
		t.Errorf("%d lines of %d", at, len(lines))
	}
}

// corpusReader reads the lines of the corpus when they were written.
func corpusReader() *reader {
	r := newReader()
	r.now = corpusAt
	return r
}

// shows checks fields; of those that can be read in two ways, all that was found.
func (run *labRun) shows(t *testing.T, e *event.Event, want ...string) {
	t.Helper()
	tags := "-tags"
	if run.Ambiguous != nil {
		tags = "tags=ambiguous"
	}
	for _, w := range append(want, tags) {
		name, _, _ := strings.Cut(w, "=")
		if values, ok := run.Ambiguous[name]; ok {
			w = name + "=" + strings.Join(values, "|")
		}
		check(t, e, w)
	}
}

// Each command that doas ran is one doas-command, and each that it did not run one failure.
func TestDoasRuns(t *testing.T) {
	actions := map[string]string{
		"ran": "doas-command|success|process|start", "denied": "doas-denied|failure|process|denied",
		"failed": "doas-auth-failed|failure|authentication|start",
	}
	labRuns(t, "doas", func(run labRun, events []*event.Event) {
		if len(events) != 1 {
			t.Fatalf("%s: %d lines", run.Command, len(events))
		}
		e := events[0]
		if got := strings.Join([]string{
			e.Get("event.action"), e.Get("event.outcome"), e.Get("event.category"), e.Get("event.type"),
		}, "|"); got != actions[run.Says] {
			t.Errorf("%s is %s, want %s", e.Get("event.original"), got, actions[run.Says])
		}
		target, dir := run.Target, run.Dir
		if run.Says != "ran" { // it does not say as whom
			target, dir = "", ""
		}
		run.shows(t, e, "user.name="+run.User, "user.effective.name="+target, "process.command_line="+run.Command,
			"process.working_directory="+dir)
	})
}

func TestDoas(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().says("doas", text), want...)
	}
	f("averez ran command /usr/bin/id -u as root from /home/averez", "event.action=doas-command", "event.outcome=success",
		"user.name=averez", "user.target.name=root", "related.user=averez|root", "process.executable=/usr/bin/id",
		"process.command_line=/usr/bin/id -u", "process.working_directory=/home/averez", "-tags")
	f("averez ran command id as root from (failed)", "event.action=doas-command", "-process.working_directory", "-process.executable")
	f("averez ran command as root: id -u", "event.action=doas-command", "user.target.name=root", "process.command_line=id -u")
	f("averez ran command as as root from /", "process.command_line=as", "user.target.name=root", "-tags")
	f("failed command for averez: id -u", "event.action=doas-denied", "event.outcome=failure", "user.name=averez",
		"process.command_line=id -u")
	f("command not permitted for averez: x: y", "event.action=doas-denied", "process.command_line=x: y")
	f("failed password for averez", "event.action=doas-auth-failed", "event.outcome=failure", "user.name=averez")
	f("tty required for averez", "event.action=doas-auth-failed", "event.reason=tty required")
	// What a command looks like changes nothing of who ran it, nor that it ran.
	f("averez ran command failed auth for root as root from /", "event.action=doas-command", "user.name=averez")
	f("averez ran command a as b from /c as d from /e as root from /f", "event.action=doas-command", "tags=ambiguous",
		"process.command_line=a|a as b from /c as d from /e", "user.effective.name=b|root", "related.user=averez|b|root")
	for _, text := range []string{"", "failed auth for ", "failed auth for a b", "command not permitted for x", "x ran command y",
		"x ran command y as z", "x ran command y as z from tmp", "failed auth for x: y", "a b ran command c as d from /"} {
		f(text, "-event.action", "-event.outcome", "-user.name")
	}
}

// Each command that pkexec ran is one pkexec-command; that it asked for a password is an attempt of its own.
func TestPkexecRuns(t *testing.T) {
	labRuns(t, "pkexec", func(run labRun, events []*event.Event) {
		count := map[string]int{}
		for _, e := range events {
			action := e.Get("event.action")
			if action == "" {
				t.Errorf("%q is not read", e.Get("event.original"))
			}
			count[action+"|"+e.Get("event.outcome")]++
			switch {
			case action == "pkexec-command" || action == "pkexec-denied":
				run.shows(t, e, "user.name="+run.User, "user.effective.name="+run.Target, "process.command_line="+run.Command,
					"process.working_directory="+run.Dir, "process.tty="+run.Terminal, "event.reason="+run.Reason)
			case e.Has("event.outcome"):
				run.shows(t, e, "user.name="+run.User, "polkit.action=org.freedesktop.policykit.exec")
			}
		}
		wants := func(key string, n int) {
			if count[key] != n {
				t.Errorf("%s %s: %d %s, want %d", run.User, run.Command, count[key], key, n)
			}
		}
		is := map[bool]int{true: 1}
		wants("pkexec-command|success", is[run.Says == "ran"])
		wants("pkexec-denied|failure", is[run.Says == "denied"])
		wants("polkit-authentication|failure", is[run.Asks == "failed"])
	})
}

func TestPkexec(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().says("pkexec[9]", text), want...)
	}
	const about = " [USER=root] [TTY=/dev/pts/0] [CWD=/home/averez] [COMMAND=/usr/bin/id -u]"
	f("averez: Executing command"+about, "event.action=pkexec-command", "event.outcome=success", "user.name=averez",
		"user.effective.name=root", "user.target.name=root", "process.tty=pts/0", "process.working_directory=/home/averez",
		"process.command_line=/usr/bin/id -u", "process.executable=/usr/bin/id", "-tags", "-event.reason")
	f("averez: Error executing command as another user: Request dismissed"+about, "event.action=pkexec-denied",
		"event.outcome=failure", "event.reason=Error executing command as another user: Request dismissed")
	// The command may look like a refusal, or like another user's.
	f("averez: Executing command [USER=root] [TTY=unknown] [CWD=/] [COMMAND=/bin/x] [USER=evil]", "user.effective.name=root",
		"process.command_line=/bin/x] [USER=evil", "event.outcome=success", "-process.tty")
	for _, text := range []string{"", "averez: Executing command", "averez: Executing command [USER=root]", "averez:" + about,
		"averez: Executing command [USER=root] [TTY=x] [CWD=/] [COMMAND=/bin/x", "a b: Executing command" + about} {
		f(text, "-event.action", "-event.outcome", "-user.name")
	}
}

func TestPolkit(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		check(t, newReader().says("polkitd[9]", text), want...)
	}
	const about = "authorization for action org.freedesktop.systemd1.manage-units for unix-process:1234:567 "
	f("Operator of unix-session:3 successfully authenticated as unix-user:root to gain ONE-SHOT "+about+
		"[systemctl restart x] (owned by unix-user:averez)", "event.action=polkit-authentication", "event.outcome=success",
		"event.category=authentication", "user.name=averez", "user.target.name=root", "related.user=averez|root",
		"polkit.action=org.freedesktop.systemd1.manage-units", "polkit.scope=unix-session:3", "polkit.subject=unix-process:1234:567",
		"process.parent.pid=1234", "process.parent.command_line=systemctl restart x")
	f("Operator of unix-session:3 successfully authenticated as unix-user:averez to gain TEMPORARY "+about+
		"[x] (owned by unix-user:averez)", "event.outcome=success", "user.target.name=averez")
	// A command line names who it likes.
	f("Operator of unix-session:3 FAILED to authenticate to gain "+about+
		"[x] (owned by unix-user:root) for [y] (owned by unix-user:mallory)", "event.action=polkit-authentication",
		"event.outcome=failure", "user.name=mallory", "-user.target.name",
		"process.parent.command_line=x] (owned by unix-user:root) for [y")
	f("Registered Authentication Agent for unix-session:3 (system bus name :1.20 [pkttyagent], object path /org/x, locale C)",
		"event.action=polkit-agent-registered", "-event.outcome", "polkit.bus_name=:1.20", "process.parent.command_line=pkttyagent")
	f("Unregistered Authentication Agent for unix-session:3 (system bus name :1.20, object path /org/x, locale C) (disconnected from bus)",
		"event.action=polkit-agent-unregistered", "-event.outcome", "polkit.bus_name=:1.20")
	f("Reloading rules", "event.action=polkit-rules-reloading", "event.category=configuration")
	f("Error compiling script /etc/polkit-1/rules.d/x.rules: y", "event.action=polkit-rules-error",
		"event.reason=Error compiling script /etc/polkit-1/rules.d/x.rules: y")
	f("inappropriate use of helper, stdin is a tty [uid=1001]", "event.action=polkit-helper-misused", "user.id=1001")
	for _, text := range []string{"", "Operator of x", "Operator of x FAILED to authenticate to gain " + about + "[x]",
		"Operator of x successfully authenticated as unix-user:y to gain EVERY " + about + "[x] (owned by unix-user:z)",
		"Registered Authentication Agent for x", "inappropriate use of helper"} {
		f(text, "-event.action", "-event.outcome", "-user.name")
	}
}

func FuzzDoas(f *testing.F) {
	fuzzProgram(f, "doas", "averez ran command id as b from /c as root from /home", "averez ran command as root: id",
		"command not permitted for averez: id", "failed auth for averez")
}

func FuzzPkexec(f *testing.F) {
	fuzzProgram(f, "pkexec[1]", "a: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/x] [COMMAND=y] [COMMAND=/bin/z]",
		"a: The value for environment variable X contains suspicious content [USER=b] [TTY=unknown] [CWD=] [COMMAND=]")
}

func FuzzPolkit(f *testing.F) {
	fuzzProgram(f, "polkitd[1]", "Operator of a FAILED to authenticate to gain authorization for action b for unix-process:1:2 [c] (owned by d)",
		"Operator of a successfully authenticated as unix-user:x to gain ONE-SHOT authorization for action b for c [d] (owned by e)",
		"Registered Authentication Agent for a (system bus name b [c], object path d, locale e)")
}
