package parse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"belfry/shared/corpus"
)

// sudoSession are lines of sudos that log how a command ended, and of one that is too long for a line.
func sudoSession() []string {
	lines := []string{
		"sudo:   averez : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/false",
		"sudo:   averez : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/false ; EXIT=1",
		"sudo:   averez : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/false",
		"sudo:   averez : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/false ; EXIT=1",
		"sudo:   averez : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/sh -c 'kill -TERM $$'",
		"sudo:   averez : PWD=/tmp ; USER=root ; COMMAND=/usr/bin/sh -c 'kill -TERM $$' ; SIGNAL=TERM ; EXIT=143",
	}
	for _, part := range splitSudo("jdoe", "PWD=/tmp ; USER=root ; COMMAND=/bin/echo "+strings.Repeat("word ",
		600)+"end") {
		lines = append(lines, "sudo:     jdoe : "+part)
	}
	return append(lines, "sudo:   jdoe : PWD=/ ; USER=root ; COMMAND=/bin/ls")
}

// splitSudo splits a line as sudo does (do_syslog_sudo in lib/eventlog/eventlog.c).
func splitSudo(user, text string) []string {
	const format = "%8s : %s"
	var parts []string
	prefix, room := "", syslogLength-(len(format)-5+len(user))
	for text != "" {
		n := len(text)
		if n > room {
			n = room
			if i := strings.LastIndexByte(text[:room], ' '); i >= 0 {
				n = i
			}
		}
		parts = append(parts, prefix+text[:n])
		text = strings.TrimLeft(text[n:], " ")
		prefix, room = continued, syslogLength-(len(format)+len(continued)-5+len(user))
	}
	return parts
}

// A command is counted once, when it begins: its exit repeats the line.
func TestSudoExit(t *testing.T) {
	var r *reader
	f := func(text, kind string, want ...string) {
		t.Helper()
		check(t, r.says("sudo", "averez : PWD=/tmp ; USER=root ; "+text), append(strings.Fields(kind), want...)...)
	}
	r = newReader()
	f("COMMAND=/bin/false", sudoOK, "-process.exit_code")
	f("COMMAND=/bin/false ; EXIT=1", sudoExit, "process.exit_code=1", "process.command_line=/bin/false", "-tags")
	f("COMMAND=/bin/sh -c 'kill $$'", sudoOK)
	f("COMMAND=/bin/sh -c 'kill $$' ; SIGNAL=TERM ; EXIT=143", sudoExit, "process.exit_code=143", "sudo.signal=TERM",
		"process.args=/bin/sh|-c|kill $$")
	f("COMMAND=/bin/a", sudoOK)
	f("COMMAND=/bin/a ; SIGNAL=KILL", sudoExit, "-process.exit_code", "sudo.signal=KILL")
	// Two that run at once end twice.
	f("COMMAND=/bin/b", sudoOK)
	f("COMMAND=/bin/b", sudoOK)
	f("COMMAND=/bin/b ; EXIT=0", sudoExit)
	f("COMMAND=/bin/b ; EXIT=0", sudoExit)
	// With I/O logging the exit names the session in another way; each of its commands is one.
	f("TSID=01 ; COMMAND=/usr/bin/sh -c 'id; ls /'", sudoOK, "sudo.tsid=01")
	f("TSID=01@0.03 ; COMMAND=/usr/bin/id", sudoOK)
	f("TSID=01@0.04 ; COMMAND=/usr/bin/ls /", sudoOK)
	f("TSID=000001@0.04 ; COMMAND=/usr/bin/sh -c 'id; ls /' ; EXIT=0", sudoExit, "-tags", "sudo.tsid=000001@0.04")
	// Where no such command was seen, the end may be arguments: sudo quotes none of them.
	f("COMMAND=/bin/echo x ; EXIT=0", sudoOK, "tags=ambiguous", "process.command_line=/bin/echo x ; EXIT=0|/bin/echo x",
		"-process.exit_code")
	f("COMMAND=/bin/echo x ; SIGNAL=TERM", sudoOK, "tags=ambiguous", "-sudo.signal")
	f("COMMAND=/bin/echo x ; EXIT=zero", sudoOK, "-tags")
	f("COMMAND=/bin/echo x ; SIGNAL=not a signal", sudoOK, "-tags")
	// What was refused never ran.
	f("COMMAND=/bin/c", sudoOK)
	e := r.says("sudo", "averez : command not allowed ; PWD=/tmp ; USER=root ; COMMAND=/bin/c ; EXIT=0")
	check(t, e, strings.Fields(sudoDenied)...)
	// Another user's, another host's or another directory's is another command.
	check(t, r.says("sudo", "jdoe : PWD=/tmp ; USER=root ; COMMAND=/bin/c ; EXIT=0"), "event.action=sudo-command",
		"tags=ambiguous")
	r.host = "other"
	f("COMMAND=/bin/c ; EXIT=0", sudoOK, "tags=ambiguous")
	r.host = "vm"
	f("COMMAND=/bin/c ; EXIT=0", sudoExit)
	f("COMMAND=/bin/c ; EXIT=0", sudoOK, "tags=ambiguous")
}

