package parse

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeader(t *testing.T) {
	f := func(line, priority, host, program, pid, text string) {
		t.Helper()
		h := scanHeader(line)
		got := []string{h.priority, h.host, h.program, h.pid, h.text}
		if d := cmp.Diff([]string{priority, host, program, pid, text}, got); d != "" {
			t.Errorf("%q: %s", line, d)
		}
	}
	// RFC 3164, and what is written in its name.
	f("<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "34", "mymachine", "su", "", "'su root' failed")
	f("Oct 11 22:14:15 mymachine su: x", "", "mymachine", "su", "", "x")
	f("<86>Nov 23 17:53:29 sshd[12]: x", "86", "", "sshd", "12", "x")
	f("Nov 23 17:53:29 vm sshd[12]: x: y", "", "vm", "sshd", "12", "x: y")
	f("Nov 23 17:53:29 vm sshd[12]:x", "", "vm", "", "", "sshd[12]:x")
	f("Nov 23 17:53:29 vm sshd[12] x", "", "vm", "sshd", "12", "x")
	f("Nov 23 17:53:29 vm sshd[]: x", "", "vm", "sshd", "", "x")
	f("Nov 23 17:53:29 vm systemd[1]:", "", "vm", "systemd", "1", "")
	f("Nov 23 17:53:29 vm haproxy[1/2]: x", "", "vm", "haproxy", "1/2", "x")
	f("Nov 23 17:53:29 vm /usr/sbin/sshd[12]: x", "", "vm", "sshd", "12", "x")
	f("Nov 23 17:53:29 vm postfix/smtpd[12]: x", "", "vm", "postfix/smtpd", "12", "x")
	f("Nov 23 17:53:29 vm sudo:   averez : x", "", "vm", "sudo", "", "averez : x")
	f("Nov 23 17:53:29 vm kernel: [ 12.5] eth0: up", "", "vm", "kernel", "", "[ 12.5] eth0: up")
	f("Nov 23 17:53:29 vm last message repeated 3 times", "", "vm", "", "", "last message repeated 3 times")
	f("Nov 23 17:53:29 last message repeated 3 times", "", "", "", "", "last message repeated 3 times")
	f("Nov 23 17:53:29 2001:db8::7 sshd[1]: x", "", "2001:db8::7", "sshd", "1", "x")
	f("Nov  3 17:53:29 vm sshd[1]: x", "", "vm", "sshd", "1", "x")
	f("Nov 3 17:53:29 vm sshd[1]: x", "", "vm", "sshd", "1", "x")
	f("Nov 23 2026 17:53:29 vm sshd[1]: x", "", "vm", "sshd", "1", "x")
	f("Nov 23 17:53:29.123 vm sshd[1]: x", "", "vm", "sshd", "1", "x")
	f("Nov 23 17:53:29: %SYS-5-CONFIG_I: Configured", "", "", "", "", "%SYS-5-CONFIG_I: Configured")
	f("<13>sshd[1]: x", "13", "", "sshd", "1", "x")

	f("Nov 23 17:53:29 [sshd] x: y", "", "", "sshd", "", "x: y") // metalog
	f("Nov 23 17:53:29 [sshd]: x: y", "", "", "sshd", "", "x: y")
	f("Nov 23 17:53:29 [error] x: y", "", "", "", "", "[error] x: y")
	f("Nov 23 17:53:29 [12.5] x: y", "", "", "", "", "[12.5] x: y")
	f("Nov 23 17:53:29 fw01: %ASA-6-302013: Built", "", "fw01", "", "", "%ASA-6-302013: Built")
	f("<166>Nov 23 2026 17:53:29 fw01: %FTD-6-302013: Built", "166", "fw01", "", "", "%FTD-6-302013: Built")
	f("Nov 23 17:53:29 vm su: %ASA-6-302013: Built", "", "vm", "su", "", "%ASA-6-302013: Built")
	// ISO 8601 in front of the same.
	f("2026-11-23T17:53:29.123456+01:00 vm sshd[12]: x", "", "vm", "sshd", "12", "x")
	f("<86>2026-11-23T17:53:29Z vm sshd[12]: x", "86", "vm", "sshd", "12", "x")
	f("2026-11-23 17:53:29,123 vm app: x", "", "vm", "app", "", "x")
	// Neither.
	f("", "", "", "", "", "")
	f("hello", "", "", "", "", "hello")
	f("<>hello", "", "", "", "", "<>hello")
	f("<192>Nov 23 17:53:29 vm a: x", "", "", "", "", "<192>Nov 23 17:53:29 vm a: x")
	f("<034>Nov 23 17:53:29 vm a: x", "", "", "", "", "<034>Nov 23 17:53:29 vm a: x")
	f("<-1>x", "", "", "", "", "<-1>x")
	f("<1", "", "", "", "", "<1")
	f("<0>x", "0", "", "", "", "x")
	f("Foo 23 17:53:29 vm a: x", "", "", "", "", "Foo 23 17:53:29 vm a: x")
	f("Nov 31 17:53:29 vm a: x", "", "", "", "", "Nov 31 17:53:29 vm a: x")
	f("Nov 23 24:53:29 vm a: x", "", "", "", "", "Nov 23 24:53:29 vm a: x")
	f("Nov 23 17:53:29", "", "", "", "", "")
	f("Nov 23 17:53:29 vm", "", "", "", "", "vm")
	f("Nov 23 17:53:29 vm "+strings.Repeat("p", 65)+": x", "", "vm", "", "", strings.Repeat("p", 65)+": x")
	f("Nov 23 17:53:29 vm a["+strings.Repeat("1", 200)+"]: x", "", "vm", "", "", "a["+strings.Repeat("1", 200)+"]: x")
}

func TestHeader5424(t *testing.T) {
	f := func(line, host, program, pid, msgid, data, text string) {
		t.Helper()
		h := scanHeader(line)
		got := []string{h.version, h.host, h.program, h.pid, h.msgid, h.data, h.text}
		if d := cmp.Diff([]string{"1", host, program, pid, msgid, data, text}, got); d != "" {
			t.Errorf("%q: %s", line, d)
		}
	}
	f("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \uFEFF'su root' failed",
		"mymachine.example.com", "su", "", "ID47", "", "'su root' failed")
	f(`<165>1 2003-10-11T22:14:15.003Z h evntslog 7 ID47 [a@1 iut="3"][b@1 c="d"] text`,
		"h", "evntslog", "7", "ID47", `[a@1 iut="3"][b@1 c="d"]`, "text")
	f(`<165>1 2003-10-11T22:14:15.003Z h a 7 m [x y="] [\"\]\\"] t`, "h", "a", "7", "m", `[x y="] [\"\]\\"]`, "t")
	f(`<165>1 2003-10-11T22:14:15.003Z h a 7 m [x y="z"]`, "h", "a", "7", "m", `[x y="z"]`, "")
	f(`<165>1 2003-10-11T22:14:15.003Z h a 7 m [x y="z text`, "h", "a", "7", "m", "", `[x y="z text`)
	f("<14>1 - - - - - -", "", "", "", "", "", "")
	f("<14>1 - - - - - - text", "", "", "", "", "", "text")
	f("<14>1 - vm sshd 12 - - Failed", "vm", "sshd", "12", "", "", "Failed")
	f("<14>1 2003-10-11T22:14:15+02:00 vm /usr/sbin/sshd 12 - - x", "vm", "sshd", "12", "", "", "x")
	f("<14>1 2003-10-11T22:14:15Z vm a 12 -", "vm", "a", "12", "", "", "")
	f("<14>1 2003-10-11T22:14:15Z vm a 12 - no data", "vm", "a", "12", "", "", "no data")
}

// What only begins like RFC 5424 stays a line.
func TestHeaderNo5424(t *testing.T) {
	f := func(line, text string) {
		t.Helper()
		if h := scanHeader(line); h.version != "" || h.text != text {
			t.Errorf("%q: version %q, text %q", line, h.version, h.text)
		}
	}
	f("<14>1 hello", "1 hello")
	f("<14>1 2003-10-11T22:14:15Z vm", "1 2003-10-11T22:14:15Z vm")
	f("<14>1 2003-10-11T22:14:15Z vm  a 1 - -", "1 2003-10-11T22:14:15Z vm  a 1 - -")
	f("<14>2 2003-10-11T22:14:15Z vm a 1 - - x", "2 2003-10-11T22:14:15Z vm a 1 - - x")
	f("1 2003-10-11T22:14:15Z vm a 1 - - x", "1 2003-10-11T22:14:15Z vm a 1 - - x")
}

func TestHeaderFields(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		check(t, newReader().line(line), want...)
	}
	f("<85>Nov 23 17:53:29 db1 sudo[7]: x", "log.syslog.priority=85", "log.syslog.facility.code=10",
		"log.syslog.facility.name=authpriv", "log.syslog.severity.code=5", "log.syslog.severity.name=notice",
		"log.level=notice", "log.syslog.hostname=db1", "log.syslog.appname=sudo", "log.syslog.procid=7", "host.name=vm",
		"process.name=sudo", "process.pid=7", "event.kind=event", "message=x", "-log.syslog.version")
	f("<0>Nov 23 17:53:29 vm a: x", "log.syslog.facility.name=kern", "log.level=emerg")
	f("<191>Nov 23 17:53:29 vm a: x", "log.syslog.facility.name=local7", "log.level=debug")
	f("Nov 23 17:53:29 vm a[x]: y", "log.syslog.procid=x", "-process.pid", "-log.level", "-log.syslog.priority")
	f(`<165>1 2026-11-23T17:14:15.003Z h a 7 m [x y="z"] t`, "log.syslog.version=1", "log.syslog.msgid=m",
		`log.syslog.structured_data=[x y="z"]`, "@timestamp=2026-11-23T17:14:15.003Z")
	f("<14>1 - - - - - -", "message=<14>1 - - - - - -", "@timestamp=2026-11-23T18:54:31Z", "-process.name")
}
