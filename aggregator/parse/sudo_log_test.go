package parse

import (
	"fmt"
	"strings"
	"testing"

	"belfry/shared/event"
)

// Where a line ends before the command, nothing counts yet; the command counts where it begins.
func TestSudoLog(t *testing.T) {
	r := newReader()
	f := func(line string, want ...string) {
		t.Helper()
		check(t, r.line(line), want...)
	}
	f("Nov 23 17:54:31 : averez : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/id", "event.action=sudo-command",
		"event.outcome=success", "process.name=sudo", "user.name=averez", "user.effective.name=root", "process.tty=pts/0",
		"process.command_line=/usr/bin/id", "@timestamp=2026-11-23T17:54:31Z", "-tags", "-sudo.part", "log.syslog.appname=sudo",
		"message=averez : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/id")
	f("Nov 23 17:54:31 2026 : averez : HOST=db1 ; PWD=/srv/a", "event.action=sudo-command-begin", "-event.outcome", "user.name=averez",
		"sudo.host=db1", "-process.working_directory") // there may be more of it
	f("    b ; USER=root ;", "event.action=sudo-command-begin", "-event.outcome", "sudo.part=2", "process.working_directory=/srv/a b",
		"user.effective.name=root", "@timestamp=2026-11-23T17:54:31Z")
	f("    COMMAND=/usr/bin/sh -c 'a", "event.action=sudo-command", "event.outcome=success", "sudo.part=3", "sudo.host=db1",
		"process.command_line=/usr/bin/sh -c 'a")
	f("    b' c", "event.action=sudo-command-continued", "-event.outcome", "sudo.part=4", "process.args=/usr/bin/sh|-c|a b|c", "-tags")
	// What is refused counts with its command, and without one where there is none.
	f("Nov 23 17:54:31 : jdoe : command not allowed ; PWD=/tmp ; USER=root ;", "event.action=sudo-command-begin", "-event.outcome",
		"event.reason=command not allowed", "user.effective.name=root")
	f("    COMMAND=/usr/bin/ls", "event.action=sudo-denied", "event.outcome=failure", "process.command_line=/usr/bin/ls",
		"event.reason=command not allowed")
	f("Nov 23 17:54:31 : jdoe : sorry, you are not allowed to set the following", "event.action=sudo-command-begin", "-event.outcome",
		"-event.reason")
	f("    environment variables: LD_X ; PWD=/tmp ; USER=root ; ENV=LD_X=y ;", "event.action=sudo-command-begin",
		"event.reason=sorry, you are not allowed to set the following environment variables: LD_X")
	f("    COMMAND=/usr/bin/id", "event.action=sudo-denied", "event.outcome=failure", "process.env_vars=LD_X=y")
	f("Nov 23 17:54:31 : jdoe : unknown user nosuch ; PWD=/tmp ;", "event.action=sudo-denied", "event.outcome=failure")
	f("    USER=nosuch ; ", "event.action=sudo-command-continued", "-event.outcome", "user.effective.name=nosuch")
	f("Nov 23 17:54:31 : jdoe : /etc/sudoers:25:9: syntax error", "event.action=sudoers-error", "-event.outcome")
	// Another file, another host, another line between: no part of it.
	f("Nov 23 17:54:31 : jdoe : PWD=/tmp ;", "event.action=sudo-command-begin")
	f("Nov 23 17:54:31 vm x: y", "-event.action")
	f("    COMMAND=/bin/x", "-event.action", "-user.name")
	r.host = "other"
	f("    COMMAND=/bin/x", "-event.action", "-user.name")
	// What only looks like it is none.
	for _, line := range []string{"Nov 23 17:54:31 : x", "Nov 23 17:54:31 : a b : c", "Nov 23 17:54:31 :", "    x", "    "} {
		f(line, "-event.action", "-event.outcome", "-user.name")
	}
}

// An agent says where a line stands: what stands right behind the last one goes on with it, whatever came between.
func TestSudoLogOffsets(t *testing.T) {
	r := newReader()
	at := map[string]int{}
	say := func(path, line string, gap int) *event.Event {
		r.n++
		e := r.event(line, r.n)
		e.Append("log.file.path", path)
		e.Append("log.offset", fmt.Sprint(at[path]+gap))
		at[path] += gap + len(line) + 1
		r.p.Parse(e, r.now)
		return e
	}
	say("/a", "Nov 23 17:54:31 : averez : PWD=/tmp ;", 0)
	say("/b", "Nov 23 17:54:31 : jdoe : command not allowed ; PWD=/tmp ;", 0)
	check(t, say("/c", "some line", 0), "-event.action")
	check(t, say("/a", "    COMMAND=/bin/x", 0), "event.action=sudo-command", "user.name=averez")
	check(t, say("/b", "    COMMAND=/bin/y", 0), "event.action=sudo-denied", "user.name=jdoe")
	check(t, say("/b", "    z", 10), "-event.action")
	check(t, say("/c", "    z", 0), "-event.action")
	// A secret that is masked changes how long a line is, and not where it ends.
	r.p = New(Config{Mask: new(stars)}, nil)
	e := say("/a", "Nov 23 17:54:31 : averez : PWD=/tmp ; USER=root ; COMMAND=/bin/x secret=hunter2", 0)
	if strings.Contains(e.Get("event.original"), "hunter2") {
		t.Fatal("it is not masked")
	}
	check(t, say("/a", "    y", 0), "event.action=sudo-command-continued", "sudo.part=2")
}

