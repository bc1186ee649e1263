package parse

import (
	"strconv"
	"strings"
	"unicode"
)

const continued = "(command continued) "

// scanSudo reads what sudo writes (lib/eventlog/eventlog.c, plugins/sudoers/logging.c):
//
//	user : [reason ; ] [HOST=] [TTY=] [CHROOT=] [PWD=] [USER=] [GROUP=] [TSID=] [ENV=] COMMAND= [ ; SIGNAL=] [ ; EXIT=]
//	user : (command continued) text
func scanSudo(p *Parser, l *line) bool {
	user, text, ok := strings.Cut(l.text, " : ")
	if !ok || user == "" {
		return false
	}
	if rest, ok := strings.CutPrefix(text, continued); ok {
		p.sudoContinued(l, user, rest)
		return true
	}
	main, other, ambiguous := readSudo(text)
	if main.reason == "" && !main.any {
		return false
	}
	switch {
	case main.reason != "":
		if !l.sudoReason(&main) {
			return false
		}
	case main.ended() && p.commands.ended(l, user, &main):
		l.is("sudo-exit", "process", "end")
	default:
		if main.ended() { // no such command was seen: "; EXIT=0" may be its arguments, sudo quotes none of them
			if !ambiguous {
				other, ambiguous = main, true
			}
			main.rejoin()
		}
		p.commands.accepted(l, user, &main)
		l.is("sudo-command", "process", "start")
		l.outcome(true)
	}
	p.commands.begin(l, user, text)
	l.sudoFields(user, &main, &other, ambiguous)
	return true
}

// sudoReasons holds what sudo says where it does not just run the command, by a part of the text: first where that is
// followed by what the user asked for, which may look like any of the others. The configurable message for a wrong
// password is known by its default.
var sudoReasons = []struct{ part, action string }{
	{"sorry, you are not allowed to set the following environment variables: ", "sudo-denied"},
	{"user not allowed to change ", "sudo-denied"},
	{"unknown user", "sudo-denied"},
	{"unknown group", "sudo-denied"},
	{" incorrect password attempt", "sudo-auth-failed"},
	{"a password is required", "sudo-auth-failed"},
	{"PAM authentication error", "sudo-auth-failed"},
	{"PAM account management error", "sudo-auth-failed"},
	{"account validation failure", "sudo-auth-failed"},
	{"Account or password is expired", "sudo-auth-failed"},
	{"Account expired", "sudo-auth-failed"},
	{"no password was provided", "sudo-auth-failed"},
	{"user NOT in sudoers", "sudo-denied"},
	{"user NOT authorized on host", "sudo-denied"},
	{"command not allowed", "sudo-denied"},
	{"command rejected", "sudo-denied"},
	{"no tty", "sudo-denied"},
	{"not allowed", "sudo-denied"},
	{"not permitted", "sudo-denied"},
	{"unknown uid", "sudo-denied"},
	{"unknown gid", "sudo-denied"},
	{"unknown login class", "sudo-denied"},
	{"syntax error", "sudoers-error"},
	{"parse error", "sudoers-error"},
	{"is world writable", "sudoers-error"},
	{"is group writable", "sudoers-error"},
	{"is owned by", "sudoers-error"},
	{"is not a regular file", "sudoers-error"},
	{"no valid sudoers sources", "sudoers-error"},
	{"problem with defaults entries", "sudoers-error"},
	{"unknown defaults entry", "sudoers-error"},
}

// sudoReason classes a line by its reason. One that is not known is told without an outcome: it is no success.
func (l *line) sudoReason(s *sudoLine) bool {
	action := ""
	for _, r := range sudoReasons {
		if strings.Contains(s.reason, r.part) {
			action = r.action
			break
		}
	}
	if action == "" && strings.Contains(s.reason, "sudoers") {
		action = "sudoers-error"
	}
	switch action {
	case "sudo-auth-failed":
		l.is(action, "authentication", "start")
		l.outcome(false)
		n, _ := digits(s.reason)
		l.number("sudo.attempts", n)
	case "sudo-denied":
		l.is(action, "process", "denied")
		l.outcome(false)
	case "sudoers-error":
		l.is(action, "configuration", "error")
		l.outcome(false)
	default:
		if !s.any {
			return false
		}
		l.is("sudo-warning", "process", "info")
	}
	l.put("event.reason", s.reason)
	return true
}

