package parse

import "strings"

// scanPAM reads the lines that PAM's modules write under the name of the program that uses them:
//
//	pam_MODULE(SERVICE:TYPE): text
//	PAM N more authentication failures; logname= …          (sshd's own words)
//
// They tell a step of an attempt that the program's own line sums up. Where the program has no such line (it is none
// of sudo, su, sshd), the failure counts as the attempt itself.
func scanPAM(l *line) bool {
	if rest, ok := strings.CutPrefix(l.text, "PAM "); ok {
		return moreFailures(l, rest)
	}
	if !strings.HasPrefix(l.text, "pam_") {
		return false
	}
	head, text, ok := strings.Cut(l.text, "): ")
	if !ok || strings.IndexByte(head, '(') < 0 || strings.IndexByte(head, ' ') >= 0 {
		return false
	}
	if text != "" && text[0]-'0' <= 9 {
		return moreFailures(l, text)
	}
	for _, f := range pamForms {
		if rest, ok := strings.CutPrefix(text, f.prefix); ok && f.scan(l, rest) {
			return true
		}
	}
	return false
}

// pamForms holds what the modules say, by its beginning.
var pamForms = []struct {
	prefix string
	scan   func(l *line, rest string) bool
}{
	{"session opened for user ", pamOpened},
	{"session closed for user ", pamClosed},
	{"authentication failure; ", pamFailure},
	{"check pass; user unknown", pamUnknown},
	{"password changed for ", pamPassword},
	{"auth could not identify password for [", pamNoPassword},
	{"bad username [", pamNoPassword},
	{"conversation failed", pamConversation},
	{"account ", pamExpired},
	{"expired password for user ", pamExpiredPassword},
	{"Consecutive login failures for user ", pamLocked},
	{"access denied for user `", pamAccess},
}

// actsAsOther reports whether the program lets one user act as another: PAM's user is then the other.
func (l *line) actsAsOther() bool {
	switch l.program {
	case "sudo", "sudo-rs", "su", "su-l", "runuser", "runuser-l", "doas", "pkexec":
		return true
	}
	return false
}

// sumsUp reports whether the program tells the end of an attempt in a line of its own.
func (l *line) sumsUp() bool {
	return l.actsAsOther() || l.program == "sshd" || l.program == "sshd-session" || l.program == "sshd-auth" ||
		l.program == "polkit-agent-helper-1" || l.asksForMail()
}

// named cuts "averez(uid=1001)" in two; the number may be missing, and the name too.
func named(s string) (name, id string) {
	if before, after, ok := cutLast(s, "(uid="); ok {
		if id, ok := strings.CutSuffix(after, ")"); ok {
			return before, id
		}
	}
	return s, ""
}

// subject writes whom a session is for, and who asked for it.
func (l *line) subject(name, id, by, byID string) {
	if !l.actsAsOther() {
		l.user(name)
		l.put("user.id", id)
		return
	}
	l.put("user.id", byID)
	l.user(by)
	l.put("user.effective.name", name)
	l.put("user.effective.id", id)
	l.target(name)
	l.put("user.target.id", id)
}

// pamOpened reads "root(uid=0) by averez(uid=1001)"; before PAM 1.5 "root by (uid=1001)".
func pamOpened(l *line, rest string) bool {
	who, by, ok := cutLast(rest, " by ")
	if !ok || who == "" {
		return false
	}
	name, id := named(who)
	byName, byID := named(by)
	l.is("session-opened", "session", "start")
	l.outcome(true)
	l.subject(name, id, byName, byID)
	return true
}

func pamClosed(l *line, rest string) bool {
	if rest == "" {
		return false
	}
	l.is("session-closed", "session", "end")
	l.outcome(true)
	l.subject(rest, "", "", "")
	return true
}

// pamFailure reads "logname= uid=1001 euid=0 tty= ruser=averez rhost=  user=averez". The user is missing where there
// is none of that name.
func pamFailure(l *line, rest string) bool {
	tty, after, ok := cutValue(rest, "tty=", " ruser=")
	if !ok {
		return false
	}
	ruser, after, ok := strings.Cut(after, " rhost=")
	if !ok {
		return false
	}
	rhost, after := word(after)
	_, user, _ := strings.Cut(" "+after, " user=")
	l.is("pam-auth-failure", "authentication", "info")
	if !l.sumsUp() {
		l.outcome(false)
	}
	l.put("process.tty", tty)
	l.source(rhost, "")
	switch l.program {
	case "su", "su-l":
		l.user(ruser)
		l.put("user.effective.name", user)
		l.target(user)
	case "sudo", "sudo-rs":
		if ruser == "" {
			ruser = user
		}
		l.user(ruser)
		l.also("related.user", user)
	default:
		l.user(user)
		l.also("related.user", ruser)
	}
	return true
}

// cutValue returns what is between name and next, and what follows.
func cutValue(s, name, next string) (value, rest string, ok bool) {
	if _, s, ok = strings.Cut(s, name); !ok {
		return "", s, false
	}
	return strings.Cut(s, next)
}

// moreFailures reads "2 more authentication failures; logname= …".
func moreFailures(l *line, text string) bool {
	n, rest := digits(text)
	if n == "" || !strings.HasPrefix(rest, " more authentication failure") {
		return false
	}
	_, rest, ok := strings.Cut(rest, "; ")
	return ok && pamFailure(l, rest)
}

func pamUnknown(l *line, rest string) bool {
	if rest != "" {
		return false
	}
	l.is("pam-user-unknown", "authentication", "info")
	return true
}

// pamConversation reads a line that names nobody: whoever was asked for a password gave none.
func pamConversation(l *line, rest string) bool {
	if rest != "" {
		return false
	}
	l.is("pam-conversation-failed", "authentication", "info")
	return true
}

func pamPassword(l *line, rest string) bool {
	if rest == "" {
		return false
	}
	l.is("password-changed", "iam", "user", "change")
	l.outcome(true)
	l.target(rest)
	return true
}

func pamNoPassword(l *line, rest string) bool {
	name, ok := strings.CutSuffix(rest, "]")
	if !ok {
		return false
	}
	l.is("pam-auth-failure", "authentication", "info")
	if !l.sumsUp() {
		l.outcome(false)
	}
	if l.program == "su" {
		l.target(name)
	} else {
		l.user(name)
	}
	return true
}

// pamExpired reads "account averez has expired (account expired)" and the like.
func pamExpired(l *line, rest string) bool {
	name, reason, ok := strings.Cut(rest, " has ")
	if !ok || name == "" {
		return false
	}
	l.is("account-expired", "authentication", "denied")
	l.user(name)
	l.put("event.reason", "account has "+reason)
	return true
}

// pamExpiredPassword reads "averez (root enforced)": a login may go on with a new password.
func pamExpiredPassword(l *line, rest string) bool {
	name, reason, ok := cutLast(rest, " (")
	if !ok || name == "" {
		return false
	}
	l.is("password-expired", "authentication", "info")
	l.user(name)
	l.put("event.reason", strings.TrimSuffix(reason, ")"))
	return true
}

func pamLocked(l *line, rest string) bool {
	name, ok := strings.CutSuffix(rest, " account temporarily locked")
	if !ok {
		return false
	}
	l.is("account-locked", "iam", "user", "change")
	l.target(name)
	return true
}

// pamAccess reads "u' from `h'".
func pamAccess(l *line, rest string) bool {
	name, from, ok := cutLast(rest, "' from `")
	from, quoted := strings.CutSuffix(from, "'")
	if !ok || !quoted {
		return false
	}
	l.is("access-denied", "authentication", "denied")
	l.user(name)
	l.source(from, "")
	return true
}
