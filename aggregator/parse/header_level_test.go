package parse

import "testing"

// Headers that name facility and severity in words, and those of journalctl and macOS that name a time otherwise.
func TestHeaderLevel(t *testing.T) {
	f := func(line string, want ...string) {
		t.Helper()
		check(t, new(eventOf).relayed(line), append(want, "-log.syslog.priority")...)
	}
	auth := []string{"@timestamp=2026-11-23T17:53:29Z", "log.syslog.facility.name=auth", "log.syslog.facility.code=4",
		"log.syslog.severity.name=info", "log.syslog.severity.code=6", "log.level=info", "host.name=vm", "process.name=sshd",
		"process.pid=7", "message=x"}
	f("Nov 23 17:53:29 vm auth.info sshd[7]: x", auth...)           // busybox
	f("2026-11-23T17:53:29+00:00 vm auth.info sshd[7]: x", auth...) // the same with another time
	f("Nov 23 17:53:29 <auth.info> vm sshd[7]: x", auth...)         // FreeBSD, -vv
	f("Nov 23 17:53:29 <4.6> vm sshd[7]: x", auth...)               // FreeBSD, -v
	f("Nov 23 17:53:29 vm auth|security:info sshd[7]: x", auth...)  // AIX
	f("Mon Nov 23 17:53:29 2026 auth.info sshd[7]: x", auth[:6]...) // OpenWrt, which names no host
	f("Mon Nov 23 17:53:29 2026 auth.info sshd[7]: x", "-log.syslog.hostname", "message=x", "process.pid=7")
	f("2026-11-23T17:53:29Z In(38) sshd[7]: x", append(auth[:6:6], "process.pid=7", "-log.syslog.hostname")...) // ESXi 8
	f("2026-11-23T17:53:29Z Wa(180) vmkwarning: x", "process.name=vmkwarning", "log.level=warning", "-log.syslog.hostname")
	f("Nov 23 17:53:29 vm daemon.warn dnsmasq: x", "log.level=warning", "process.name=dnsmasq", "host.name=vm")
	f("Nov 23 17:53:29 vm user.notice root: x", "log.level=notice", "process.name=root")
	// What only looks like it.
	f("Nov 23 17:53:29 mail.info sshd[7]: x", "host.name=mail.info", "process.name=sshd", "-log.level")
	f("Nov 23 17:53:29 vm auth.nothing sshd[7]: x", "-log.level", "-process.name")
	f("Nov 23 17:53:29 vm 4.6 sshd[7]: x", "-log.level")
	f("2026-11-23T17:53:29Z Zz(38) sshd[7]: x", "-log.level")
	f("2026-11-23T17:53:29Z In(999) sshd[7]: x", "-log.level")
	f("Mon Nov 23 17:53:29 2026 hello there", "message=Mon Nov 23 17:53:29 2026 hello there", "-log.level")
	// journalctl -o short-unix
	f("1795456409.123456 vm sshd[7]: x", "@timestamp=2026-11-23T17:53:29.123456Z", "host.name=vm", "process.pid=7", "message=x")
	f("1795456409.123456 vm it is: x", "message=1795456409.123456 vm it is: x", "-process.name")
	// log show of macOS
	f("2026-11-23 17:53:29.123456+0000 0x1a2b3c   Default     0x0                  7      0    sshd: (libsystem.dylib) [com.apple.x:y] x",
		"@timestamp=2026-11-23T17:53:29.123456Z", "process.name=sshd", "process.pid=7", "-log.syslog.hostname",
		"message=(libsystem.dylib) [com.apple.x:y] x")
	f("2026-11-23 17:53:29.123456+0000 0x1a2b3c   Default     0x0                  7      0    sshd: Failed password for bob from 192.0.2.1 port 22 ssh2",
		"event.action=ssh-login-attempt", "user.name=bob", "process.pid=7")
}