// sudoFields writes one reading, and beside it what the other says differently.
func (l *line) sudoFields(user string, s, other *sudoLine, ambiguous bool) {
	f := &s.fields
	l.user(user)
	l.put("user.effective.name", f[keyUser])
	l.target(f[keyUser])
	l.put("group.name", f[keyGroup])
	if f[keyTTY] != "unknown" {
		l.put("process.tty", f[keyTTY])
	}
	l.put("process.working_directory", f[keyPWD])
	l.put("sudo.host", f[keyHost])
	l.also("related.hosts", f[keyHost])
	l.put("sudo.chroot", f[keyChroot])
	l.put("sudo.tsid", f[keyTSID])
	l.list("process.env_vars", variables(f[keyEnv])...)
	l.put("process.exit_code", s.exit)
	l.put("sudo.signal", s.signal)
	l.command(s.command)
	if ambiguous {
		l.otherSudo(other)
	}
}

// command writes the command that was run, or was to be run.
func (l *line) command(command string) {
	l.put("process.command_line", command)
	if l.merge {
		l.event.Delete("process.args")
	}
	rest := strings.TrimLeft(command, " ")
	for n := 0; rest != "" && n < maxArguments; n++ {
		var arg string
		arg, rest = argument(rest)
		l.event.Append("process.args", arg)
		rest = strings.TrimLeft(rest, " ")
	}
	l.put("process.executable", executable(command))
}

// executable returns the path of a command. What has none is sudo's own doing: list, sudoedit, validate.
func executable(command string) string {
	path, _ := word(command)
	if i := strings.IndexFunc(path, unicode.IsControl); i >= 0 { // older sudos write the arguments as they are
		path = path[:i]
	}
	if strings.IndexByte(path, '/') < 0 {
		return ""
	}
	return path
}

// otherSudo adds the second reading, so that a search or a rule finds what is true, whichever that is.
func (l *line) otherSudo(s *sudoLine) {
	l.tag("ambiguous")
	f := &s.fields
	l.also("user.effective.name", f[keyUser])
	l.also("user.target.name", f[keyUser])
	l.also("related.user", f[keyUser])
	l.also("group.name", f[keyGroup])
	l.also("process.working_directory", f[keyPWD])
	l.also("process.command_line", s.command)
	l.also("process.executable", executable(s.command))
}

// variables splits "A=b C=d e": sudo writes no quotes here, so a word without "=" belongs to the one before it.
func variables(env string) []string {
	if env == "" {
		return nil
	}
	var all []string
	for part := range strings.SplitSeq(env, " ") {
		if len(all) > 0 && (strings.IndexByte(part, '=') < 1 || len(all) == maxArguments) {
			all[len(all)-1] += " " + part
			continue
		}
		all = append(all, part)
	}
	return all
}

// sudoContinued reads a part of a line that was too long for syslog. It is no command of its own: it carries the
// command as far as it is known, so that what stands behind the break can be found, and whose continuation it is.
func (p *Parser) sudoContinued(l *line, user, part string) {
	l.is("sudo-command-continued", "process", "info")
	whole, ok := p.commands.next(l, user, part)
	if !ok {
		l.user(user)
		l.command(part)
		return
	}
	l.put("sudo.continues", whole.first)
	l.put("sudo.part", strconv.Itoa(whole.count))
	main, other, ambiguous := readSudo(whole.text)
	if whole.tail != "" {
		main.command, other.command = whole.tail, ""
	}
	l.put("event.reason", main.reason)
	l.sudoFields(user, &main, &other, ambiguous)
}
