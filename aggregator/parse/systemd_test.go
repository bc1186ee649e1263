package parse

import (
	"strings"
	"testing"
)

// What systemd said in versions that no longer run, and what needs a machine of its own.
func TestSystemd(t *testing.T) {
	f := func(text, action string, want ...string) {
		t.Helper()
		check(t, newReader().says("systemd[1]", text), append(want, "event.action="+action)...)
	}
	f("Started OpenBSD Secure Shell server.", "systemd-unit-started", "systemd.description=OpenBSD Secure Shell server",
		"-systemd.unit", "-event.outcome")
	f("Started Session 3 of user averez.", "systemd-unit-started", "systemd.session=3", "user.name=averez")
	f("Created slice User Slice of UID 1001.", "systemd-unit-started", "user.id=1001")
	f("ssh.service: Succeeded.", "systemd-unit-ended", "event.outcome=success", "systemd.unit=ssh.service")
	f("ssh.service: main process exited, code=exited, status=255/n/a", "systemd-process-exited", "process.exit_code=255",
		"systemd.status=n/a")
	f("ssh.service: Unit entered failed state.", "systemd-unit-ended", "event.outcome=failure")
	f("Unit ssh.service entered failed state.", "systemd-unit-ended", "event.outcome=failure",
		"systemd.unit=ssh.service")
	f("ssh.service: Service hold-off time over, scheduling restart.", "systemd-unit-restart", "-systemd.restarts")
	f("ssh.service: Service RestartSec=100ms expired, scheduling restart.", "systemd-unit-restart",
		"-systemd.restarts")
	f("ssh.service: A process of this unit has been killed by the OOM killer.", "systemd-unit-oom",
		"systemd.unit=ssh.service", "event.reason=A process of this unit has been killed by the OOM killer.")
	f("ssh.service: Consumed 1.2s CPU time.", "systemd-unit-consumed")
	f("Condition check resulted in Foo being skipped.", "systemd-unit-skipped", "systemd.description=Foo")
	f("Startup finished in 1s (kernel) + 2s (userspace) = 3s.", "system-started", "event.category=host")
	f("systemd 232 running in system mode. (+PAM)", "systemd-start", "service.version=232")
	f("Shutting down.", "system-shutdown")
	for _, text := range []string{"", "x", "Started", "Started x", "Unit x y", "systemd is", "a.service", "/x: y"} {
		check(t, newReader().says("systemd[1]", text), "-event.action", "-event.outcome", "-systemd.unit")
	}
}

func TestLogind(t *testing.T) {
	r := newReader()
	f := func(text, action string, want ...string) {
		t.Helper()
		check(t, r.says("systemd-logind[7]", text), append(want, "event.action="+action, "-event.outcome")...)
	}
	f("New session 3 of user averez.", "session-started", "logind.session=3", "user.name=averez")
	f("New session 'c1' of user 'gdm' with class 'greeter' and type 'wayland'.", "session-started",
		"logind.session=c1", "user.name=gdm", "logind.class=greeter", "logind.type=wayland")
	f("Session 3 logged out. Waiting for processes to exit.", "session-logged-out", "user.name=averez")
	f("Removed session 3.", "session-removed", "user.name=averez", "logind.session=3")
	f("Removed session c1.", "session-removed", "user.name=gdm")
	f("Removed session 9.", "session-removed", "-user.name")
	f("Power key pressed short.", "power-key")
	f("Power key pressed.", "power-key")
	f("Lid closed.", "lid-closed")
	f("System is powering down.", "system-power-off")
	f("System is rebooting.", "system-reboot")
	f("The system will power off at Sat 2026-11-28 20:00:00 UTC!", "system-shutdown-announced")
	f("Watching system buttons on /dev/input/event0 (Power Button)", "system-buttons")
	f("New seat seat0.", "seat-added", "logind.seat=seat0")
	r.host = "other"
	f("Removed session 3.", "session-removed", "-user.name")
}

func TestCoredumpAndTime(t *testing.T) {
	check(t, newReader().says("systemd-coredump[7]", "Process 4711 (sh) of user 1001 dumped core."),
		strings.Fields("event.action=process-crashed coredump.pid=4711 coredump.name=sh user.id=1001")...)
	check(t, newReader().says("systemd-timesyncd[7]", "Contacted time server 192.0.2.1:123 (ntp.example.com)."),
		strings.Fields("event.action=time-synchronized server.ip=192.0.2.1 server.port=123 server.domain=ntp.example.com")...)
	check(t, newReader().says("systemd-timesyncd[7]", "Timed out waiting for reply from [2001:db8::1]:123 (x)."),
		strings.Fields("event.action=time-server-timeout server.ip=2001:db8::1")...)
}
