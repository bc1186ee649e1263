package parse

import "strings"

// pamForms holds what the modules say, by its beginning.
var pamForms = byPrefix([]prefixed[lineScanner]{
	{"session opened for user ", pamOpened},
	{"session closed for user ", pamClosed},
	{"authentication failure; ", pamFailure},
	{"authentication success; ", pamSuccess},
	{"check pass; user", pamUnknown},
	{"password changed for ", pamPassword},
	{"password not changed for ", pamNotChanged},
	{"auth could not identify password for [", pamNoPassword},
	{"bad username [", pamNoPassword},
	{"conversation failed", pamConversation},
	{"account ", pamExpired},
	{"expired password for user ", pamExpiredPassword},
	{"could not identify user (from getpwnam(", pamNoUser},
	{"service(", pamRetries},
	{"new password not acceptable", pamRefusedPassword},
	{"user password changed by another process", pamRefusedPassword},
	{"bad password: ", pamRefusedPassword},
	{"user [", pamBlank},
	// pam_faillock, pam_tally2
	{"Consecutive login failures for user ", pamLocked},
	{"user ", pamTally},
	{"User unknown", pamStranger},
	// pam_access, pam_wheel, pam_securetty, pam_listfile, pam_shells, pam_succeed_if, pam_limits
	{"access denied for user `", pamAccess},
	{"access denied: tty '", pamTTY},
	{"Access denied to '", pamWheel(false)},
	{"Access granted to '", pamWheel(true)},
	{"Refused user ", pamListed},
	{"User has an invalid shell '", pamShell},
	{"requirement \"", pamRequirement},
	{"Too many logins (max ", pamTooMany},
	{"Too many system logins (max ", pamTooMany},
	{"No logins allowed for '", pamNoLogins},
	// pam_sss, pam_krb5, pam_winbind, pam_google_authenticator
	{"received for user ", pamReceived},
	{"Access denied for user ", pamReceivedDenied},
	{"Accepted google_authenticator for ", pamCode(true)},
	{"Invalid verification code for ", pamCode(false)},
	{"root check ", pamRoot},
	{"function=[", pamWarned},
	{"close_session - ", pamTrouble},
	{"cannot determine ", pamTrouble},
	{"unexpected response from failed conversation function", pamTrouble},
	{"pam_putenv: ", pamTrouble},
	{"password - ", pamTrouble},
	{"deprecated reading of user environment enabled", pamTrouble},
	{"unable to dlopen(", pamTrouble},
	{"adding faulty module: ", pamTrouble},
	{"/", pamCommand},
	// the rest only fails
	{"Could not set limit for ", pamTrouble},
	{"Failed to ", pamTrouble},
	{"Cannot create session: ", pamTrouble},
	{"Unable to open ", pamTrouble},
	{"Error writing ", pamTrouble},
	{"set_loginuid failed", pamTrouble},
	{"error: login user-name '", pamTrouble},
	{"invalid line ", pamTrouble},
	{"unknown option: ", pamTrouble},
	{"unrecognized option ", pamTrouble},
})

// pamSuccess reads "logname= uid=0 euid=0 tty= ruser= rhost= user=averez", as pam_sss says it.
func pamSuccess(_ *Parser, l *line, rest string) bool {
	f, ok := l.cutPAM(rest)
	if !ok {
		return false
	}
	l.is("pam-auth-success", "authentication", "info")
	if !l.sumsUp() {
		l.outcome(true)
	}
	l.pamFields(f)
	return true
}

// pamNotChanged reads "averez on nis1".
func pamNotChanged(_ *Parser, l *line, rest string) bool {
	name, _ := word(rest)
	if name == "" {
		return false
	}
	l.is("password-changed", "iam", "user", "change")
	l.outcome(false)
	l.target(name)
	return true
}

// pamNoUser reads "averez))".
func pamNoUser(_ *Parser, l *line, rest string) bool {
	name, ok := strings.CutSuffix(rest, "))")
	if !ok {
		return false
	}
	l.is("pam-user-unknown", "authentication", "info")
	l.user(name)
	return true
}

// pamRetries reads "sshd) ignoring max retries; 4 > 3".
func pamRetries(_ *Parser, l *line, rest string) bool {
	_, reason, ok := strings.Cut(rest, ") ")
	if !ok || !strings.HasPrefix(reason, "ignoring max retries") {
		return false
	}
	l.is("pam-max-retries", "authentication", "info")
	l.put("event.reason", reason)
	return true
}

func pamRefusedPassword(_ *Parser, l *line, _ string) bool {
	text, _ := l.pamText()
	l.is("password-refused", "iam", "user", "denied")
	l.put("event.reason", text)
	return true
}

