package parse

import "strings"

// scanLogin reads what login writes: that of util-linux (login-utils/login.c), and that of the shadow suite
// (src/login.c), which Debian had before 13.
//
//	FAILED LOGIN 1 FROM tty1 FOR averez, Authentication failure
//	FAILED LOGIN (1) on '/dev/tty1' from 'client' FOR 'averez', Authentication failure
//	ROOT LOGIN ON tty1 FROM client             ROOT LOGIN  on '/dev/tty1'
//	LOGIN ON tty1 BY averez                    'averez' logged in on '/dev/tty1'
//
// Each of these is an attempt. Who comes in by a name that is not root's is only told where LOG_OK_LOGINS is set: PAM's
// session is told anyhow.
func scanLogin(p *Parser, l *line) bool { return scanPrefixed(loginForms, p, l, l.text) }

// loginForms holds what login says, by its beginning.
var loginForms = byPrefix([]prefixed[lineScanner]{
	{"FAILED LOGIN SESSION ", loginFailed},
	{"FAILED LOGIN ", loginFailed},
	{"TOO MANY LOGIN TRIES ", loginFailed},
	{"ROOT LOGIN ON ", loginOn(true)},
	{"LOGIN ON ", loginOn(false)},
	{"DIALUP AT ", loginDialup},
	{"ROOT LOGIN ", loginRoot},
	{"ILLEGAL ROOT LOGIN ", loginIllegal},
	{"LOGIN '", loginRefused("' REFUSED ")},
	{"invalid password for '", loginRefused("' ")},
	{"invalid login time for '", loginRefused("'")},
	{"exceeded failure limit for '", loginStep},
	{"REPEATED login failures", loginStep},
	{"'", loginShadow},
	{"Authentication failure", loginEnd},
	{"User account has expired", loginEnd},
	{"Permission denied", loginEnd},
	{"Authentication token is no longer valid", loginEnd},
	{"unknown configuration item ", loginTrouble},
	{"Invalid user name \"", loginTrouble},
	{"NULL user name. Abort.", loginTrouble},
	{"FATAL: ", loginTrouble},
	{"pam_setcred: ", loginTrouble},
	{"Couldn't initialize PAM: ", loginTrouble},
	{"PAM Failure, aborting: ", loginTrouble},
})

func (l *line) login(ok bool) {
	l.is("login-attempt", "authentication", "start")
	l.outcome(ok)
}

// terminal writes the terminal of "/dev/tty1" or "tty1".
func (l *line) terminal(tty string) { l.put("process.tty", strings.TrimPrefix(tty, "/dev/")) }

// loginFailed reads "1 FROM H FOR U, REASON"; of the shadow suite "(1) on '/dev/tty1'[ from 'H'] FOR 'U', REASON". Behind
// FROM util-linux writes the host, or the terminal where there is none. The user is what somebody typed.
func loginFailed(p *Parser, l *line, rest string) bool {
	where, who, ok := strings.Cut(rest, " FOR ")
	if _, from, plain := strings.Cut(" "+where, " FROM "); ok && plain {
		user, reason, told := cutLast(who, ", ")
		if !told {
			return false
		}
		l.login(false)
		l.put("event.reason", reason)
		if user != "(unknown)" {
			l.user(user)
		}
		if isTerminal(from) {
			l.terminal(from)
		} else {
			l.source(from, "")
		}
		return true
	}
	tries, where, on := strings.Cut(where, " on '")
	if strings.HasPrefix(l.text, "TOO MANY LOGIN TRIES ") && tries != "" { // FAILED LOGIN told the last one
		return on && loginStep(p, l, rest)
	}
	user, reason, _ := cutLast(who, "', ")
	user, quoted := strings.CutPrefix(user, "'")
	if !ok || !on || !quoted {
		return false
	}
	l.login(false)
	l.put("event.reason", reason)
	if user = strings.TrimSuffix(user, "'"); user != "UNKNOWN" {
		l.user(user)
	}
	l.loginFrom(where)
	return true
}

