package parse

import "strings"

// failedTo reads "averez", "averez to /etc/passwd", "ops from /etc/group".
func failedTo(action, kind, change string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		name, where := word(rest)
		if name == "" {
			return false
		}
		l.is(action, "iam", kind, change)
		if where == "" {
			l.outcome(false)
		}
		if kind == "user" {
			l.account(name, "")
		} else {
			l.put("group.name", name)
		}
		l.put("event.reason", where)
		return true
	}
}

func userDefaults(_ *Parser, l *line, rest string) bool {
	l.is("user-defaults", "configuration", "change")
	l.put("event.reason", rest)
	return true
}

// repairedGroup reads "ops' to '/etc/gshadow'", of grpck.
func repairedGroup(_ *Parser, l *line, rest string) bool {
	name, file, ok := cutLast(rest, "' to '")
	file, quoted := strings.CutSuffix(file, "'")
	if !ok || !quoted {
		return false
	}
	l.is("group-add", "iam", "group", "creation")
	l.put("group.name", name)
	l.put("event.reason", file)
	return true
}

// repaired reads a line that pwck or grpck took out of a file, "averez:x:1001:…'". It holds no password that is one.
func repaired(action, kind string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		name, _, ok := strings.Cut(rest, ":")
		if !ok || name == "" {
			return false
		}
		l.is(action, "iam", kind, "deletion")
		l.outcome(true)
		if kind == "user" {
			l.account(name, "")
		} else {
			l.put("group.name", name)
		}
		return true
	}
}

// switchedGroup reads newgrp's "averez' (login 'averez' on pts/0) switched to group 'ops'" and "… returned to group '100'".
func switchedGroup(_ *Parser, l *line, rest string) bool {
	for _, v := range []struct{ verb, kind string }{{") switched to group '", "start"}, {") returned to group '", "end"}} {
		who, group, ok := cutLast(rest, v.verb)
		group, quoted := strings.CutSuffix(group, "'")
		name, login, found := strings.Cut(who, "' (login '")
		_, tty, on := cutLast(login, "' on ")
		if !ok || !quoted || !found || !on {
			continue
		}
		l.is("group-switch", "session", v.kind)
		l.outcome(true)
		l.user(name)
		l.put("process.tty", tty)
		if isNumber(group) {
			l.put("group.id", group)
		} else {
			l.put("group.name", group)
		}
		return true
	}
	return false
}

// groupPassword reads "ops' from 'averez'": newgrp asked for the group's password.
func groupPassword(_ *Parser, l *line, rest string) bool {
	group, name, ok := cutLast(rest, "' from '")
	name, quoted := strings.CutSuffix(name, "'")
	if !ok || !quoted {
		return false
	}
	l.is("group-switch", "authentication", "start")
	l.outcome(false)
	l.user(name)
	l.put("group.name", group)
	return true
}

// editedFile reads "/etc/passwd edited", of vipw and vigr.
func editedFile(_ *Parser, l *line, rest string) bool {
	file, ok := strings.CutSuffix(rest, " edited")
	if !ok || file == "" {
		return false
	}
	l.is("account-file-edited", "iam", "change")
	l.outcome(true)
	l.put("file.path", file)
	return true
}

// shadowRefused reads the user whose wish a tool did not do, with quotes or without.
func shadowRefused(prefix string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		if quoted, ok := between(rest, "'", "'"); ok {
			rest = quoted
		}
		if rest == "" {
			return false
		}
		l.is("account-change-refused", "iam", "user", "denied")
		l.account(rest, "")
		l.put("event.reason", strings.TrimSuffix(strings.TrimSuffix(prefix, " "), " for"))
		return true
	}
}

// refusedLogin reads nologin's "averez (UID: 1001) on pts/0[ SSH_ORIGINAL_COMMAND=…]".
func refusedLogin(_ *Parser, l *line, rest string) bool {
	name, rest, ok := strings.Cut(rest, " (UID: ")
	id, rest, found := strings.Cut(rest, ") on ")
	if !ok || !found || !isNumber(id) {
		return false
	}
	tty, command, _ := strings.Cut(rest, " SSH_ORIGINAL_COMMAND=")
	l.is("login-refused", "session", "denied")
	if name != "UNKNOWN" {
		l.user(name)
	}
	l.put("user.id", id)
	if tty != "UNKNOWN" {
		l.put("process.tty", tty)
	}
	l.put("process.command_line", command)
	return true
}

// shadowTrouble reads what a tool could not do with its files, or why it did not begin.
func shadowTrouble(_ *Parser, l *line, _ string) bool {
	l.is("account-tool-error", "iam", "error")
	l.put("event.reason", l.text)
	return true
}

// scanAdduser reads what Debian's adduser and deluser do, step by step. The tools of the shadow suite that they call
// tell each change, with its outcome.
func scanAdduser(_ *Parser, l *line) bool {
	text, ok := strings.CutSuffix(l.text, " ...")
	if !ok {
		return false
	}
	verb, rest := word(text)
	switch name, more, quoted := cutValue(rest, "`", "'"); {
	case !quoted:
		l.is("account-tool-step", "iam", "info")
	case strings.HasPrefix(rest, "user `"), strings.HasPrefix(rest, "new user `"):
		group, _, member := cutValue(more, "group `", "'")
		adduserUser(l, verb, name, group, member && strings.HasPrefix(strings.TrimLeft(more, " "), "to group ") ||
			strings.HasPrefix(more, " from group "))
	case strings.HasPrefix(rest, "group `"), strings.HasPrefix(rest, "new group `"):
		if verb == "Removing" {
			l.is("group-delete", "iam", "group", "deletion")
		} else {
			l.is("group-add", "iam", "group", "creation")
		}
		l.put("group.name", name)
	default:
		l.is("account-tool-step", "iam", "info")
	}
	l.put("event.reason", text)
	return true
}

func adduserUser(l *line, verb, name, group string, member bool) {
	removing := verb == "Removing"
	switch {
	case member && removing:
		l.is("group-member-delete", "iam", "group", "change")
		l.put("group.name", group)
	case member:
		l.is("group-member-add", "iam", "group", "change")
		l.put("group.name", group)
	case removing:
		l.is("user-delete", "iam", "user", "deletion")
	default:
		l.is("user-add", "iam", "user", "creation")
	}
	l.account(name, "")
}