// pamBlank reads "averez] has blank password; authenticated without it".
func pamBlank(_ *Parser, l *line, rest string) bool {
	name, ok := strings.CutSuffix(rest, "] has blank password; authenticated without it")
	if !ok {
		return false
	}
	l.is("pam-blank-password", "authentication", "info")
	l.user(name)
	return true
}

// pamTally reads what begins with a user: "averez (1001) tally 6, deny 5", "averez (1001) has time limit [60s left] since
// last failure.", "averez inactive for 40 days - denied", "`averez' denied access (incorrect password)", "`averez' not
// found in the database", "`averez' granted access".
func pamTally(p *Parser, l *line, rest string) bool {
	if name, reason, ok := cutLast(rest, " tally "); ok {
		name, id, numbered := cutLast(name, " (")
		id, closed := strings.CutSuffix(id, ")")
		if !numbered || !closed {
			return false
		}
		l.is("account-locked", "iam", "user", "change")
		l.target(name)
		l.put("user.target.id", id)
		l.put("event.reason", reason)
		return true
	}
	if name, reason, ok := cutLast(rest, " inactive for "); ok {
		l.is("account-expired", "authentication", "denied")
		l.user(name)
		l.put("event.reason", reason)
		return true
	}
	return pamDatabase(p, l, rest)
}

// pamDatabase reads what pam_userdb and pam_winbind say behind "user ".
func pamDatabase(p *Parser, l *line, rest string) bool {
	if rest == "" || rest[0] != '`' && rest[0] != '\'' {
		return false
	}
	name, reason, ok := cutLast(rest[1:], "' ")
	switch {
	case !ok:
		return false
	case reason == "granted access":
		l.is("pam-auth-success", "authentication", "info")
		if !l.sumsUp() {
			l.outcome(true)
		}
		l.user(name)
		return true
	case strings.HasPrefix(reason, "denied access"), strings.HasPrefix(reason, "not found"):
		p.pamRefused(l)
		l.user(name)
		l.put("event.reason", reason)
		return true
	}
	return false
}

// pamStranger reads nothing, or ": averez", as pam_faillock says it.
func pamStranger(_ *Parser, l *line, rest string) bool {
	name, named := strings.CutPrefix(rest, ": ")
	if !named && rest != "" && rest != "." {
		return false
	}
	l.is("pam-user-unknown", "authentication", "info")
	if named {
		l.user(name)
	}
	return true
}

// pamTTY reads "pts/0' is not secure !".
func pamTTY(_ *Parser, l *line, rest string) bool {
	tty, ok := strings.CutSuffix(rest, "' is not secure !")
	if !ok {
		return false
	}
	l.is("access-denied", "authentication", "denied")
	l.put("event.reason", "tty is not secure")
	l.put("process.tty", tty)
	return true
}

// pamWheel reads "eve' for 'root'".
func pamWheel(granted bool) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		user, target, ok := cutLast(rest, "' for '")
		target, closed := strings.CutSuffix(target, "'")
		if !ok || !closed {
			return false
		}
		if granted {
			l.is("access-granted", "authentication", "allowed")
		} else {
			l.is("access-denied", "authentication", "denied")
		}
		l.put("event.reason", "wheel")
		l.user(user)
		l.target(target)
		return true
	}
}

// pamListed reads "averez for service vsftpd".
func pamListed(_ *Parser, l *line, rest string) bool {
	name, service, ok := cutLast(rest, " for service ")
	if !ok {
		return false
	}
	l.is("access-denied", "authentication", "denied")
	l.user(name)
	l.put("service.name", service)
	return true
}

// pamShell reads "/bin/nosuch'".
func pamShell(_ *Parser, l *line, rest string) bool {
	shell, ok := strings.CutSuffix(rest, "'")
	if !ok {
		return false
	}
	l.is("access-denied", "authentication", "denied")
	l.put("event.reason", "invalid shell")
	l.put("process.executable", shell)
	return true
}

// pamRequirement reads `uid >= 1000" not met by user "root"`.
func pamRequirement(_ *Parser, l *line, rest string) bool {
	rest, ok := strings.CutSuffix(rest, `"`)
	what, name, found := cutLast(rest, `by user "`)
	what, missed := strings.CutSuffix(what, `" not met `)
	what, met := strings.CutSuffix(what, `" was met `)
	if !ok || !found || !missed && !met {
		return false
	}
	if met {
		l.is("access-granted", "authentication", "allowed")
	} else {
		l.is("access-denied", "authentication", "denied")
	}
	l.put("event.reason", what)
	l.user(name)
	return true
}

