package parse

import "strings"

// scanShadow reads what the tools of the shadow suite write about accounts (shadow-utils, src/*.c).
//
//	new user: name=averez, UID=1001, GID=1001, home=/home/averez, shell=/bin/bash, from=none
//	new group: name=averez, GID=1001
//	add 'averez' to group 'sudo'                add 'averez' to shadow group 'sudo'
//	delete user 'averez'                        change user 'averez' password
//	password for 'averez' changed by 'root'     user averez added by root to group ops
//
// A change is one event with an outcome: what is written for each further file (shadow, gshadow) has none.
func scanShadow(_ *Parser, l *line) bool {
	for _, f := range shadowForms {
		if rest, ok := strings.CutPrefix(l.text, f.prefix); ok && f.scan(l, rest) {
			return true
		}
	}
	return false
}

// shadowForms holds what the tools say, by its beginning.
var shadowForms = []struct {
	prefix string
	scan   func(l *line, rest string) bool
}{
	{"new user: ", newUser},
	{"failed adding user '", failedUser},
	{"delete user '", quotedUser("user-delete", "deletion")},
	{"change user name '", renamedUser},
	{"change user '", quotedUser("user-change", "change")},
	{"changed user '", quotedUser("user-change", "change")},
	{"lock user '", quotedUser("user-lock", "change")},
	{"unlock user '", quotedUser("user-unlock", "change")},
	{"password for '", changedPassword},
	{"changed password expiry for ", changedExpiry},
	{"new group: ", newGroup},
	{"group added to ", groupFile},
	{"group changed in ", changedGroup},
	{"group '", removedGroup},
	{"removed group '", ownedGroup(true)},
	{"removed shadow group '", ownedGroup(false)},
	{"add '", member("group-member-add", "' to ")},
	{"delete '", member("group-member-delete", "' from ")},
	{"removed '", member("group-member-delete", "' from ")},
	{"user ", memberBy},
	{"members of group ", groupBy("members")},
	{"administrators of group ", groupBy("administrators")},
	{"password of group ", groupBy("password")},
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

func newUser(l *line, rest string) bool {
	l.is("user-add", "iam", "user", "creation")
	l.outcome(true)
	l.account(listed(rest, "name"), listed(rest, "UID"))
	l.put("group.id", listed(rest, "GID"))
	return true
}

// failedUser reads "averez', exit code: 9".
func failedUser(l *line, rest string) bool {
	name, reason, ok := strings.Cut(rest, "', ")
	if !ok {
		return false
	}
	l.is("user-add", "iam", "user", "creation")
	l.outcome(false)
	l.account(name, "")
	l.put("event.reason", reason)
	return true
}

// quotedUser reads what begins with one account's name and its closing quote.
func quotedUser(action, kind string) func(*line, string) bool {
	return func(l *line, rest string) bool {
		name, what, ok := strings.Cut(rest, "'")
		if !ok {
			return false
		}
		l.is(action, "iam", "user", kind)
		l.outcome(true)
		l.account(name, "")
		l.put("event.reason", strings.TrimSpace(what))
		if _, id, ok := strings.Cut(what, " to '"); ok && strings.HasPrefix(what, " UID from ") {
			l.put("user.changes.id", strings.TrimSuffix(id, "'"))
		}
		return true
	}
}

// renamedUser reads "averez' to 'root2'".
func renamedUser(l *line, rest string) bool {
	name, to, ok := strings.Cut(rest, "' to '")
	if !ok {
		return false
	}
	to = strings.TrimSuffix(to, "'")
	l.is("user-change", "iam", "user", "change")
	l.outcome(true)
	l.account(name, "")
	l.put("user.changes.name", to)
	l.also("related.user", to)
	l.put("event.reason", "name")
	return true
}

// changedPassword reads "averez' changed by 'root'".
func changedPassword(l *line, rest string) bool {
	name, by, ok := strings.Cut(rest, "' changed by '")
	if !ok {
		return false
	}
	l.is("password-changed", "iam", "user", "change")
	l.outcome(true)
	l.account(name, "")
	l.user(strings.TrimSuffix(by, "'"))
	return true
}

func changedExpiry(l *line, rest string) bool {
	if rest == "" {
		return false
	}
	l.is("user-change", "iam", "user", "change")
	l.outcome(true)
	l.account(rest, "")
	l.put("event.reason", "password expiry")
	return true
}

func newGroup(l *line, rest string) bool {
	l.is("group-add", "iam", "group", "creation")
	l.outcome(true)
	l.put("group.name", listed(rest, "name"))
	l.put("group.id", listed(rest, "GID"))
	return true
}

// groupFile reads "/etc/gshadow: name=ops": "new group" sums it up.
func groupFile(l *line, rest string) bool {
	file, rest, ok := strings.Cut(rest, ": ")
	if !ok {
		return false
	}
	l.is("group-add", "iam", "group", "creation")
	l.put("event.reason", file)
	l.put("group.name", listed(rest, "name"))
	l.put("group.id", listed(rest, "GID"))
	return true
}

// changedGroup reads "/etc/group (group ops/5001, new gid: 5002)". The other files follow that one.
func changedGroup(l *line, rest string) bool {
	file, what, ok := strings.Cut(rest, " (group ")
	name, what, more := strings.Cut(what, ", ")
	if !ok || !more {
		return false
	}
	name, id, _ := strings.Cut(name, "/")
	l.is("group-change", "iam", "group", "change")
	if file == "/etc/group" {
		l.outcome(true)
	}
	l.put("event.reason", strings.TrimSuffix(what, ")"))
	l.put("group.name", name)
	l.put("group.id", id)
	return true
}

// removedGroup reads "ops' removed" and "ops' removed from /etc/group", which that sums up.
func removedGroup(l *line, rest string) bool {
	name, file, ok := strings.Cut(rest, "' removed")
	if !ok {
		return false
	}
	l.is("group-delete", "iam", "group", "deletion")
	if file == "" {
		l.outcome(true)
	}
	l.put("event.reason", strings.TrimPrefix(file, " from "))
	l.put("group.name", name)
	return true
}

// ownedGroup reads "averez' owned by 'averez'": the group goes with its user.
func ownedGroup(counts bool) func(*line, string) bool {
	return func(l *line, rest string) bool {
		name, _, ok := strings.Cut(rest, "' owned by '")
		if !ok {
			return false
		}
		l.is("group-delete", "iam", "group", "deletion")
		if counts {
			l.outcome(true)
		} else {
			l.put("event.reason", "shadow group")
		}
		l.put("group.name", name)
		return true
	}
}

// member reads "averez' to group 'sudo'" and "averez' to shadow group 'sudo'": the same change in the shadow file.
func member(action, middle string) func(*line, string) bool {
	return func(l *line, rest string) bool {
		user, group, ok := cutLast(rest, middle)
		group, shadow := strings.CutPrefix(group, "shadow ")
		name, quoted := between(group, "group '", "'")
		if !ok || !quoted {
			return false
		}
		l.is(action, "iam", "group", "change")
		if shadow {
			l.put("event.reason", "shadow group")
		} else {
			l.outcome(true)
		}
		l.account(user, "")
		l.put("group.name", name)
		return true
	}
}

// memberBy reads gpasswd's "averez added by root to group ops".
func memberBy(l *line, rest string) bool {
	for _, v := range []struct{ verb, middle, action string }{
		{" added by ", " to group ", "group-member-add"}, {" removed by ", " from group ", "group-member-delete"},
	} {
		user, rest, ok := strings.Cut(rest, v.verb)
		by, group, found := cutLast(rest, v.middle)
		if !ok || !found {
			continue
		}
		l.is(v.action, "iam", "group", "change")
		l.outcome(true)
		l.account(user, "")
		l.user(by)
		l.put("group.name", group)
		return true
	}
	return false
}

// groupBy reads gpasswd's "ops set by root to averez,jdoe", "ops changed by root" and "ops removed by root".
func groupBy(what string) func(*line, string) bool {
	return func(l *line, rest string) bool {
		name, rest := word(rest)
		verb, rest, ok := strings.Cut(rest, " by ")
		by, to, _ := strings.Cut(rest, " to ")
		if !ok || verb != "set" && verb != "changed" && verb != "removed" {
			return false
		}
		l.is("group-change", "iam", "group", "change")
		l.outcome(true)
		l.user(by)
		l.put("group.name", name)
		l.put("event.reason", strings.TrimSpace(what+" "+verb+" "+to))
		return true
	}
}
