package parse

import "strings"

// scanPolkit reads what polkitd writes (polkit_backend_authority_log in src/polkitbackend/*.c), and its helper:
//
//	Operator of unix-session:1 successfully authenticated as unix-user:root to gain ONE-SHOT authorization for action
//	    org.x.y for unix-process:12:345 [pkexec id] (owned by unix-user:averez)
//	Operator of unix-session:1 FAILED to authenticate to gain authorization for action org.x.y for …
//	Registered Authentication Agent for unix-session:1 (system bus name :1.2 [pkttyagent], object path /x, locale C)
//	Unregistered Authentication Agent for unix-session:1 (system bus name :1.2, object path /x, locale C) (disconnected from bus)
//	Loading rules from directory /etc/polkit-1/rules.d
//
// Within brackets stands the command line of a process: whatever its user likes. What is on both sides of it is not.
func scanPolkit(_ *Parser, l *line) bool {
	text := l.text
	switch {
	case strings.HasPrefix(text, "Operator of "):
		return l.polkitAttempt(text[len("Operator of "):])
	case strings.HasPrefix(text, "Registered Authentication Agent for "):
		return l.polkitAgent("polkit-agent-registered", "start", text)
	case strings.HasPrefix(text, "Unregistered Authentication Agent for "):
		return l.polkitAgent("polkit-agent-unregistered", "end", text)
	case strings.HasPrefix(text, "inappropriate use of helper"):
		return l.polkitMisuse(text)
	}
	for _, f := range polkitForms {
		if strings.HasPrefix(text, f.start) {
			l.is(f.action, "configuration", f.kind)
			if f.kind == "error" {
				l.put("event.reason", text)
			}
			return true
		}
	}
	return false
}

// polkitForms holds what polkitd says of itself, by its beginning.
var polkitForms = []struct{ start, action, kind string }{
	{"Loading rules from directory ", "polkit-rules-loading", "access"},
	{"Finished loading, compiling and executing ", "polkit-rules-loaded", "change"},
	{"Reloading rules", "polkit-rules-reloading", "change"},
	{"Collecting garbage unconditionally", "polkit-rules-reloading", "change"},
	{"Acquired the name ", "polkit-started", "info"},
	{"Lost the name ", "polkit-stopped", "info"},
	{"started daemon version ", "polkit-started", "info"},
	{"Started polkitd version ", "polkit-started", "info"},
	{"Error ", "polkit-rules-error", "error"},
	{"Terminating runaway script", "polkit-rules-error", "error"},
}

// polkitAttempt reads an attempt to prove who one is, behind "Operator of ".
func (l *line) polkitAttempt(s string) bool {
	scope, rest, ok := strings.Cut(s, " ")
	identity, failed := "", false
	if after, is := strings.CutPrefix(rest, "successfully authenticated as "); is {
		var kind string
		identity, after, ok = strings.Cut(after, " to gain ")
		kind, rest, _ = strings.Cut(after, " ")
		ok = ok && (kind == "TEMPORARY" || kind == "ONE-SHOT")
	} else if after, is := strings.CutPrefix(rest, "FAILED to authenticate to gain "); is {
		rest, failed = after, true
	} else {
		return false
	}
	rest, is := strings.CutPrefix(rest, "authorization for action ")
	action, rest, more := strings.Cut(rest, " for ")
	subject, rest, most := strings.Cut(rest, " [")
	command, owner, all := cutLast(rest, "] (owned by ")
	owner, closed := strings.CutSuffix(owner, ")")
	if !ok || !is || !more || !most || !all || !closed || strings.IndexByte(action, ' ') >= 0 {
		return false
	}
	l.is("polkit-authentication", "authentication", "start")
	l.outcome(!failed)
	l.user(unixUser(owner))
	if identity != "" {
		l.put("user.effective.name", unixUser(identity))
		l.target(unixUser(identity))
	}
	l.put("polkit.action", action)
	l.put("polkit.scope", scope)
	l.polkitSubject(subject)
	l.put("process.parent.command_line", command)
	return true
}

// unixUser returns the name in "unix-user:averez".
func unixUser(identity string) string { return strings.TrimPrefix(identity, "unix-user:") }

// polkitSubject writes who asked: "unix-process:1234:567" or "system-bus-name::1.2".
func (l *line) polkitSubject(subject string) {
	l.put("polkit.subject", subject)
	if rest, ok := strings.CutPrefix(subject, "unix-process:"); ok {
		pid, _, _ := strings.Cut(rest, ":")
		l.number("process.parent.pid", pid)
	}
}

// polkitAgent reads that a program will ask users for passwords, or not any more.
func (l *line) polkitAgent(action, kind, text string) bool {
	_, rest, _ := strings.Cut(text, " Agent for ")
	scope, rest, ok := strings.Cut(rest, " (system bus name ")
	rest = strings.TrimSuffix(rest, " (disconnected from bus)")
	rest, path, more := cutLast(rest, ", object path ")
	if !ok || !more || !strings.HasSuffix(path, ")") {
		return false
	}
	name, command, _ := strings.Cut(rest, " [")
	l.is(action, "authentication", kind)
	l.put("polkit.scope", scope)
	l.put("polkit.bus_name", name)
	l.put("process.parent.command_line", strings.TrimSuffix(command, "]"))
	return true
}

// polkitMisuse reads "inappropriate use of helper, stdin is a tty [uid=1001]".
func (l *line) polkitMisuse(text string) bool {
	text, uid, ok := cutLast(text, " [uid=")
	uid, closed := strings.CutSuffix(uid, "]")
	if !ok || !closed || !isNumber(uid) {
		return false
	}
	l.is("polkit-helper-misused", "authentication", "denied")
	l.outcome(false)
	l.put("user.id", uid)
	l.put("event.reason", text)
	return true
}
