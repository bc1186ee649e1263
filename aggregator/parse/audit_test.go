package parse

import (
	"fmt"
	"strings"
	"testing"
)

// auditLine returns a record as it stands in auditd's file.
func auditLine(serial int, kind, body string) string {
	return fmt.Sprintf("type=%s msg=audit(1795370071.123:%d): %s", kind, serial, body)
}

const auditExec = "arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=2 ppid=7 pid=8 auid=1000 uid=0 gid=0 euid=0 " +
	"suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"id\" exe=\"/usr/bin/id\" key=\"exec\""

// A record tells what stands in it; the last of an event tells all.
func TestAuditJoin(t *testing.T) {
	r := newReader()
	f := func(line string, want ...string) {
		t.Helper()
		check(t, r.line(line), want...)
	}
	f(auditLine(1, "SYSCALL", auditExec), "event.action=audit-syscall-record", "-event.outcome", "auditd.result=success", "process.name=id",
		"process.pid=8", "process.parent.pid=7", "process.executable=/usr/bin/id", "user.id=0", "user.audit.id=1000", "auditd.session=3",
		"process.tty=pts0", "rule.name=exec", "auditd.data.syscall=execve", "auditd.data.arch=x86_64", "@timestamp=2026-11-22T17:54:31.123Z",
		"auditd.message_type=SYSCALL", "auditd.sequence=1")
	f(auditLine(2, "SYSCALL", strings.Replace(auditExec, "success=yes exit=0", "success=no exit=-2", 1)))
	f(auditLine(2, "EXECVE", `argc=1 a0="false"`))
	f(auditLine(1, "EXECVE", `argc=3 a0="id" a1=2D6E2078 a2="41"`), "event.action=audit-execve-record", "process.args=id|-n x|41", "-event.outcome")
	f(auditLine(1, "CWD", `cwd="/root"`), "process.working_directory=/root")
	f(auditLine(1, "PATH", `item=0 name="/usr/bin/id" inode=5 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL`),
		"file.path=/usr/bin/id", "file.mode=0755", "event.action=audit-path-record")
	f(auditLine(1, "PATH", `item=1 name="/lib64/ld.so" inode=6 nametype=NORMAL`))
	f(auditLine(2, "PROCTITLE", `proctitle="false"`), "event.action=audit-exec", "event.outcome=failure", "process.args=false",
		"process.title=false", "-file.path")
	f(auditLine(1, "PROCTITLE", `proctitle=6964002D6E2078003431`), "event.action=audit-exec", "event.outcome=success",
		"event.category=process", "event.type=start", "process.args=id|-n x|41", "process.command_line=id -n x 41",
		"process.title=id -n x 41", "process.working_directory=/root", "file.path=/usr/bin/id", "user.id=0", "process.pid=8")
	f(auditLine(1, "EOE", ""), "event.action=audit-eoe-record", "-event.outcome")
}

// Where a title is kept out, EOE ends an event; where nothing ends it, no outcome is told.
func TestAuditEnd(t *testing.T) {
	r := newReader()
	r.line(auditLine(1, "SYSCALL", auditExec))
	check(t, r.line(auditLine(1, "EOE", "")), "event.action=audit-exec", "event.outcome=success", "process.name=id")
	check(t, r.line(auditLine(2, "EOE", "")), "event.action=audit-eoe-record", "-event.outcome", "-process.name")
	check(t, r.line(auditLine(3, "PROCTITLE", `proctitle="a b"`)), "event.action=audit-proctitle-record", "process.title=a b", "-event.outcome")
}

// Events are those of one host, one node, one time and one serial.
func TestAuditKeys(t *testing.T) {
	shared := newReader()
	other := &reader{p: shared.p, host: "other", now: readAt}
	shared.line(auditLine(1, "SYSCALL", auditExec))
	title := auditLine(1, "PROCTITLE", `proctitle="x"`)
	check(t, other.line(title), "-event.outcome")
	check(t, shared.line("node=n "+title), "-event.outcome", "log.syslog.hostname=n")
	check(t, shared.line(strings.Replace(title, ".123", ".124", 1)), "-event.outcome")
	check(t, shared.line(title), "event.outcome=success")
}

// What comes twice is told once more, and counts once.
func TestAuditRepeat(t *testing.T) {
	lines := []string{
		auditLine(1, "SYSCALL", auditExec), auditLine(1, "EXECVE", `argc=2 a0="a" a1_len=4 a1[0]=6162`), auditLine(1, "EXECVE", "a1[1]=6364"),
		auditLine(1, "PROCTITLE", `proctitle="a"`), auditLine(1, "EOE", ""),
	}
	for cut := range lines {
		r := newReader()
		for i := range cut {
			r.again(lines[i], i)
		}
		var first []string
		for i, line := range lines {
			first = append(first, string(r.again(line, i).AppendJSON(nil)))
		}
		for i, line := range lines {
			e := r.again(line, i)
			if got := string(e.AppendJSON(nil)); got != first[i] {
				t.Errorf("cut %d, %q:\nfirst  %s\nsecond %s", cut, line, first[i], got)
			}
			if i == 3 {
				check(t, e, "process.args=a|abcd", "event.outcome=success")
			}
		}
	}
}

