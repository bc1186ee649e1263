package parse

import "strings"

// scanDoas reads what doas writes: that of OpenBSD, and that of its ports (opendoas, doas for FreeBSD).
//
//	averez ran command id -u as root from /home/averez
//	averez ran command as root: id -u                        (before OpenBSD 5.9)
//	command not permitted for averez: id -u                  failed command for averez: id -u
//	failed auth for averez                                   failed password for averez
//	tty required for averez
func scanDoas(_ *Parser, l *line) bool {
	text := l.text
	for _, f := range doasForms {
		if rest, ok := strings.CutPrefix(text, f.start); ok && rest != "" {
			user, command, denied := strings.Cut(rest, ": ")
			if denied != f.command || user == "" || strings.IndexByte(user, ' ') >= 0 {
				continue
			}
			l.is(f.action, f.category, f.kind)
			l.outcome(false)
			l.put("event.reason", f.reason)
			l.user(user)
			l.doasCommand(command)
			return true
		}
	}
	user, rest, ok := strings.Cut(text, " ran command ")
	if !ok || user == "" || strings.IndexByte(user, ' ') >= 0 {
		return false
	}
	return l.doasRan(user, rest)
}

// doasForms holds what doas says where it runs nothing.
var doasForms = []struct {
	start, action, category, kind, reason string
	command                               bool // follows behind the user
}{
	{"command not permitted for ", "doas-denied", "process", "denied", "command not permitted", true},
	{"failed command for ", "doas-denied", "process", "denied", "failed command", true},
	{"failed auth for ", "doas-auth-failed", "authentication", "start", "failed auth", false},
	{"failed password for ", "doas-auth-failed", "authentication", "start", "failed password", false},
	{"tty required for ", "doas-auth-failed", "authentication", "start", "tty required", false},
}

// doasRan reads "id -u as root from /home/averez". Command and directory are written as they are: where there are
// several places to split them, the first and the last are the two readings.
func (l *line) doasRan(user, rest string) bool {
	if target, command, ok := strings.Cut(rest, ": "); ok && strings.HasPrefix(target, "as ") {
		if target = target[len("as "):]; target != "" && strings.IndexByte(target, ' ') < 0 {
			l.doasStarted(user, doasRun{command, target, ""})
			return true
		}
	}
	var runs []doasRun
	for at := 0; ; {
		i := strings.Index(rest[at:], " as ")
		if i < 0 {
			break
		}
		at += i + len(" as ")
		target, after, _ := strings.Cut(rest[at:], " ")
		dir, ok := strings.CutPrefix(after, "from ")
		if !ok || target == "" || dir == "" || dir[0] != '/' && dir != "(failed)" {
			continue
		}
		if len(runs) == 2 {
			runs = runs[:1]
		}
		runs = append(runs, doasRun{rest[:at-len(" as ")], target, dir})
	}
	if len(runs) == 0 {
		return false
	}
	l.doasStarted(user, runs...)
	return true
}

// doasRun is one reading.
type doasRun struct{ command, target, dir string }

func (l *line) doasStarted(user string, runs ...doasRun) {
	l.is("doas-command", "process", "start")
	l.outcome(true)
	l.user(user)
	main := runs[0]
	l.put("user.effective.name", main.target)
	l.target(main.target)
	if main.dir != "(failed)" {
		l.put("process.working_directory", main.dir)
	}
	l.doasCommand(main.command)
	if len(runs) == 1 {
		return
	}
	other := runs[1]
	l.tag("ambiguous")
	l.also("user.effective.name", other.target)
	l.also("user.target.name", other.target)
	l.also("related.user", other.target)
	l.also("process.working_directory", other.dir)
	l.also("process.command_line", other.command)
}

// doasCommand writes a command as it is: doas quotes nothing, so that its arguments cannot be told apart.
func (l *line) doasCommand(command string) {
	l.put("process.command_line", command)
	l.put("process.executable", executable(command))
}
