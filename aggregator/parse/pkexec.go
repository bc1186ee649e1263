package parse

import "strings"

// scanPkexec reads what pkexec writes (log_message in src/programs/pkexec.c):
//
//	averez: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/home/averez] [COMMAND=/usr/bin/id]
//	averez: Error executing command as another user: Not authorized [USER=root] …
//	averez: The value for the SHELL variable was not found in the /etc/shells file [USER=root] …
//
// Directory and command are written as they are: where there are several places to split them, the first and the last
// are the two readings.
func scanPkexec(_ *Parser, l *line) bool {
	user, text, ok := strings.Cut(l.text, ": ")
	if !ok || user == "" || strings.IndexByte(user, ' ') >= 0 {
		return false
	}
	reason, text, ok := strings.Cut(text, " [USER=")
	target, text, more := strings.Cut(text, "] [TTY=")
	tty, text, most := strings.Cut(text, "] [CWD=")
	text, closed := strings.CutSuffix(text, "]")
	dir, command, all := strings.Cut(text, "] [COMMAND=")
	if !ok || !more || !most || !closed || !all || reason == "" {
		return false
	}
	if reason == "Executing command" {
		l.is("pkexec-command", "process", "start")
		l.outcome(true)
	} else {
		l.is("pkexec-denied", "process", "denied")
		l.outcome(false)
		l.put("event.reason", reason)
	}
	l.user(user)
	l.put("user.effective.name", target)
	l.target(target)
	if tty != "unknown" {
		l.put("process.tty", strings.TrimPrefix(tty, "/dev/"))
	}
	l.put("process.working_directory", dir)
	l.doasCommand(command)
	if otherDir, otherCommand, _ := cutLast(text, "] [COMMAND="); otherDir != dir {
		l.tag("ambiguous")
		l.also("process.working_directory", otherDir)
		l.also("process.command_line", otherCommand)
		l.also("process.executable", executable(otherCommand))
	}
	return true
}