// The same records come in other clothes.
func TestAuditForms(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		check(t, newReader().line(line), want...)
	}
	const body = `avc:  denied  { read write } for  pid=9 comm="cat" name="shadow" dev="vda1" ino=7 scontext=a:b:c tcontext=d:e:f tclass=file ` +
		`permissive=0`
	avc := []string{"event.action=audit-avc", "event.type=denied", "process.name=cat", "process.pid=9", "file.name=shadow",
		"auditd.data.permissions=read|write", "auditd.data.scontext=a:b:c", "auditd.data.tclass=file", "auditd.message_type=AVC", "-event.outcome"}
	f(auditLine(1, "AVC", body), avc...)
	f("node=web01 "+auditLine(1, "AVC", body), avc...)
	f("Nov 23 17:54:31 vm audispd[4]: node=web01 "+auditLine(1, "AVC", body), avc...)
	f("Nov 23 17:54:31 vm audisp-syslog[4]: "+auditLine(1, "AVC", body), avc...)
	f("Nov 23 17:54:31 vm kernel: [ 12.5] audit: type=1400 audit(1795370071.123:1): "+body, avc...)
	f("Nov 23 17:54:31 vm audit[9]: AVC "+body, avc...)
	f(auditLine(1, "AVC", strings.Replace(body, "denied", "granted", 1)), "event.type=allowed")
	const apparmor = `apparmor="DENIED" operation="open" profile="/usr/sbin/cupsd" name="/etc/x y" pid=9 comm="cupsd" requested_mask="r" ` +
		`denied_mask="r" fsuid=0 ouid=0`
	f("Nov 23 17:54:31 vm kernel: [12.5] audit: type=1400 audit(1795370071.123:1): "+apparmor, "event.action=audit-apparmor",
		"event.type=denied", "auditd.data.profile=/usr/sbin/cupsd", "file.path=/etc/x y", "auditd.data.requested_mask=r", "process.name=cupsd")
	f("Nov 23 17:54:31 vm kernel: audit: type=1326 audit(1.2:3): auid=4294967295 uid=33 gid=33 ses=4294967295 pid=5 comm=\"x\" exe=\"/x\" sig=31 "+
		"arch=c000003e syscall=41 compat=0 ip=0x7f code=0x0", "event.action=audit-seccomp", "event.type=denied", "user.id=33",
		"-user.audit.id", "-auditd.session", "auditd.data.syscall=socket", "auditd.data.sig=31")
	f("Nov 23 17:54:31 vm kernel: audit: backlog limit exceeded", "event.action=audit-lost")
	f(auditLine(1, "UNKNOWN[1334]", "prog-id=4 op=LOAD"), "auditd.message_type=BPF", "event.action=audit-bpf")
	f(auditLine(1, "UNKNOWN[1999]", "x=1"), "auditd.message_type=UNKNOWN[1999]", "event.action=audit-record")
	f(auditLine(1, "SOCKADDR", "saddr=0200270F7F0000010000000000000000"), "auditd.data.socket.address=127.0.0.1", "auditd.data.socket.port=9999")
	f(auditLine(1, "SOCKADDR", "saddr=0200270F7F0000010000000000000000#035SADDR={ saddr_fam=inet laddr=127.0.0.1 lport=9999 }"),
		"auditd.data.socket.address=127.0.0.1")
	f(auditLine(1, "SOCKADDR", "saddr=0002270F7F0000010000000000000000"), "auditd.data.socket.address=127.0.0.1")
	f(auditLine(1, "SOCKADDR", "saddr=0A00270F0000000020010DB800000000000000000000000100000000"), "auditd.data.socket.address=2001:db8::1")
	f(auditLine(1, "SOCKADDR", "saddr=01002F72756E2F7800"), "auditd.data.socket.path=/run/x", "auditd.data.socket.family=unix")
	for _, text := range []string{"type=", "type=X", "type=SYSCALL msg=audit(1:2)", "type=a b msg=audit(1.2:3): ", "type=X msg=audit(x:3): y=1"} {
		f("Nov 23 17:54:31 vm audispd: "+text, "-event.action", "process.name=audispd")
	}
	f("Nov 23 17:54:31 vm nginx: "+auditLine(1, "AVC", body), "-event.action")
}

