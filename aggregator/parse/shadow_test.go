package parse

import (
	"strings"
	"testing"
)

func TestShadow(t *testing.T) {
	f := func(program, text, action, outcome, types string, want ...string) {
		t.Helper()
		e := newReader().says(program+"[1]", text)
		check(t, e, append(want, "event.action="+action, "event.outcome="+outcome, "event.category=iam",
			"event.type="+types)...)
	}
	const (
		ok                              = "success"
		madeUser, setUser, goneUser     = "user|creation", "user|change", "user|deletion"
		madeGroup, setGroup, goneGroup  = "group|creation", "group|change", "group|deletion"
		averez, sudoGroup, ops, byAdmin = "user.target.name=averez", "group.name=sudo", "group.name=ops",
			"user.name=admin"
	)
	f("useradd", "new user: name=averez, UID=1001, GID=1002, home=/home/averez, shell=/bin/bash, from=none", "user-add",
		ok, madeUser,
		averez, "user.target.id=1001", "group.id=1002", "-user.name")
	f("useradd", "new user: name=toor, UID=0, GID=0, home=/root, shell=/bin/sh, from=/dev/pts/0", "user-add", ok,
		madeUser, "user.target.id=0")
	f("useradd", "failed adding user 'averez', exit code: 9", "user-add", "failure", madeUser, averez,
		"event.reason=exit code: 9")
	f("useradd", "new group: name=averez, GID=1001", "group-add", ok, madeGroup, "group.name=averez", "group.id=1001")
	f("userdel", "delete user 'averez'", "user-delete", ok, goneUser, averez, "-event.reason")
	f("userdel", "removed group 'averez' owned by 'averez'", "group-delete", ok, goneGroup, "group.name=averez")
	f("userdel", "removed shadow group 'averez' owned by 'averez'", "group-delete", "", goneGroup, "group.name=averez")
	f("userdel", "delete 'averez' from group 'sudo'", "group-member-delete", ok, setGroup, averez, sudoGroup)
	// Two lines are one change.
	f("usermod", "add 'averez' to group 'sudo'", "group-member-add", ok, setGroup, averez, sudoGroup, "-event.reason")
	f("usermod", "add 'averez' to shadow group 'sudo'", "group-member-add", "", setGroup, averez, sudoGroup,
		"event.reason=shadow group")
	f("usermod", "delete 'averez' from shadow group 'sudo'", "group-member-delete", "", setGroup, averez, sudoGroup)
	f("usermod", "change user name 'averez' to 'ana'", "user-change", ok, setUser, averez, "user.changes.name=ana",
		"related.user=averez|ana")
	f("usermod", "change user 'averez' UID from '1001' to '0'", "user-change", ok, setUser, averez, "user.changes.id=0",
		"event.reason=UID from '1001' to '0'")
	f("usermod", "change user 'averez' shell from '/bin/bash' to '/bin/sh'", "user-change", ok, setUser, averez,
		"-user.changes.id",
		"event.reason=shell from '/bin/bash' to '/bin/sh'")
	f("usermod", "change user 'averez' home from '/home/averez' to '/home/x'", "user-change", ok, setUser, averez)
	f("usermod", "change user 'averez' expiration from 'never' to '2030-01-01'", "user-change", ok, setUser, averez)
	f("usermod", "change user 'averez' password", "user-change", ok, setUser, averez, "event.reason=password")
	f("usermod", "lock user 'averez' password", "user-lock", ok, setUser, averez)
	f("usermod", "unlock user 'averez' password", "user-unlock", ok, setUser, averez)
	f("passwd", "password for 'averez' changed by 'admin'", "password-changed", ok, setUser, averez, byAdmin,
		"related.user=averez|admin")
	f("chage", "changed password expiry for averez", "user-change", ok, setUser, averez, "event.reason=password expiry")
	f("chsh", "changed user 'averez' shell to '/bin/bash'", "user-change", ok, setUser, averez,
		"event.reason=shell to '/bin/bash'")
	f("chfn", "changed user 'averez' information", "user-change", ok, setUser, averez, "event.reason=information")
	// One change is written for each file that it is made in.
	f("groupadd", "group added to /etc/group: name=ops, GID=5001", "group-add", "", madeGroup, ops, "group.id=5001",
		"event.reason=/etc/group")
	f("groupadd", "group added to /etc/gshadow: name=ops", "group-add", "", madeGroup, ops)
	f("groupadd", "new group: name=ops, GID=5001", "group-add", ok, madeGroup, ops)
	f("groupmod", "group changed in /etc/group (group ops/5001, new name: wheel)", "group-change", ok, setGroup, ops,
		"group.id=5001",
		"event.reason=new name: wheel")
	f("groupmod", "group changed in /etc/gshadow (group ops, new name: wheel)", "group-change", "", setGroup, ops)
	f("groupmod", "group changed in /etc/passwd (group ops/5001, new gid: 5002)", "group-change", "", setGroup, ops)
	f("groupdel", "group 'ops' removed from /etc/group", "group-delete", "", goneGroup, ops, "event.reason=/etc/group")
	f("groupdel", "group 'ops' removed from /etc/gshadow", "group-delete", "", goneGroup, ops)
	f("groupdel", "group 'ops' removed", "group-delete", ok, goneGroup, ops, "-event.reason")
	f("gpasswd", "user averez added by admin to group ops", "group-member-add", ok, setGroup, averez, byAdmin, ops)
	f("gpasswd", "user averez removed by admin from group ops", "group-member-delete", ok, setGroup, averez, byAdmin,
		ops)
	f("gpasswd", "members of group ops set by admin to jdoe,averez", "group-change", ok, setGroup, byAdmin, ops,
		"event.reason=members set jdoe,averez")
	f("gpasswd", "administrators of group ops set by admin to jdoe", "group-change", ok, setGroup, byAdmin, ops)
	f("gpasswd", "password of group ops removed by admin", "group-change", ok, setGroup, byAdmin, ops,
		"event.reason=password removed")
	f("gpasswd", "password of group ops changed by admin", "group-change", ok, setGroup, byAdmin, ops)
}

func TestShadowUnknown(t *testing.T) {
	for _, text := range []string{
		"", "x", "change user 'x", "add 'x' to y", "add 'x' to group y", "delete 'x'",
		"group 'x' y",
		"user x", "user x added by y", "members of group x", "password for 'x'", "change user name 'x'",
		"removed group 'x'",
		"group changed in /etc/group", "group added to x", "failed adding user 'x'", "changed password expiry for ",
	} {
		check(t, newReader().says("usermod", text),
			strings.Fields("-event.action -event.outcome -user.target.name -group.name")...)
	}
}
