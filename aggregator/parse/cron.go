package parse

import "strings"

// scanCron reads what cron writes, that of Debian and Vixie and cronie, and crontab, in the form of log_it (misc.c):
//
//	(USER) ACTION (DETAIL)[: ERROR]
//	(root) CMD (test -x /usr/sbin/anacron || run-parts /etc/cron.daily)
//	(root) CMD ([4711] test -x …)                with cron -L 8
//	(averez) REPLACE (averez)
//	pam_unix(cron:session): …                    is PAM's
func scanCron(p *Parser, l *line) bool {
	rest, ok := strings.CutPrefix(l.text, "(")
	user, rest, found := strings.Cut(rest, ") ")
	if !ok || !found {
		return scanPrefixed(cronForms, p, l, l.text)
	}
	action, detail, ok := strings.Cut(rest, " (")
	if !ok || action == "" {
		return false
	}
	reason := ""
	if whole, closed := strings.CutSuffix(detail, ")"); closed { // a command may hold "): "
		detail = whole
	} else if detail, reason, ok = cutLast(detail, "): "); !ok {
		return false
	}
	if text, ok := strings.CutPrefix(detail, "grandchild #"); ok && action == "error" {
		return cronExited(l, text)
	}
	for i := range cronActions {
		if a := &cronActions[i]; a.word == action {
			a.write(l, user, detail, reason)
			return true
		}
	}
	return cronFailed(l, user, action, detail, reason)
}

// cronActions are the words of log_it that tell an event of their own.
var cronActions = []cronAction{
	{word: "CMD", action: "cron-job", category: "process", kind: "start", command: true},
	{word: "CMDEND", action: "cron-job-end", category: "process", kind: "end", command: true},
	{word: "END", action: "cron-job-end", category: "process", kind: "end", command: true},
	{word: "CMDOUT", action: "cron-job-output", category: "process", kind: "info"},
	{word: "MAIL", action: "cron-job-mail", category: "process", kind: "info"},
	{word: "RELOAD", action: "crontab-reload", category: "configuration", kind: "info", file: true},
	{word: "REPLACE", action: "crontab-replace", category: "configuration", kind: "change", target: true},
	{word: "LIST", action: "crontab-list", category: "configuration", kind: "access", target: true},
	{word: "DELETE", action: "crontab-delete", category: "configuration", kind: "deletion", target: true},
	{word: "BEGIN EDIT", action: "crontab-edit", category: "configuration", kind: "access", target: true},
	{word: "END EDIT", action: "crontab-edit-end", category: "configuration", kind: "info", target: true},
	{word: "STARTUP", action: "cron-start", category: "process", kind: "start"},
	{word: "DEATH", action: "cron-death", category: "process", kind: "error"},
	{word: "INFO", action: "cron-info", category: "process", kind: "info"},
	{word: "info", action: "cron-info", category: "process", kind: "info"},
	{word: "ORPHAN", action: "cron-orphan", category: "configuration", kind: "error"},
	{word: "AUTH", action: "crontab-refused", category: "configuration", kind: "denied"},
}

// cronAction says what a word of log_it means, and what stands in the brackets behind it.
type cronAction struct {
	word, action, category, kind string
	command, file, target        bool
}

func (a *cronAction) write(l *line, user, detail, reason string) {
	l.is(a.action, a.category, a.kind)
	l.cronUser(user)
	switch {
	case a.command:
		l.cronCommand(detail)
	case a.file:
		l.put("file.path", detail)
	case a.target:
		l.target(detail)
	default:
		l.put("event.reason", detail)
	}
	l.put("error.message", reason)
}

// cronExited reads "101 failed with exit status 3", and "101 terminated by signal 9, core dumped".
func cronExited(l *line, text string) bool {
	pid, rest := digits(text)
	status, exited := strings.CutPrefix(rest, " failed with exit status ")
	if pid == "" || exited && !isNumber(status) {
		return false
	}
	l.is("cron-job-failed", "process", "end")
	l.outcome(false)
	l.put("cron.job_pid", pid)
	if exited {
		l.put("process.exit_code", status)
	}
	l.put("event.reason", strings.TrimPrefix(rest, " "))
	return true
}

// cronUser writes who: "CRON" and "*system*" and the like are cron itself.
func (l *line) cronUser(name string) {
	if name != "CRON" && name != "cron" && name != "crond" && !strings.HasPrefix(name, "*") {
		l.user(name)
	}
}

// cronCommand writes a job: "[4711] COMMAND" with its process id, where cron was told to log that.
func (l *line) cronCommand(s string) {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		pid, command, ok := strings.Cut(rest, "] ")
		if ok && isNumber(pid) {
			l.put("cron.job_pid", pid)
			s = command
		}
	}
	l.put("process.command_line", strings.TrimLeft(s, " "))
}