// What programs write: whom it is about is in the message, who asked is the kernel's word.
func TestAuditUser(t *testing.T) {
	f := func(kind, body string, want ...string) {
		t.Helper()
		check(t, newReader().line(auditLine(1, kind, "pid=5 uid=0 auid=4294967295 ses=4294967295 msg='"+body)), want...)
	}
	const ssh = `exe="/usr/sbin/sshd" hostname=`
	f("USER_AUTH", `op=PAM:authentication grantors=? acct="eve" `+ssh+`h.example addr=192.0.2.7 terminal=ssh res=failed'`,
		"event.action=audit-user-auth", "event.outcome=failure", "user.name=eve", "source.ip=192.0.2.7", "source.domain=h.example",
		"process.name=sshd", "auditd.result=fail", "-user.id", "auditd.data.uid=0", "related.user=eve")
	f("USER_AUTH", `op=pubkey acct="eve" `+ssh+`? addr=192.0.2.7 terminal=ssh res=success'`, "-event.outcome", "auditd.result=success")
	f("USER_LOGIN", `op=login acct=28696E76616C6964207573657229 `+ssh+`? addr=192.0.2.7 terminal=sshd res=failed'`,
		"event.action=audit-user-login", "-event.outcome", "-user.name", "source.ip=192.0.2.7", "auditd.result=fail")
	f("USER_LOGIN", `op=login id=1000 `+ssh+`? addr=? terminal=ssh res=success'`+"\x1d"+`UID="root" AUID="unset" ID="eve"`, "user.id=1000",
		"user.name=eve", "auditd.data.uid=0")
	f("USER_AUTH", `op=PAM:authentication acct="BEEF" `+ssh+`? addr=? terminal=ssh res=failed'`, "user.name=BEEF")
	f("USER_AUTH", `op=PAM:authentication acct=6E6F20626F6479 `+ssh+`? addr=? terminal=ssh res=failed'`, "user.name=no body")
	f("USER_CMD", `cwd="/home/eve" cmd=2F62696E2F6563686F2061 exe="/usr/bin/sudo" terminal=pts/0 res=success'`, "event.action=audit-user-cmd",
		"event.outcome=success", "process.command_line=/bin/echo a", "process.working_directory=/home/eve", "user.id=0")
	f("ADD_USER", `op=adding user id=1001 exe="/usr/sbin/useradd" hostname=? addr=? terminal=pts/0 res=success'`, "event.action=audit-add-user",
		"event.type=user|creation", "user.target.id=1001", "auditd.data.op=adding user", "-event.outcome", "user.id=0")
	f("ADD_GROUP", `op= id=1001 exe="/usr/sbin/groupadd" hostname=? addr=? terminal=? res=success'`, "group.id=1001", "-auditd.data.op")
	f("USER_ACCT", `op=user eve removed by root from group sudo acct="sudo" exe="/usr/bin/gpasswd" hostname=? addr=? terminal=? res=success'`,
		"group.name=sudo", "auditd.data.op=user eve removed by root from group sudo", "-user.name")
	f("SERVICE_START", `unit=ssh comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'`, "service.name=ssh",
		"event.outcome=success", "process.name=systemd")
	f("USER_AUTH", `PAM: authentication acct=root : exe="/usr/sbin/crond" (hostname=?, addr=192.0.2.7, terminal=cron res=success)'`,
		"user.name=root", "source.ip=192.0.2.7", "auditd.result=success", "auditd.data.terminal=cron")
	f("USER_AUTH", "no end", "event.action=audit-user-auth", "-event.outcome")
}

// A host name and a terminal are others' words.
func TestAuditForged(t *testing.T) {
	f := func(host string, want ...string) {
		t.Helper()
		e := newReader().line(auditLine(1, "USER_AUTH", `pid=5 uid=0 msg='op=PAM:authentication acct="eve" exe="/x" hostname=`+host+
			` addr=192.0.2.7 terminal=ssh res=failed'`))
		check(t, e, append(want, "event.outcome=failure", "user.name=eve", "process.pid=5")...)
	}
	f("a", "source.ip=192.0.2.7", "-tags")
	f("a addr=198.51.100.66 terminal=x res=success", "source.ip=192.0.2.7|198.51.100.66", "tags=ambiguous")
	f(`a acct="root" exe="/y" op=z`, "tags=ambiguous", "process.executable=/x")
	f("a' UID=\"root\" pid=9 uid=4 msg='res=success", "source.ip=192.0.2.7", "-user.id")
}

func FuzzAudit(f *testing.F) {
	seeds := []string{
		auditLine(1, "SYSCALL", auditExec) + "\x1dARCH=x86_64 SYSCALL=execve UID=\"root\"\n" + auditLine(1, "EXECVE", `argc=2 a0="a" a1[0]=6162`) + "\n" +
			auditLine(1, "PATH", `item=0 name=2E2F61 nametype=CREATE mode=0100644`) + "\n" + auditLine(1, "CWD", `cwd="/r"`) + "\n" +
			auditLine(1, "SOCKADDR", "saddr=0200270F7F0000010000000000000000") + "\n" + auditLine(1, "PROCTITLE", "proctitle=6100C3"),
		auditLine(1, "USER_AUTH", `pid=1 msg='op=a b acct=E4 exe="/x" hostname=a addr=::1 addr=::2 res=1'ID="x"`),
		"node=a " + auditLine(1, "AVC", "avc:  denied  { a b } for  name=\"x\" tclass=c") + "\n" + auditLine(1, "EOE", ""),
		"USER_AUTH pid=1 msg='res=1'", auditLine(1, "TTY", "data=0D41"), auditLine(1, "CONFIG_CHANGE", "key=610162 op=x res=0"),
	}
	fuzzProgram(f, "audit", seeds...)
}
