package parse

import "strings"

// unresolved is of the host that sudo runs on: it goes on.
const unresolved = "unable to resolve host "

// reasons holds what sudo says where it does not just run the command (plugins/sudoers/*.c of 1.8 to 1.9.16), by how
// that begins: behind it may stand what the user asked for, which may look like any of the others.
var reasons = []struct{ start, action string }{
	{"user NOT in sudoers", "sudo-denied"},
	{"user NOT authorized on host", "sudo-denied"},
	{"command not allowed", "sudo-denied"},
	{"a password is required", "sudo-auth-failed"},
	{"user not allowed to ", "sudo-denied"}, // change directory to …, preserve the environment, set a command timeout …
	{"sorry, you are not allowed to set the following environment variables: ", "sudo-denied"},
	{"unknown user", "sudo-denied"},
	{"unknown group", "sudo-denied"},
	{"unknown uid", "sudo-denied"},
	{"unknown gid", "sudo-denied"},
	{"unknown login class", "sudo-denied"},
	{"unknown defaults entry", "sudoers-error"},
	{"invalid shell for user ", "sudo-denied"},
	{"setid command", "sudo-denied"}, // rejected in intercept mode
	{"no tty", "sudo-denied"},
	{"sorry, you must have a tty to run sudo", "sudo-denied"}, // before 1.8
	{unresolved, "sudo-warning"},
	{"command too long", "sudo-denied"},
	{"command in current directory", "sudo-denied"},
	{"PAM authentication error", "sudo-auth-failed"},
	{"PAM account management error", "sudo-auth-failed"},
	{"account validation failure", "sudo-auth-failed"},
	{"Account or password is expired", "sudo-auth-failed"},
	{"Account expired", "sudo-auth-failed"},
	{"Password expired, contact", "sudo-auth-failed"},
	{"your account has expired", "sudo-auth-failed"},
	{"approval failed", "sudo-auth-failed"},
	{"no password was provided", "sudo-auth-failed"},
	{"unable to change expired password", "sudo-auth-failed"},
	{"unable to initialize PAM", "sudo-auth-failed"},
	{"unable to begin BSD authentication", "sudo-auth-failed"},
	{"unable to begin bsd authentication", "sudo-auth-failed"},
	{"unable to initialize BSD authentication", "sudo-auth-failed"},
	{"unable to initialize SIA session", "sudo-auth-failed"},
	{"invalid authentication type", "sudo-auth-failed"},
	{"There are no authentication methods", "sudo-auth-failed"},
	{"Unable to initialize authentication methods", "sudo-auth-failed"},
	{"Invalid authentication methods", "sudo-auth-failed"},
	{"no valid sudoers sources", "sudoers-error"},
	{"problem with defaults entries", "sudoers-error"},
	{"unable to get defaults from ", "sudoers-error"},
	{"parse error in ", "sudoers-error"},
	{"timestamp owner (", "sudoers-error"},
}

// reasonParts holds reasons by what stands somewhere in them. Nothing that a user writes is in these.
var reasonParts = []struct{ part, action string }{
	{" incorrect password attempt", "sudo-auth-failed"}, // sudo's default; authfail_message may be any text
	{"Cannot verify TGT", "sudo-auth-failed"},
	{"syntax error", "sudoers-error"},
	{"parse error", "sudoers-error"},
	{"is world writable", "sudoers-error"},
	{"is group writable", "sudoers-error"},
	{"is owned by ", "sudoers-error"},
	{"is not a regular file", "sudoers-error"},
	{"timestampowner: ", "sudoers-error"},
	{"command rejected", "sudo-denied"},
	{"not permitted", "sudo-denied"},
	{"not allowed", "sudo-denied"},
	{"sudoers", "sudoers-error"},
}

// reasonAction returns what a reason means, "" if it is not known.
func reasonAction(reason string) string {
	for i := range reasons {
		if strings.HasPrefix(reason, reasons[i].start) {
			return reasons[i].action
		}
	}
	if isFault(reason) {
		return "sudoers-error"
	}
	for i := range reasonParts {
		if strings.Contains(reason, reasonParts[i].part) {
			return reasonParts[i].action
		}
	}
	return ""
}

// isFault reports whether a reason is of the form "/etc/sudoers:25:9: text", and so tells a fault of a file.
func isFault(reason string) bool {
	if reason == "" || reason[0] != '/' {
		return false
	}
	_, rest, ok := strings.Cut(reason, ":")
	line, rest := digits(rest)
	if !ok || line == "" || rest == "" || rest[0] != ':' {
		return false
	}
	column, rest := digits(rest[1:])
	return column != "" && (strings.HasPrefix(rest, ": ") || strings.HasPrefix(rest, " "))
}

// standsAlone reports whether sudo knows no command yet where it gives this reason.
func standsAlone(reason string) bool {
	return reasonAction(reason) == "sudoers-error" || strings.HasPrefix(reason, "unknown ") || strings.HasPrefix(reason, unresolved)
}

// because classes a line by its reason, and reports false where it knows none.
func (l *line) because(action, reason string) bool {
	switch action {
	case "sudo-auth-failed":
		l.is(action, "authentication", "start")
		l.outcome(false)
		if n, rest := digits(reason); strings.HasPrefix(rest, " incorrect") {
			l.number("sudo.attempts", n)
		}
	case "sudo-denied":
		l.is(action, "process", "denied")
		l.outcome(false)
	case "sudoers-error": // what became of the command, another line tells: sudo goes on where it can
		l.is(action, "configuration", "error")
	case "sudo-warning":
		l.is(action, "process", "info")
	default:
		return false
	}
	l.sudoWhy(reason)
	return true
}

// sudoWhy writes why sudo did not just run a command.
func (l *line) sudoWhy(reason string) {
	l.put("event.reason", reason)
	l.put("sudo.reason", reason)
}
