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
func scanShadow(p *Parser, l *line) bool { return scanPrefixed(shadowForms, p, l, l.text) }

// shadowForms holds what the tools say, by its beginning.
var shadowForms = byPrefix([]prefixed[lineScanner]{
	{"new user: ", newUser},
	{"failed adding user '", failedUser},
	{"failed to add user ", failedTo("user-add", "user", "creation")},
	{"failed to add group ", failedTo("group-add", "group", "creation")},
	{"failed to remove group ", failedTo("group-delete", "group", "deletion")},
	{"useradd defaults: ", userDefaults},
	{"delete user '", quotedUser("user-delete", "deletion")},
	{"change user name '", renamedUser},
	{"change user '", quotedUser("user-change", "change")},
	{"changed user '", quotedUser("user-change", "change")},
	{"change admin '", renamedMember},
	{"change '", renamedMember},
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
	{"add group '", repairedGroup},
	{"delete '", member("group-member-delete", "' from ")},
	{"delete member '", member("group-member-delete", "' in ")},
	{"removed '", member("group-member-delete", "' from ")},
	{"delete passwd line '", repaired("user-delete", "user")},
	{"delete shadow line '", repaired("user-delete", "user")},
	{"delete group line '", repaired("group-delete", "group")},
	{"user '", switchedGroup},
	{"user ", memberBy},
	{"access to group ", groupBy("access")},
	{"members of group ", groupBy("members")},
	{"administrators of group ", groupBy("administrators")},
	{"password of group ", groupBy("password")},
	{"Invalid password for group '", groupPassword},
	{"file ", editedFile},
	{"incorrect password for ", shadowRefused("incorrect password for ")},
	{"password locked for ", shadowRefused("password locked for ")},
	{"now < minimum age for ", shadowRefused("now < minimum age for ")},
	{"can't change shell for ", shadowRefused("can't change shell for ")},
	{"can't view or modify password information for ", shadowRefused("can't view or modify password information for ")},
	{"Attempted login by ", refusedLogin},
	{"failed to unlock ", shadowTrouble},
	{"failed to change ", shadowTrouble},
	{"failed to prepare ", shadowTrouble},
	{"failure while ", shadowTrouble},
	{"cannot open ", shadowTrouble},
	{"Cannot determine the user name of the caller ", shadowTrouble},
	{"Authentication failure", shadowTrouble},
	{"Permission denied", shadowTrouble},
})

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

// newUser reads "name=averez, UID=1001, GID=1001, home=/home/averez, shell=/bin/bash, from=/dev/pts/0".
func newUser(_ *Parser, l *line, rest string) bool {
	name, id := listed(rest, "name"), listed(rest, "UID")
	l.is("user-add", "iam", "user", "creation")
	l.outcome(true)
	l.account(name, id)
	l.superuser(name, id)
	l.put("group.id", listed(rest, "GID"))
	if tty := listed(rest, "from"); tty != "none" {
		l.put("process.tty", strings.TrimPrefix(tty, "/dev/"))
	}
	return true
}

// superuser tags an account that may do all, and is not the one that should.
func (l *line) superuser(name, id string) {
	if id == "0" && name != "root" {
		l.tag("superuser_added")
	}
}

// failedUser reads "averez', exit code: 9".
func failedUser(_ *Parser, l *line, rest string) bool {
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
func quotedUser(action, kind string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		name, what, ok := strings.Cut(rest, "'")
		if !ok {
			return false
		}
		l.is(action, "iam", "user", kind)
		l.outcome(true)
		l.account(name, "")
		l.put("event.reason", strings.TrimSpace(what))
		if kind, to, ok := cutLast(what, " to '"); ok {
			l.changes(name, kind, strings.TrimSuffix(to, "'"))
		}
		return true
	}
}

// userChanges are the fields of what else may change.
var userChanges = map[string]string{
	"home": "user.changes.home", "shell": "user.changes.shell", "expiration": "user.changes.expiration",
	"inactive": "user.changes.inactive",
}

// changes writes what of an account was changed to what.
func (l *line) changes(name, kind, to string) {
	switch kind, _ = word(strings.TrimPrefix(kind, " ")); kind {
	case "UID":
		l.put("user.changes.id", to)
		l.superuser(name, to)
	case "GID":
		l.put("user.changes.group.id", to)
	default:
		if field, ok := userChanges[kind]; ok {
			l.put(field, to)
		}
	}
}

// renamedMember reads "jdoe' to 'janedoe' in group 'adm'", which follows the change of the name.
func renamedMember(_ *Parser, l *line, rest string) bool {
	users, group, ok := cutLast(rest, "' in ")
	_, group, found := strings.Cut(group, "group '")
	group, quoted := strings.CutSuffix(group, "'")
	name, to, two := strings.Cut(users, "' to '")
	if !ok || !found || !quoted || !two {
		return false
	}
	l.is("group-change", "iam", "group", "change")
	l.account(name, "")
	l.put("user.changes.name", to)
	l.also("related.user", to)
	l.put("group.name", group)
	l.put("event.reason", "member renamed")
	return true
}

// renamedUser reads "averez' to 'root2'".
func renamedUser(_ *Parser, l *line, rest string) bool {
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
func changedPassword(_ *Parser, l *line, rest string) bool {
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

func changedExpiry(_ *Parser, l *line, rest string) bool {
	if rest == "" {
		return false
	}
	l.is("user-change", "iam", "user", "change")
	l.outcome(true)
	l.account(rest, "")
	l.put("event.reason", "password expiry")
	return true
}

func newGroup(_ *Parser, l *line, rest string) bool {
	l.is("group-add", "iam", "group", "creation")
	l.outcome(true)
	l.put("group.name", listed(rest, "name"))
	l.put("group.id", listed(rest, "GID"))
	return true
}

// groupFile reads "/etc/gshadow: name=ops": "new group" sums it up.
func groupFile(_ *Parser, l *line, rest string) bool {
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
func changedGroup(_ *Parser, l *line, rest string) bool {
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
func removedGroup(_ *Parser, l *line, rest string) bool {
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
func ownedGroup(counts bool) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
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
func member(action, middle string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
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
func memberBy(_ *Parser, l *line, rest string) bool {
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
func groupBy(what string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		name, rest := word(rest)
		verb, rest, ok := strings.Cut(rest, " by ")
		by, to, _ := strings.Cut(rest, " to ")
		if !ok || verb != "set" && verb != "changed" && verb != "removed" && verb != "restricted" {
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
