package parse

import (
	"cmp"
	"strings"
)

// scanPAM reads the lines that PAM's modules write under the name of the program that uses them:
//
//	pam_MODULE(SERVICE:TYPE): text
//	(pam_MODULE) text, and sshd(pam_unix)[12]: text         (before Linux-PAM 0.99)
//	PAM N more authentication failures; logname= …          (sshd's own words)
//
// They tell a step of an attempt that the program's own line sums up. Where the program has no such line, the failure
// counts as the attempt itself; where several modules refuse the same attempt, the first of them tells it.
//
// It looks at every line of every program, so that it gives up on the first byte of nearly all.
func scanPAM(p *Parser, l *line) bool {
	text, ok := l.pamText()
	if !ok {
		return false
	}
	if text != "" && text[0]-'0' <= 9 {
		return moreFailures(p, l, text)
	}
	return scanPrefixed(pamForms, p, l, text)
}

// pamText returns what a module says.
func (l *line) pamText() (text string, ok bool) {
	s := l.text
	if s == "" {
		return "", false
	}
	switch s[0] {
	case 'p':
		if !strings.HasPrefix(s, "pam_") {
			break
		}
		head, text, ok := strings.Cut(s, "): ")
		if ok && strings.IndexByte(head, '(') >= 0 && strings.IndexByte(head, ' ') < 0 {
			return text, true
		}
	case 'P':
		if text, ok := strings.CutPrefix(s, "PAM "); ok {
			return text, true
		}
	case '(':
		if text, ok := strings.CutPrefix(s, "(pam_"); ok {
			module, text, ok := strings.Cut(text, ") ")
			return text, ok && strings.IndexByte(module, ' ') < 0
		}
	}
	if n := len(l.program); n > 0 && l.program[n-1] == ')' {
		_, module, _ := strings.Cut(l.program, "(")
		return s, strings.HasPrefix(module, "pam_")
	}
	return "", false
}

// actsAsOther reports whether the program lets one user act as another: PAM's user is then the other.
func (l *line) actsAsOther() bool {
	switch l.pamProgram() {
	case "sudo", "sudo-rs", "su", "su-l", "runuser", "runuser-l", "doas", "pkexec":
		return true
	}
	return false
}

// pamProgram is the name of the program that uses PAM.
func (l *line) pamProgram() string {
	name, _, _ := strings.Cut(l.program, "(")
	return name
}