// isTerminal reports whether a name is that of a terminal, and not of a host.
func isTerminal(s string) bool {
	return strings.HasPrefix(s, "tty") || strings.HasPrefix(s, "pts/") || strings.HasPrefix(s, "/dev/") || s == "console"
}

// loginFrom writes "/dev/tty1' from 'H'", or what of it is there.
func (l *line) loginFrom(s string) {
	tty, host, _ := strings.Cut(s, "' from '")
	l.terminal(strings.TrimSuffix(tty, "'"))
	l.source(strings.TrimSuffix(host, "'"), "")
}

// loginOn reads "tty1[ BY U][ FROM H]".
func loginOn(root bool) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		who, host, _ := cutLast(rest, " FROM ")
		tty, user, by := strings.Cut(who, " BY ")
		if root == by || tty == "" || strings.IndexByte(tty, ' ') >= 0 {
			return false
		}
		l.login(true)
		if root {
			user = "root"
		}
		l.user(user)
		l.terminal(tty)
		l.source(host, "")
		return true
	}
}

// loginDialup reads "ttyS0 BY U", which another line follows.
func loginDialup(_ *Parser, l *line, rest string) bool {
	tty, user, ok := strings.Cut(rest, " BY ")
	if !ok {
		return false
	}
	l.is("login-dialup", "authentication", "info")
	l.user(user)
	l.terminal(tty)
	return true
}

// loginRoot reads " on '/dev/tty1'[ from 'H']".
func loginRoot(_ *Parser, l *line, rest string) bool {
	where, ok := strings.CutPrefix(strings.TrimPrefix(rest, " "), "on '")
	if !ok {
		return false
	}
	l.login(true)
	l.user("root")
	l.loginFrom(where)
	return true
}

func loginIllegal(_ *Parser, l *line, rest string) bool {
	where, ok := strings.CutPrefix(strings.TrimPrefix(rest, " "), "on '")
	if !ok {
		return false
	}
	l.login(false)
	l.put("event.reason", "ILLEGAL ROOT LOGIN")
	l.user("root")
	l.loginFrom(where)
	return true
}

// loginRefused reads "U' REFUSED  on '/dev/tty1'" and "U'  on '/dev/tty1'".
func loginRefused(middle string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		who, where, ok := cutLast(rest, " on '/dev/")
		user, found := strings.CutSuffix(strings.TrimRight(who, " "), strings.TrimRight(middle, " "))
		if !ok || !found {
			return false
		}
		l.login(false)
		l.put("event.reason", l.text[:strings.IndexByte(l.text, '\'')])
		l.user(user)
		l.loginFrom(where)
		return true
	}
}

// loginStep reads what follows the tries.
func loginStep(_ *Parser, l *line, rest string) bool {
	l.is("login-too-many-attempts", "authentication", "info")
	if where, user, ok := strings.Cut(rest, " FOR '"); ok {
		if user = strings.TrimSuffix(user, "'"); user != "UNKNOWN" {
			l.user(user)
		}
		if _, where, ok := strings.Cut(where, " on '"); ok {
			l.loginFrom(where)
		}
	} else if user, where, ok := cutLast(rest, "'  on '"); ok {
		l.user(user)
		l.loginFrom(where)
	} else if _, where, ok := strings.Cut(rest, " on '"); ok {
		l.loginFrom(where)
	}
	return true
}

// loginShadow reads "averez' logged in on '/dev/tty1'[ from 'H']".
func loginShadow(_ *Parser, l *line, rest string) bool {
	user, where, ok := cutLast(rest, "' logged in")
	where, on := strings.CutPrefix(strings.TrimLeft(where, " "), "on '")
	if !ok || !on {
		return false
	}
	l.login(true)
	l.user(user)
	l.loginFrom(where)
	return true
}

// loginEnd reads what PAM said when the shadow suite's login gave up: who had the right password, and may not come in.
func loginEnd(_ *Parser, l *line, _ string) bool {
	l.login(false)
	l.put("event.reason", l.text)
	return true
}

func loginTrouble(_ *Parser, l *line, _ string) bool {
	l.is("login-error", "authentication", "info")
	l.put("event.reason", l.text)
	return true
}