// The parts of a long line are no commands of their own; each carries the command as far as it is known.
func TestSudoContinued(t *testing.T) {
	f := func(user, command string, want ...string) {
		t.Helper()
		r := newReader()
		parts := splitSudo(user, "PWD=/tmp ; USER=root ; COMMAND="+command)
		e := r.says("sudo", fmt.Sprintf("%8s : %s", user, parts[0]))
		check(t, e, strings.Fields(sudoOK)...)
		first := e.Get("event.id")
		for i, part := range parts[1:] {
			e = r.says("sudo", fmt.Sprintf("%8s : %s", user, part))
			check(t, e, append(strings.Fields(sudoMore), "user.name="+user, "sudo.continues="+first,
				fmt.Sprintf("sudo.part=%d", i+2), "user.effective.name=root")...)
		}
		check(t, e, append(want, "process.command_line="+command)...)
	}
	long := strings.Repeat("x", 3000)
	f("averez", "/usr/bin/env X=1 /bin/echo "+long, "process.args=/usr/bin/env|X=1|/bin/echo|"+long, "-tags")
	f("a", "/bin/echo "+long+" tail", "process.args=/bin/echo|"+long+"|tail")
	f("averylongusername", "/bin/echo "+long+" '"+long+" y'", "process.args=/bin/echo|"+long+"|"+long+" y")
	words := strings.TrimSpace(strings.Repeat("word ", 700))
	f("averez", "/bin/echo "+words, "-tags", "process.executable=/bin/echo")
	f("averez", "/bin/sh -c '"+words+"'", "process.args=/bin/sh|-c|"+words, "-tags")
	f("averez", "/bin/echo '"+words+" ; COMMAND=/bin/sh'", "-tags", "process.executable=/bin/echo")
}

// A 3000 character argument, as the real sudo split it.
func TestSudoContinuedCorpus(t *testing.T) {
	r := newReader()
	var last string
	for _, line := range corpus.AuthMixed() {
		e := r.line(line)
		if e.Get("event.action") == "sudo-command-continued" {
			last = e.Get("process.command_line")
		}
	}
	if want := "/usr/bin/env X=1 /bin/echo " + strings.Repeat("x", 3000); last != want {
		t.Errorf("%d bytes, want %d: %q", len(last), len(want), last)
	}
}

func TestSudoContinuedAlone(t *testing.T) {
	alone := func(e interface{ Has(string) bool }, name string) {
		t.Helper()
		if e.Has("sudo.continues") {
			t.Errorf("%s: joined", name)
		}
	}
	r := newReader()
	e := r.says("sudo", "averez : (command continued) x y")
	check(t, e, append(strings.Fields(sudoMore), "user.name=averez", "process.command_line=x y")...)
	alone(e, "no first line")
	r.says("sudo", "averez : PWD=/tmp ; USER=root ; COMMAND=/bin/echo")
	alone(r.says("sudo", "jdoe : (command continued) x"), "another user")
	r.host = "other"
	alone(r.says("sudo", "averez : (command continued) x"), "another host")
	r.host = "vm"
	alone(r.line("Nov 23 17:54:34 vm sudo: averez : (command continued) x"), "three seconds later")
	e = r.line("Nov 23 17:54:33 vm sudo: averez : (command continued) x")
	check(t, e, "sudo.part=2", "process.command_line=/bin/echo x")
	r.now = r.now.Add(time.Hour)
	// The join is bounded; what is beyond is in its own event still.
	r.says("sudo", "averez : PWD=/tmp ; USER=root ; COMMAND=/bin/echo")
	part := strings.Repeat("y ", 450)
	for range 40 {
		e = r.says("sudo", "averez : (command continued) "+part)
	}
	if got := e.Get("process.command_line"); len(got) > maxWhole || !strings.HasSuffix(got, part) {
		t.Errorf("%d bytes", len(got))
	}
	check(t, e, "sudo.part=41", "user.effective.name=root")
}