// isCronWord reports whether a text is of the kind that log_it gets for an action.
func isCronWord(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; strings.IndexByte(" '_()>-", c) < 0 && c-'A' >= 26 && c-'a' >= 26 && c-'0' > 9 {
			return false
		}
	}
	return true
}

// cronFailed reads every other word of log_it: what cron could not do, or would not.
func cronFailed(l *line, user, action, detail, reason string) bool {
	if !isCronWord(action) {
		return false
	}
	if _, file, ok := cutLast(detail, ") ("); ok { // INSECURE MODE (group/other writable) (/etc/cron.d/open)
		detail = file
	}
	l.is("cron-error", "process", "error")
	l.cronUser(user)
	l.put("event.reason", action)
	switch {
	case strings.HasPrefix(detail, "/"), strings.HasPrefix(detail, "crontabs/"):
		l.put("file.path", detail)
		l.put("error.message", reason)
	case reason == "":
		l.put("error.message", detail)
	default:
		l.put("error.message", reason)
	}
	return true
}

// cronForms holds what cron says in other forms, by its beginning.
var cronForms = byPrefix([]prefixed[lineScanner]{
	{"Exiting with signal ", cronSays("cron-stop", "end")},
	{"can't lock ", cronSays("cron-error", "error")},
	{"Authentication service cannot retrieve ", cronSays("cron-error", "error")},
	{"Permission denied", cronSays("cron-error", "error")},
	{"Error: ", cronSays("cron-error", "error")},
	{"Cannot set ", cronSays("cron-error", "error")},
	{"error: ", cronSays("cron-error", "error")},
})

func cronSays(action, kind string) lineScanner {
	return func(_ *Parser, l *line, _ string) bool {
		l.is(action, "process", kind)
		l.put("event.reason", l.text)
		return true
	}
}

// scanAnacron reads what anacron writes (anacron/main.c, runjob.c):
//
//	Job `cron.daily' started            Job `cron.daily' terminated (exit status: 1) (mailing output)
func scanAnacron(p *Parser, l *line) bool { return scanPrefixed(anacronForms, p, l, l.text) }

// anacronForms holds what anacron says, by its beginning.
var anacronForms = byPrefix([]prefixed[lineScanner]{
	{"Job `", anacronJob},
	{"Will run job `", anacronPlan("anacron-job-planned")},
	{"Updated timestamp for job `", anacronPlan("anacron-job-updated")},
	{"System time manipulation detected, job `", anacronPlan("anacron-job-planned")},
	{"Anacron ", anacronSays("anacron-start", "start")},
	{"Normal exit", anacronSays("anacron-stop", "end")},
	{"Exited", anacronSays("anacron-stop", "end")},
	{"Received SIGUSR1", anacronSays("anacron-stop", "info")},
	{"Jobs will be executed sequentially", anacronSays("anacron-info", "info")},
	{"Checking against ", anacronSays("anacron-info", "info")},
	{"Empty MAILTO set", anacronSays("anacron-info", "info")},
	{"Can't find sendmail at ", anacronSays("anacron-error", "error")},
	{"Can't ", anacronSays("anacron-error", "error")},
	{"Invalid syntax in ", anacronSays("anacron-error", "error")},
	{"Tried to mail output of job `", anacronPlan("anacron-error")},
	{"/", anacronSays("anacron-error", "error")},
})

func anacronSays(action, kind string) lineScanner {
	return func(_ *Parser, l *line, _ string) bool {
		l.is(action, "process", kind)
		l.put("event.reason", l.text)
		return true
	}
}

func anacronPlan(action string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		name, _, ok := strings.Cut(rest, "'")
		if !ok {
			return false
		}
		l.is(action, "process", "info")
		l.put("cron.job", name)
		l.put("event.reason", l.text)
		return true
	}
}

// anacronJob reads "cron.daily' started", "… terminated", "… terminated (exit status: 1)", "… terminated due to signal 9",
// "… locked by another anacron - skipping".
func anacronJob(_ *Parser, l *line, rest string) bool {
	name, what, ok := cutLast(rest, "' ")
	if !ok {
		return false
	}
	end, ended := strings.CutPrefix(what, "terminated")
	switch {
	case what == "started":
		l.is("anacron-job", "process", "start")
	case ended:
		l.is("anacron-job-end", "process", "end")
		status, _, exited := cutValue(end, "(exit status: ", ")")
		l.outcome(!exited && !strings.HasPrefix(end, " due to ") && !strings.HasPrefix(end, " abnormally"))
		if exited {
			l.number("process.exit_code", status)
		}
		l.put("event.reason", what)
	default:
		l.is("anacron-info", "process", "info")
		l.put("event.reason", what)
	}
	l.put("cron.job", name)
	return true
}
