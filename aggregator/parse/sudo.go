package parse

import (
	"strconv"
	"strings"
	"unicode"
)

const (
	continued = "(command continued) "
	minCut    = 800      // bytes: sudo itself cuts no shorter line in parts, and each has a command (MAXSYSLOGLEN is 960)
	cutHere   = " [...]" // behind and before a part of a line of sudo-rs
	cutBefore = "[...] "
)

// scanSudo reads what sudo writes (lib/eventlog/eventlog.c, plugins/sudoers/logging.c), and what sudo-rs does
// (src/sudo/pipeline.rs, src/log/syslog.rs), which says nothing where it runs no command:
//
//	user : [reason ; ] [HOST=] [TTY=] [CHROOT=] [PWD=] [USER=] [GROUP=] [TSID=] [ENV=] COMMAND= [ ; SIGNAL=] [ ; EXIT=]
//	user : (command continued) text
//	user : [TTY= ;] PWD= ; USER= ; COMMAND= [...]
//	[...] text
//	@cee:{"sudo":{"accept":{…}}}
func scanSudo(p *Parser, l *line) bool {
	if text, ok := strings.CutPrefix(l.text, "@cee:"); ok {
		return p.sudoJSON(l, text)
	}
	if rest, ok := strings.CutPrefix(l.text, cutBefore); ok {
		p.sudoContinued(l, "", rest)
		return true
	}
	user, text, ok := strings.Cut(l.text, " : ")
	if !ok || user == "" {
		return false
	}
	if rest, ok := strings.CutPrefix(text, continued); ok {
		p.sudoContinued(l, user, rest)
		return true
	}
	return p.sudoEntry(l, user, text)
}

// sudoEntry reads what stands behind the user, as far as one line has it.
func (p *Parser) sudoEntry(l *line, user, text string) bool {
	text = strings.TrimLeft(text, " ") // sudo-rs, without a terminal
	body, more := strings.CutSuffix(text, cutHere)
	main, other, ambiguous := readSudo(body)
	if main.reason == "" && !main.any {
		return false
	}
	var begun *run
	var again, doubt bool
	switch {
	case main.reason != "":
		if !l.sudoReason(&main) {
			return false
		}
	case !main.hasCommand && !more && len(text) < minCut:
		l.is("sudo-command", "process", "start")
		l.tag("truncated")
	case main.ended() && p.commands.ended(l, user, &main):
		l.is("sudo-exit", "process", "end")
	default:
		if main.ended() { // no such command was seen: "; EXIT=0" may be its arguments, sudo quotes none of them
			if !ambiguous {
				other, ambiguous = main, true
			}
			main.rejoin()
		}
		if begun, again, doubt = p.commands.accepted(l, user, &main); again {
			l.is("sudo-command-begin", "process", "info")
			break
		}
		l.is("sudo-command", "process", "start")
		l.outcome(true)
		if doubt {
			l.tag("ambiguous")
		}
	}
	if more {
		p.commands.begin(l, "", user, body, nil, false)
	}
	p.commands.begin(l, user, user, text, begun, again)
	l.sudoFields(user, &main, &other, ambiguous)
	return true
}

// sudoReason classes a line by its reason. One that is not known is told without an outcome: it is no success.
func (l *line) sudoReason(s *sudoLine) bool {
	action := reasonAction(s.reason)
	if action == "" && s.any {
		action = "sudo-warning"
	}
	return l.because(action, s.reason)
}

// sudoFields writes one reading, and beside it what the other says differently.
func (l *line) sudoFields(user string, s, other *sudoLine, ambiguous bool) {
	f := &s.fields
	l.user(user)
	l.put("user.effective.name", f[keyUser])
	l.target(f[keyUser])
	l.put("group.name", f[keyGroup])
	if f[keyTTY] != "unknown" {
		l.put("process.tty", strings.TrimPrefix(f[keyTTY], "/dev/")) // of sudo-rs
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
	if s.command != "" && s.command != l.event.Get("process.command_line") {
		l.event.Delete("process.args") // in one list, nobody could tell whose they are
	}
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
// command as far as it is known, so that what stands behind the break can be found, and whose continuation it is. The
// parts of sudo-rs name no user.
func (p *Parser) sudoContinued(l *line, user, part string) {
	part = strings.TrimSuffix(part, cutHere)
	whole, ok := p.commands.next(l, user, part)
	switch whole.tells {
	case tellsExit:
		l.is("sudo-exit", "process", "end")
	case tellsCommand:
		l.is("sudo-command", "process", "start")
		l.outcome(true)
	default:
		l.is("sudo-command-continued", "process", "info")
	}
	if !ok {
		l.user(user)
		l.command(part)
		return
	}
	if user == "" {
		user = whole.user
	}
	l.put("sudo.continues", whole.first)
	l.put("sudo.part", strconv.Itoa(whole.count))
	main, other, ambiguous := readSudo(whole.text)
	if whole.tells != tellsExit && main.reason == "" && main.ended() { // it may be arguments
		if !ambiguous {
			other, ambiguous = main, true
		}
		main.rejoin()
	}
	if whole.tail != "" {
		main.command, other.command = whole.tail, ""
	}
	l.sudoWhy(main.reason)
	l.sudoFields(user, &main, &other, ambiguous)
}
