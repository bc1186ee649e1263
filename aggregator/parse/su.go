package parse

import "strings"

// scanSu reads what su writes: that of util-linux, that of shadow, and that of the BSDs.
//
//	(to root) eve on pts/0                 FAILED SU (to root) eve on pts/0
//	Successful su for root by eve          FAILED su for root by eve
//	+ pts/0 eve:root                       - pts/0 eve:root
//	eve to root on /dev/pts/0              BAD SU eve to root on /dev/pts/0
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
		return ok && su(l, user, target, tty, text[0] == '+')
	}
	users, tty, on := cutLast(text, " on ")
	user, target, to := strings.Cut(users, " to ")
	return on && to && strings.IndexByte(user, ' ') < 0 && su(l, user, target, tty, !failed)
}

func cutFailed(s string) (rest string, failed bool) {
	for _, prefix := range []string{"FAILED SU ", "BAD SU "} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return rest, true
		}
	}
	return s, false
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
