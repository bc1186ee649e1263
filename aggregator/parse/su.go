package parse

import "strings"

// scanSu reads what su and runuser write: those of util-linux, of shadow and busybox, of the BSDs, of Solaris and AIX.
//
//	(to root) eve on pts/0                 FAILED SU (to root) eve on pts/0     FAILED RUNUSER (to root) eve on none
//	Successful su for root by eve          FAILED su for root by eve            SU by eve to restricted account root
//	+ pts/0 eve:root                       - pts/0 eve:root
//	eve to root on /dev/pts/0              BAD SU eve to root on /dev/pts/0     eve to root
//	'su root' succeeded for eve on /dev/pts/1                                   'su root' failed for eve on /dev/pts/1
//	from eve to root at /dev/pts/0         BAD SU from eve to root at /dev/pts/0
//
// What shadow's su says besides names a step of the attempt that its "+" or "-" sums up.
func scanSu(_ *Parser, l *line) bool {
	text, failed := cutFailed(l.text)
	if rest, ok := strings.CutPrefix(text, "(to "); ok {
		target, rest, ok := strings.Cut(rest, ") ")
		user, tty, on := cutLast(rest, " on ")
		return ok && on && su(l, user, target, tty, !failed)
	}
	if rest, ok := strings.CutPrefix(text, "Successful su for "); ok {
		target, user, by := cutLast(rest, " by ")
		return by && su(l, user, target, "", true)
	}
	if rest, ok := strings.CutPrefix(text, "FAILED su for "); ok {
		target, user, by := cutLast(rest, " by ")
		return by && su(l, user, target, "", false)
	}
	if len(text) > 2 && (text[0] == '+' || text[0] == '-') && text[1] == ' ' {
		tty, users := word(text[2:])
		user, target, ok := strings.Cut(users, ":")
		return ok && su(l, unknownAs(user), unknownAs(target), tty, text[0] == '+')
	}
	return suSolaris(l, text) || suStep(l, text) || suBSD(l, text, failed)
}

func cutFailed(s string) (rest string, failed bool) {
	for _, prefix := range []string{"FAILED SU ", "FAILED RUNUSER ", "BAD SU "} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return rest, true
		}
	}
	return s, false
}

// unknownAs returns a name, "" for what shadow's su writes where it knows none.
func unknownAs(name string) string {
	if name == "???" {
		return ""
	}
	return name
}

// suBSD reads "eve to root on /dev/pts/0", "eve to root" and "from eve to root at /dev/pts/0".
func suBSD(l *line, text string, failed bool) bool {
	at := " on "
	if rest, ok := strings.CutPrefix(text, "from "); ok {
		text, at = rest, " at "
	}
	users, tty, on := cutLast(text, at)
	user, target, to := strings.Cut(users, " to ")
	if !to || user == "" || strings.IndexByte(user, ' ') >= 0 || !on && strings.IndexByte(target, ' ') >= 0 {
		return false
	}
	return su(l, user, target, tty, !failed)
}

// suSolaris reads "'su root' failed for eve on /dev/pts/1".
func suSolaris(l *line, text string) bool {
	rest, ok := strings.CutPrefix(text, "'su ")
	target, rest, more := strings.Cut(rest, "' ")
	rest, succeeded := strings.CutPrefix(rest, "succeeded for ")
	rest, failed := strings.CutPrefix(rest, "failed for ")
	user, tty, on := cutLast(rest, " on ")
	return ok && more && on && succeeded != failed && su(l, user, target, tty, succeeded)
}

// suSteps holds what shadow's su says (src/su.c) of an attempt before it sums it up, by the text around a name.
var suSteps = []struct{ start, end string }{
	{"Authentication failed for ", ""},
	{"No passwd entry for user '", "'"},
	{"pam_authenticate: ", ""},
	{"pam_acct_mgmt: ", ""},
	{"pam_chauthtok: ", ""},
}

// suStep reads such a line.
func suStep(l *line, text string) bool {
	if rest, ok := strings.CutPrefix(text, "SU by "); ok {
		user, target, ok := cutLast(rest, " to restricted account ")
		if !ok || user == "" || target == "" {
			return false
		}
		l.is("su-auth-failure", "authentication", "info")
		l.user(user)
		l.target(target)
		l.put("event.reason", "restricted account")
		return true
	}
	for _, s := range suSteps {
		name, ok := between(text, s.start, s.end)
		switch {
		case !ok || name == "":
			continue
		case strings.HasPrefix(s.start, "pam_"):
			l.put("event.reason", name)
		default:
			l.target(name)
		}
		l.is("su-auth-failure", "authentication", "info")
		return true
	}
	return false
}

func su(l *line, user, target, tty string, ok bool) bool {
	if target == "" {
		return false
	}
	l.is("su-attempt", "authentication", "start")
	l.outcome(ok)
	l.user(user)
	l.put("user.effective.name", target)
	l.target(target)
	if tty != "none" && tty != "???" {
		l.put("process.tty", tty)
	}
	return true
}