// pamTooMany reads "2) for averez" and "2)".
func pamTooMany(_ *Parser, l *line, rest string) bool {
	limit, name, _ := strings.Cut(rest, ") for ")
	if limit = strings.TrimSuffix(limit, ")"); !isNumber(limit) {
		return false
	}
	l.is("access-denied", "session", "denied")
	l.put("event.reason", "too many logins")
	l.user(name)
	return true
}

// pamNoLogins reads "averez'".
func pamNoLogins(_ *Parser, l *line, rest string) bool {
	name, ok := strings.CutSuffix(rest, "'")
	if !ok {
		return false
	}
	l.is("access-denied", "session", "denied")
	l.put("event.reason", "no logins allowed")
	l.user(name)
	return true
}

// pamReceived reads "averez: 7 (Authentication failure)": the answer of sssd, which another line told already.
func pamReceived(_ *Parser, l *line, rest string) bool {
	name, reason, ok := cutLast(rest, ": ")
	code, _ := digits(reason)
	if !ok || code == "" {
		return false
	}
	l.is("pam-answer", "authentication", "info")
	l.user(name)
	l.put("event.reason", reason)
	return true
}

// pamReceivedDenied reads "averez: 6 (Permission denied)": who may not come in, though the password was right.
func pamReceivedDenied(_ *Parser, l *line, rest string) bool {
	name, reason, ok := cutLast(rest, ": ")
	code, _ := digits(reason)
	if !ok || code == "" {
		return false
	}
	l.is("access-denied", "authentication", "denied")
	l.user(name)
	l.put("event.reason", reason)
	return true
}

// pamCode reads the user whose one-time code was right, or not.
func pamCode(right bool) lineScanner {
	return func(p *Parser, l *line, name string) bool {
		if name == "" {
			return false
		}
		if right {
			l.is("pam-code-accepted", "authentication", "info")
		} else {
			p.pamRefused(l)
			l.put("event.reason", "Invalid verification code")
		}
		l.user(name)
		return true
	}
}

// pamTrouble reads what a module could not do, which is nobody's attempt.
func pamTrouble(_ *Parser, l *line, _ string) bool {
	text, _ := l.pamText()
	l.is("pam-error", "authentication", "info")
	l.put("event.reason", text)
	return true
}

// pamRoot reads "succeeded" or "failed", of pam_rootok: who is root needs no password.
func pamRoot(_ *Parser, l *line, rest string) bool {
	if rest != "succeeded" && rest != "failed" {
		return false
	}
	l.is("pam-root-check", "authentication", "info")
	l.put("event.reason", rest)
	return true
}

// pamWarned reads "pam_sm_authenticate] flags=0 service=[su] terminal=[<unknown>] user=[jdoe] ruser=[averez] rhost=[x]".
func pamWarned(_ *Parser, l *line, rest string) bool {
	function, rest, ok := strings.Cut(rest, "] ")
	service, rest, served := cutValue(rest, "service=[", "] terminal=[")
	tty, rest, on := strings.Cut(rest, "] user=[")
	user, rest, named := strings.Cut(rest, "] ruser=[")
	ruser, rhost, far := strings.Cut(rest, "] rhost=[")
	rhost, closed := strings.CutSuffix(rhost, "]")
	if !ok || !served || !on || !named || !far || !closed {
		return false
	}
	known := func(s string) string {
		if s == "<unknown>" {
			return ""
		}
		return s
	}
	l.is("pam-warning", "authentication", "info")
	l.put("event.reason", function)
	l.put("service.name", service)
	l.pamFields(pamEnd{tty: known(tty), user: known(user), ruser: known(ruser), rhost: known(rhost)})
	return true
}

// pamCommand reads "bin/false failed: exit code 1" behind a slash, of pam_exec.
func pamCommand(_ *Parser, l *line, rest string) bool {
	text, _ := l.pamText()
	file, reason, ok := cutLast(text, " failed: ")
	if !ok || rest == "" {
		return false
	}
	l.is("pam-command-failed", "process", "error")
	l.put("process.executable", file)
	l.put("event.reason", reason)
	if code, ok := strings.CutPrefix(reason, "exit code "); ok {
		l.number("process.exit_code", code)
	}
	return true
}

// scanPasswordCheck reads what the helper of pam_unix says that looks a password up: a step of what the module tells.
func scanPasswordCheck(_ *Parser, l *line) bool {
	name, ok := between(l.text, "password check failed for user (", ")")
	if !ok {
		return false
	}
	l.is("pam-password-check", "authentication", "info")
	l.user(name)
	return true
}
