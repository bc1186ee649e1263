package parse

import (
	"strings"
	"testing"
)

const (
	opened = "event.action=session-opened event.outcome=success event.category=session event.type=start"
	ended  = "event.action=session-closed event.outcome=success event.category=session event.type=end"
	pamBad = "event.action=pam-auth-failure event.category=authentication event.type=info"
)

func TestPAM(t *testing.T) {
	f := func(program, text, kind string, want ...string) {
		t.Helper()
		check(t, newReader().says(program, text), append(strings.Fields(kind), want...)...)
	}
	// Sessions: whose it is, or as whom and for whom.
	f("sshd[1]", "pam_unix(sshd:session): session opened for user averez(uid=1001) by (uid=0)", opened,
		"user.name=averez",
		"user.id=1001", "-user.effective.name", "-user.target.name", "related.user=averez")
	f("login[1]", "pam_unix(login:session): session opened for user averez(uid=1001) by LOGIN(uid=0)", opened,
		"user.name=averez")
	f("sshd[1]", "pam_unix(sshd:session): session opened for user averez by (uid=0)", opened, "user.name=averez",
		"-user.id")
	f("sshd[1]", "pam_unix(sshd:session): session closed for user averez", ended, "user.name=averez")
	f("sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by averez(uid=1001)", opened,
		"user.name=averez",
		"user.id=1001", "user.effective.name=root", "user.effective.id=0", "user.target.name=root", "user.target.id=0")
	f("sudo", "pam_unix(sudo-i:session): session opened for user root(uid=0) by (uid=1001)", opened, "-user.name",
		"user.id=1001",
		"user.effective.name=root")
	f("sudo", "pam_unix(sudo:session): session closed for user root", ended, "-user.name", "user.target.name=root")
	f("su[1]", "pam_unix(su-l:session): session opened for user averez(uid=1001) by root(uid=0)", opened,
		"user.name=root",
		"user.target.name=averez", "user.target.id=1001")
	f("CRON[1]", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)", opened, "user.name=root")
	// A failure is a step of the attempt where the program has the last word, and the attempt itself elsewhere.
	const failure = "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7"
	f("sshd[1]", "pam_unix(sshd:auth): "+failure+"  user=averez", pamBad+" -event.outcome", "user.name=averez",
		"source.ip=192.0.2.7",
		"process.tty=ssh")
	f("sshd[1]", "pam_unix(sshd:auth): "+failure+" ", pamBad+" -event.outcome", "-user.name", "source.ip=192.0.2.7")
	f("sshd[1]", "pam_unix(sshd:auth): "+failure+"  user=we ird", pamBad, "user.name=we ird")
	f("vsftpd[1]",
		"pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=bob rhost=host.example.com  user=averez",
		pamBad+" event.outcome=failure", "user.name=averez", "source.address=host.example.com",
		"related.user=averez|bob")
	// The remote user may look like what follows it, where a client says who that is.
	f("vsftpd[1]", "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=nosuch rhost=192.0.2.7 ",
		pamBad+" event.outcome=failure", "user.name=nosuch", "source.ip=192.0.2.7", "-tags")
	f("vsftpd[1]", "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=x rhost=9.9.9.9  user=root rhost=192.0.2.7 ",
		pamBad, "user.name=x rhost=9.9.9.9  user=root", "source.ip=192.0.2.7", "tags=ambiguous", "related.ip=192.0.2.7|9.9.9.9")
	f("auth", "pam_sss(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=x rhost=9.9.9.9 rhost=192.0.2.7 user=x rhost=9.9.9.9",
		pamBad, "user.name=x rhost=9.9.9.9", "source.ip=192.0.2.7", "-tags")
	f("daemon[1]", "pam_unix(auth): authentication failure; logname= uid=0 euid=0 tty=xxx ruser= rhost=192.0.2.7 user=x rhost=9.9.9.9",
		pamBad, "user.name=x rhost=9.9.9.9", "source.ip=192.0.2.7")
	f("sshd[1]", "pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7 user=x rhost=9.9.9.9 user=root",
		pamBad, "user.name=x rhost=9.9.9.9 user=root", "source.ip=192.0.2.7", "-tags")
	f("su[1]",
		"pam_unix(su:auth): authentication failure; logname=eve uid=1003 euid=0 tty=pts/0 ruser=eve rhost=  user=root",
		pamBad+" -event.outcome", "user.name=eve", "user.target.name=root", "user.effective.name=root",
		"process.tty=pts/0", "-source.ip")
	f("sudo",
		"pam_unix(sudo:auth): authentication failure; logname= uid=1001 euid=0 tty= ruser=averez rhost=  user=averez",
		pamBad+" -event.outcome", "user.name=averez", "-process.tty")
	const more = "more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=averez"
	f("sshd[1]", "PAM 2 "+more, pamBad+" -event.outcome", "user.name=averez", "source.ip=192.0.2.7")
	f("sshd[1]", "pam_unix(sshd:auth): 2 "+more, pamBad+" -event.outcome", "user.name=averez", "source.ip=192.0.2.7")
	f("dovecot", "pam_unix(dovecot:auth): 2 "+more, pamBad+" event.outcome=failure", "user.name=averez")
	f("sshd[1]", "pam_unix(sshd:auth): check pass; user unknown", "event.action=pam-user-unknown -event.outcome")
	f("sudo", "pam_unix(sudo:auth): conversation failed",
		"event.action=pam-conversation-failed -event.outcome -user.name")
	f("sudo", "pam_unix(sudo:auth): auth could not identify password for [bob]", pamBad+" -event.outcome",
		"user.name=bob")
	f("su[1]", "pam_unix(su:auth): auth could not identify password for [root]", pamBad, "user.target.name=root",
		"-user.name")
	f("groupmems[1]", "pam_unix(groupmems:auth): auth could not identify password for [root]",
		pamBad+" event.outcome=failure")
	f("gdm-password][1]", "pam_unix(gdm-password:auth): bad username [x y]", pamBad+" event.outcome=failure",
		"user.name=x y")
	f("login[1]", "pam_unix(login:auth): bad username [x y]", pamBad+" -event.outcome", "user.name=x y")
	// Accounts.
	f("chpasswd[1]", "pam_unix(chpasswd:chauthtok): password changed for averez",
		"event.action=password-changed event.outcome=success",
		"user.target.name=averez", "event.category=iam", "event.type=user|change", "-user.name")
	f("sshd[1]", "pam_unix(sshd:account): account averez has expired (account expired)",
		"event.action=account-expired -event.outcome",
		"user.name=averez", "event.reason=account has expired (account expired)")
	f("sshd[1]", "pam_unix(sshd:account): expired password for user averez (root enforced)",
		"event.action=password-expired -event.outcome",
		"user.name=averez", "event.reason=root enforced")
	f("sshd[1]", "pam_faillock(sshd:auth): Consecutive login failures for user averez account temporarily locked",
		"event.action=account-locked", "user.target.name=averez", "event.category=iam")
	f("login[1]", "pam_access(login:account): access denied for user `averez' from `tty1'",
		"event.action=access-denied",
		"user.name=averez", "source.address=tty1")
	f("sshd[1]", "pam_access(sshd:account): access denied for user `a' from `b' from `192.0.2.7'",
		"event.action=access-denied",
		"user.name=a' from `b", "source.ip=192.0.2.7")
	// The tag of Linux-PAM before 0.99.
	old := newReader().says("su(pam_unix)[21416]", "session opened for user averez by (uid=0)")
	check(t, old, strings.Fields(opened+" user.target.name=averez process.name=su process.pid=21416 log.syslog.appname=su(pam_unix)")...)
	check(t, newReader().says("sshd(pam_unix)[7]", failure+"  user=averez"),
		strings.Fields(pamBad+" -event.outcome user.name=averez source.ip=192.0.2.7 process.name=sshd")...)
	check(t, newReader().says("vsftpd(pam_unix)[7]", "check pass; user unknown"), "event.action=pam-user-unknown", "process.name=vsftpd")
	// What modules say that tells nothing of a login, and what only looks like a module.
	for _, text := range []string{
		"pam_x(su:session): what is this", "pam_unix(su:session): ",
		"pam_unix: session opened for user root by (uid=0)", "pam_unix (x:y): check pass; user unknown", "pam_x(y:z): ",
		"pam_unix(a:b): session opened for user ", "pam_unix(a:b): session opened for user x", "PAM x", "PAM 2 more",
		"pam_unix(a:b): 2 x",
		"pam_unix(a:b): authentication failure; x", "pam_unix(a:b): check pass; user unknown x",
		"pam_unix(a:b): account x",
	} {
		f("x", text, "-event.action -event.outcome -user.name", "message="+text)
	}
}