// Sudo leaves out the blanks at which it breaks a line: where there may have been more than one, that is told.
func TestSudoLogBlanks(t *testing.T) {
	const head = "Nov 23 17:54:31 : averez : PWD=/tmp ; USER=root ; COMMAND="
	f := func(command string, quoted bool) {
		t.Helper()
		lines := wrapLog(head + command)
		tags := ""
		for _, line := range lines[:len(lines)-1] {
			if quoted && len(line) == logWidth {
				tags = "ambiguous"
			}
		}
		var last *event.Event
		r := newReader()
		for _, line := range lines {
			last = r.line(line)
		}
		joined := r.line(strings.Join(lines, "\n"))
		for _, e := range []*event.Event{last, joined} {
			check(t, e, "tags="+tags)
			if tags == "" {
				check(t, e, "process.command_line="+command)
			}
		}
		check(t, joined, "event.action=sudo-command", "event.outcome=success")
	}
	f("/bin/echo "+strings.Repeat("word ", 40)+"end", false)
	f("/bin/echo '"+strings.Repeat("w  ", 40)+"end'", true)
	f("/bin/echo "+strings.Repeat("x", 500)+" y", false)
	for n := range 30 {
		for _, gap := range []string{" ", "  ", "    "} {
			f("/bin/echo '"+strings.Repeat("p", n)+" w"+gap+strings.Repeat("v", 70)+"'", true)
			f("/bin/echo "+strings.Repeat("p", n)+" w "+strings.Repeat("v", 70), false)
		}
	}
}

// wrapLog wraps a line as sudo does (eventlog_writeln in lib/eventlog/logwrap.c).
func wrapLog(line string) (lines []string) {
	indent, width := "", logWidth
	for len(line) > width {
		end := strings.LastIndexByte(line[:width+1], ' ')
		if end <= 0 {
			if end = strings.IndexByte(line[width:], ' ') + width; end < width {
				break
			}
		}
		lines = append(lines, indent+line[:end])
		line = strings.TrimLeft(line[end:], " ")
		if indent == "" {
			indent, width = logIndent, width-len(logIndent)
		}
	}
	return append(lines, indent+line)
}

// An exit repeats the first lines of its command: once a file is known to have exits, those count for nothing.
func TestSudoLogExits(t *testing.T) {
	r := newReader()
	const head = "Nov 23 17:54:31 : averez : PWD=/tmp ; USER=root ; COMMAND=/bin/echo "
	count := func(text string) (commands, exits int, tagged bool) {
		for _, line := range wrapLog(head + text) {
			e := r.line(line)
			switch e.Get("event.action") {
			case "sudo-command":
				commands++
			case "sudo-exit":
				exits++
			}
			tagged = tagged || e.Has("tags")
		}
		return commands, exits, tagged
	}
	f := func(text string, commands, exits int, ambiguous bool) {
		t.Helper()
		if c, x, tagged := count(text); c != commands || x != exits || tagged != ambiguous {
			t.Errorf("%s: %d commands, %d exits, ambiguous %v; want %d, %d, %v", text, c, x, tagged, commands, exits, ambiguous)
		}
	}
	long := strings.Repeat("word ", 30)
	f(long+"a", 1, 0, false)
	f(long+"a ; EXIT=0", 1, 1, true) // nobody knows yet that there are exits
	f(long+"a", 1, 0, false)
	f(long+"a ; EXIT=0", 0, 1, false)
	f(long+"a", 1, 0, false)
	f(long+"b", 1, 0, false) // the same first lines, but another command
	f(long+"b ; EXIT=1", 0, 1, false)
	f(long+"a ; SIGNAL=TERM ; EXIT=143", 0, 1, false)
	f("short", 1, 0, false)
	f("short", 1, 0, false)
	f("short ; EXIT=0", 0, 1, false)
	f("short ; EXIT=0", 0, 1, false)
	f("short ; EXIT=0", 1, 0, true)
	// A file without exits: the same command may run again and again.
	r = newReader()
	f(long+"a", 1, 0, false)
	f(long+"a", 1, 0, true)
	f(long+"a", 1, 0, false)
	f(long+"a", 1, 0, false)
}

// The same, of a command that is too long for a line of syslog.
func TestSudoLongExits(t *testing.T) {
	for _, name := range []string{"sudo", "sudo[12]"} {
		r := newReader()
		f := func(text string, commands, exits int, ambiguous bool) {
			t.Helper()
			c, x, tagged := 0, 0, false
			for _, part := range splitSudo("averez", "PWD=/tmp ; USER=root ; COMMAND=/bin/echo "+text) {
				e := r.says(name, "averez : "+part)
				switch e.Get("event.action") {
				case "sudo-command":
					c++
				case "sudo-exit":
					x++
				}
				tagged = tagged || e.Has("tags")
			}
			if c != commands || x != exits || tagged != ambiguous {
				t.Errorf("%s: %d commands, %d exits, ambiguous %v; want %d, %d, %v", name, c, x, tagged, commands, exits, ambiguous)
			}
		}
		long := strings.Repeat("word ", 300)
		f(long+"a", 1, 0, false)
		if name == "sudo" {
			f(long+"a ; EXIT=0", 1, 1, true) // nobody knows yet that there are exits
			f(long+"a", 1, 0, false)
		}
		f(long+"a ; EXIT=0", 0, 1, false)
		f(long+"a", 1, 0, false)
		f(long+"b", 1, 0, false)
		f(long+"a ; SIGNAL=KILL ; EXIT=137", 0, 1, false)
		f(strings.Repeat("x", 3000), 1, 0, false)
		f(strings.Repeat("x", 3000)+" ; EXIT=1", 0, 1, false)
	}
}