// sumsUp reports whether the program tells the end of an attempt in a line of its own.
func (l *line) sumsUp() bool {
	switch l.pamProgram() {
	case "sshd", "sshd-session", "sshd-auth", "login", "dropbear", "polkit-agent-helper-1":
		return true
	}
	return l.actsAsOther() || l.asksForMail()
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
func pamOpened(_ *Parser, l *line, rest string) bool {
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

func pamClosed(_ *Parser, l *line, rest string) bool {
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
func pamFailure(p *Parser, l *line, rest string) bool {
	f, ok := l.cutPAM(rest)
	if !ok {
		return false
	}
	p.pamRefused(l)
	l.pamFields(f)
	return true
}

// pamRefused writes that a module refused somebody, as the attempt where no other line tells it.
func (p *Parser) pamRefused(l *line) {
	l.is("pam-auth-failure", "authentication", "info")
	if !l.sumsUp() && p.modules.first(l) {
		l.outcome(false)
	}
}

// pamEnd is what a module knows of who wants in.
type pamEnd struct {
	tty, ruser, rhost, user string
	forged                  bool   // a name looks like what follows it
	other                   string // the host in a second reading
}

// cutPAM reads what pam_unix and others write of an attempt. What a user is called by the client may hold anything: to
// sshd, login and su that is the user alone, behind the host, and to others the remote user too, before it.
func (l *line) cutPAM(s string) (f pamEnd, ok bool) {
	if f.tty, s, ok = cutValue(s, "tty=", " ruser="); !ok {
		return f, false
	}
	first := strings.Index(s, " rhost=")
	if first < 0 {
		return f, false
	}
	f.cutAt(s, first)
	last := strings.LastIndex(s, " rhost=")
	if first == last {
		return f, true
	}
	if l.sumsUp() && !l.asksForMail() || first == 0 && !f.claims() { // or there is no remote user
		before, _, _ := strings.Cut(s[first+1:], " user=")
		f.forged = strings.Contains(before, " rhost=")
		return f, true
	}
	for at := first; at < last; at += 1 + strings.Index(s[at+1:], " rhost=") {
		if len(s) < 2*at || len(s) > 2*at+maxHost+len(" rhost=  user=") {
			continue
		}
		if f.cutAt(s, at); f.user == f.ruser && f.user != "" { // as Dovecot sets both
			return f, true
		}
	}
	f.cutAt(s, last)
	f.forged = true
	f.other, _ = word(s[first+len(" rhost="):])
	return f, true
}

// cutAt reads what is before and behind the " rhost=" at an offset of s.
func (f *pamEnd) cutAt(s string, at int) {
	f.ruser = s[:at]
	f.rhost, s = word(s[at+len(" rhost="):])
	_, f.user, _ = strings.Cut(" "+s, " user=")
}

// claims reports whether the remote user is who the client says that it is: services that have no terminal, and say so.
// The user behind is missing where the host has none of that name.
func (f *pamEnd) claims() bool { return f.tty == "ftp" || f.tty == "pure-ftpd" || f.tty == "dovecot" }

func (l *line) pamFields(f pamEnd) {
	l.put("process.tty", f.tty)
	l.source(f.rhost, "")
	if f.forged {
		l.tag("ambiguous")
		l.also("related.ip", canonical(f.other))
	}
	if f.user == "" && f.claims() {
		f.user = f.ruser
	}
	switch l.pamProgram() {
	case "su", "su-l":
		l.user(f.ruser)
		l.put("user.effective.name", f.user)
		l.target(f.user)
	case "sudo", "sudo-rs":
		l.user(cmp.Or(f.ruser, f.user))
		l.also("related.user", f.user)
	default:
		l.user(f.user)
		l.also("related.user", f.ruser)
	}
}

// cutValue returns what is between name and next, and what follows.
func cutValue(s, name, next string) (value, rest string, ok bool) {
	if _, s, ok = strings.Cut(s, name); !ok {
		return "", s, false
	}
	return strings.Cut(s, next)
}

// moreFailures reads "2 more authentication failures; logname= …": attempts that no other line told.
func moreFailures(p *Parser, l *line, text string) bool {
	n, rest := digits(text)
	if n == "" || !strings.HasPrefix(rest, " more authentication failure") {
		return false
	}
	_, rest, ok := strings.Cut(rest, "; ")
	if !ok || !pamFailure(p, l, rest) {
		return false
	}
	if !l.sumsUp() {
		l.put("pam.attempts", n)
	}
	return true
}

// pamUnknown reads "unknown", and "(averez) unknown" of a module that is told to audit.
func pamUnknown(_ *Parser, l *line, rest string) bool {
	name, named := between(rest, " (", ") unknown")
	if !named && rest != " unknown" {
		return false
	}
	l.is("pam-user-unknown", "authentication", "info")
	l.user(name)
	return true
}

// pamConversation reads a line that names nobody: whoever was asked for a password gave none.
func pamConversation(_ *Parser, l *line, rest string) bool {
	if rest != "" {
		return false
	}
	l.is("pam-conversation-failed", "authentication", "info")
	return true
}

func pamPassword(_ *Parser, l *line, rest string) bool {
	if rest == "" {
		return false
	}
	l.is("password-changed", "iam", "user", "change")
	l.outcome(true)
	l.target(rest)
	return true
}

func pamNoPassword(p *Parser, l *line, rest string) bool {
	name, ok := strings.CutSuffix(rest, "]")
	if !ok {
		return false
	}
	p.pamRefused(l)
	if l.pamProgram() == "su" {
		l.target(name)
	} else {
		l.user(name)
	}
	return true
}

// pamExpired reads "account averez has expired (account expired)" and the like.
func pamExpired(_ *Parser, l *line, rest string) bool {
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
func pamExpiredPassword(_ *Parser, l *line, rest string) bool {
	name, reason, ok := cutLast(rest, " (")
	if !ok || name == "" {
		return false
	}
	l.is("password-expired", "authentication", "info")
	l.user(name)
	l.put("event.reason", strings.TrimSuffix(reason, ")"))
	return true
}

func pamLocked(_ *Parser, l *line, rest string) bool {
	name, ok := strings.CutSuffix(rest, " account temporarily locked")
	if !ok {
		return false
	}
	l.is("account-locked", "iam", "user", "change")
	l.target(name)
	return true
}

// pamAccess reads "u' from `h'".
func pamAccess(_ *Parser, l *line, rest string) bool {
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
