package parse

import "strings"

// scanShadow reads what the tools of the shadow suite write about accounts (shadow-utils, src/*.c).
//
//	new user: name=averez, UID=1001, GID=1001, home=/home/averez, shell=/bin/bash, from=none
//	new group: name=averez, GID=1001
//	add 'averez' to group 'sudo'                add 'averez' to shadow group 'sudo'
//	delete user 'averez'                        change user 'averez' password
func scanShadow(_ *Parser, l *line) bool {
	if rest, ok := strings.CutPrefix(l.text, "new user: "); ok {
		l.is("user-add", "iam", "user", "creation")
		l.outcome(true)
		l.account(listed(rest, "name"), listed(rest, "UID"))
		l.put("group.id", listed(rest, "GID"))
		return true
	}
	if rest, ok := strings.CutPrefix(l.text, "new group: "); ok {
		l.is("group-add", "iam", "group", "creation")
		l.outcome(true)
		l.put("group.name", listed(rest, "name"))
		l.put("group.id", listed(rest, "GID"))
		return true
	}
	return scanMember(l) || scanAccount(l)
}

// account says which account was changed.
func (l *line) account(name, id string) {
	l.target(name)
	l.put("user.target.id", id)
}

// listed returns a value of "name=averez, UID=1001".
func listed(s, key string) string {
	for part := range strings.SplitSeq(s, ", ") {
		if k, v, ok := strings.Cut(part, "="); ok && k == key {
			return v
		}
	}
	return ""
}

// scanMember reads "add 'averez' to group 'sudo'" and "delete 'averez' from group 'sudo'". The line about the shadow
// file repeats the one about the group: it is the same change.
func scanMember(l *line) bool {
	for _, v := range []struct{ verb, middle, action string }{
		{"add '", "' to ", "group-member-add"}, {"delete '", "' from ", "group-member-delete"},
		{"removed '", "' from ", "group-member-delete"},
	} {
		rest, ok := strings.CutPrefix(l.text, v.verb)
		if !ok {
			continue
		}
		user, group, ok := cutLast(rest, v.middle)
		if !ok {
			continue
		}
		group, shadow := strings.CutPrefix(group, "shadow ")
		name, ok := between(group, "group '", "'")
		if !ok {
			continue
		}
		l.is(v.action, "iam", "group", "change")
		if shadow {
			l.put("event.reason", "shadow group")
		} else {
			l.outcome(true)
		}
		l.account(user, "")
		l.put("group.name", name)
		return true
	}
	return false
}

// scanAccount reads the lines that name one account in quotes.
func scanAccount(l *line) bool {
	for _, v := range []struct {
		prefix, action, kind string
	}{
		{"delete user '", "user-delete", "deletion"}, {"change user '", "user-change", "change"},
		{"lock user '", "user-lock", "change"}, {"unlock user '", "user-unlock", "change"},
	} {
		if rest, ok := strings.CutPrefix(l.text, v.prefix); ok {
			name, what, ok := strings.Cut(rest, "'")
			if !ok {
				return false
			}
			l.is(v.action, "iam", "user", v.kind)
			l.outcome(true)
			l.account(name, "")
			l.put("event.reason", strings.TrimSpace(what))
			return true
		}
	}
	return false
}
