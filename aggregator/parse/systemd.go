package parse

import "strings"

// scanSystemd reads what systemd writes about its units (src/core/job.c, unit.c, service.c; v229 to v257), as the system's
// manager and as a user's:
//
//	Started ssh.service - OpenBSD Secure Shell server.        (before v250 "Started OpenBSD Secure Shell server.")
//	ssh.service: Main process exited, code=exited, status=255/EXCEPTION
//	ssh.service: Failed with result 'exit-code'.
//	ssh.service: Deactivated successfully.                    (before v246 "ssh.service: Succeeded.")
//
// How a unit's run ended has an outcome, so that counting these counts the runs. The other lines of the same end have
// none. It reads too what a process says that is to become a unit's: its name stands in brackets until then.
func scanSystemd(p *Parser, l *line) bool {
	text := l.text
	if unit, what, ok := strings.Cut(text, ": "); ok && isUnit(unit) {
		return unitSays(l, unit, what)
	}
	if unit, _ := word(text); isUnit(unit) {
		return unitUnmet(l, text)
	}
	return scanPrefixed(systemdForms, p, l, text)
}

// isUnit reports whether a word is a unit's name.
func isUnit(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	if dot <= 0 || strings.IndexByte(s, ' ') >= 0 {
		return false
	}
	switch s[dot+1:] {
	case "service", "socket", "target", "device", "mount", "automount", "swap", "timer", "path", "slice", "scope":
		return true
	}
	return false
}

// unit writes a unit's name. An agent may have named the unit that the line came from: it is systemd's own.
func (l *line) unit(name string) {
	if name != "" {
		l.event.Set("systemd.unit", name)
	}
}

// systemdForms holds what systemd says of a job's end, by its beginning.
var systemdForms = byPrefix([]prefixed[lineScanner]{
	{"Started ", unitJob("systemd-unit-started", "start")},
	{"Starting ", unitJob("systemd-unit-starting", "info")},
	{"Finished ", unitJob("systemd-unit-finished", "info")},
	{"Stopped target ", unitJob("systemd-target-stopped", "info")},
	{"Stopped ", unitJob("systemd-unit-stopped", "end")},
	{"Stopping ", unitJob("systemd-unit-stopping", "info")},
	{"Reloading requested from client PID ", reloadedBy},
	{"Reload requested from client PID ", reloadedBy},
	{"Reexecution requested from client PID ", reloadedBy},
	{"System is tainted: ", systemSays("systemd-info", "host", "info")},
	{"Reexecuting requested from client PID ", reloadedBy},
	{"Reloading.", systemSays("systemd-reload", "configuration", "change")},
	{"Reexecuting.", systemSays("systemd-reload", "configuration", "change")},
	{"Reloading finished in ", systemSays("systemd-reload-finished", "configuration", "info")},
	{"Reloading ", unitJob("systemd-unit-reloading", "info")},
	{"Reloaded ", unitJob("systemd-unit-reloaded", "change")},
	{"Restarting ", unitJob("systemd-unit-stopping", "info")},
	{"Reached target ", unitJob("systemd-target-reached", "info")},
	{"Failed to start ", unitJob("systemd-unit-start-failed", "error")},
	{"Failed to reload ", unitJob("systemd-unit-reload-failed", "error")},
	{"Failed to listen on ", unitJob("systemd-unit-start-failed", "error")},
	{"Failed to mount ", unitJob("systemd-unit-start-failed", "error")},
	{"Failed to unmount ", unitJob("systemd-unit-stop-failed", "error")},
	{"Failed unmounting ", unitJob("systemd-unit-stop-failed", "error")},
	{"Failed to activate swap ", unitJob("systemd-unit-start-failed", "error")},
	{"Dependency failed for ", unitJob("systemd-unit-dependency-failed", "error")},
	{"Assertion failed for ", unitJob("systemd-unit-start-failed", "error")},
	{"Condition check resulted in ", unitSkipped},
	{"Timed out starting ", unitJob("systemd-unit-timeout", "error")},
	{"Timed out stopping ", unitJob("systemd-unit-timeout", "error")},
	{"Timed out waiting for ", unitJob("systemd-unit-timeout", "error")},
	{"Listening on ", unitJob("systemd-unit-started", "start")},
	{"Closed ", unitJob("systemd-unit-stopped", "end")},
	{"Mounting ", unitJob("systemd-unit-starting", "info")},
	{"Mounted ", unitJob("systemd-unit-started", "start")},
	{"Unmounting ", unitJob("systemd-unit-stopping", "info")},
	{"Unmounted ", unitJob("systemd-unit-stopped", "end")},
	{"Activating swap ", unitJob("systemd-unit-starting", "info")},
	{"Activated swap ", unitJob("systemd-unit-started", "start")},
	{"Deactivating swap ", unitJob("systemd-unit-stopping", "info")},
	{"Deactivated swap ", unitJob("systemd-unit-stopped", "end")},
	{"Activating special unit ", unitJob("systemd-unit-starting", "info")},
	{"Created slice ", unitJob("systemd-unit-started", "start")},
	{"Removed slice ", unitJob("systemd-unit-stopped", "end")},
	{"Set up automount ", unitJob("systemd-unit-started", "start")},
	{"Unset automount ", unitJob("systemd-unit-stopped", "end")},
	{"Expecting device ", unitJob("systemd-unit-starting", "info")},
	{"Found device ", unitJob("systemd-unit-started", "start")},
	{"Queued start job for default target ", unitJob("systemd-unit-queued", "info")},
	{"Requested transaction contradicts existing jobs: ", systemSays("systemd-error", "process", "error")},
	{"Unit ", unitState},
	{"Startup finished in ", systemStarted},
	{"systemd ", systemVersion},
	{"Shutting down.", systemSays("system-shutdown", "host", "end")},
	{"Rebooting.", systemSays("system-reboot", "host", "end")},
	{"Powering off.", systemSays("system-power-off", "host", "end")},
	{"Detected virtualization ", systemSays("systemd-info", "host", "info")},
	{"Detected architecture ", systemSays("systemd-info", "host", "info")},
	{"Set hostname to <", systemSays("systemd-info", "host", "info")},
	{"Hostname set to <", systemSays("systemd-info", "host", "info")},
	{"Initializing machine ID from ", systemSays("systemd-info", "host", "info")},
	{"Time has been changed", systemSays("system-time-changed", "host", "change")},
	{"Got disconnect on ", systemSays("systemd-error", "process", "error")},
	{"/", unitFile},
})

// unitJob reads "ssh.service - Description." and "Description.", with three dots where it begins.
func unitJob(action, kind string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		name, ok := strings.CutSuffix(rest, "...")
		if !ok {
			name, ok = strings.CutSuffix(rest, ".")
		}
		if !ok || name == "" {
			return false
		}
		l.is(action, "process", kind)
		l.unitOf(name)
		return true
	}
}

// unitOf writes a unit by its name, its description or both; and whose session or manager it is.
func (l *line) unitOf(s string) {
	unit, description, both := strings.Cut(s, " - ")
	switch {
	case both && isUnit(unit):
		l.unit(unit)
	case isUnit(s):
		l.unit(s)
		return
	default:
		description = s
	}
	l.put("systemd.description", description)
	if session, ok := strings.CutPrefix(description, "Session "); ok {
		id, user, ok := strings.Cut(session, " of user ")
		if !ok {
			id, user, ok = strings.Cut(session, " of User ")
		}
		if ok && user != "" {
			l.put("systemd.session", id)
			l.user(user)
		}
	}
	if id, ok := strings.CutPrefix(description, "User Manager for UID "); ok {
		l.put("user.id", id)
	} else if id, ok := strings.CutPrefix(description, "User Slice of UID "); ok {
		l.put("user.id", id)
	}
}

// unitSkipped reads "X being skipped.", before v250.
func unitSkipped(_ *Parser, l *line, rest string) bool {
	name, ok := strings.CutSuffix(rest, " being skipped.")
	if !ok {
		return false
	}
	l.is("systemd-unit-skipped", "process", "info")
	l.unitOf(name)
	return true
}

// unitUnmet reads "ssh.service - Description was skipped because of an unmet condition check (…)."; since v256 "… skipped,
// unmet condition check …".
func unitUnmet(l *line, text string) bool {
	name, reason, ok := cutFirstOf(text, " was skipped because of ", " was skipped because ", " skipped, ")
	if !ok {
		return false
	}
	l.is("systemd-unit-skipped", "process", "info")
	l.unitOf(name)
	l.put("event.reason", reason)
	return true
}

// unitState reads "ssh.service entered failed state.", before v239, and "x.service not found.".
func unitState(_ *Parser, l *line, rest string) bool {
	name, what := word(rest)
	if !isUnit(name) {
		return false
	}
	if what == "entered failed state." {
		l.is("systemd-unit-ended", "process", "end")
		l.outcome(false)
	} else {
		l.is("systemd-unit-message", "process", "info")
		l.put("event.reason", what)
	}
	l.unit(name)
	return true
}

// unitFile reads "/etc/systemd/system/x.service:2: Unknown key …".
func unitFile(_ *Parser, l *line, _ string) bool {
	at, what, ok := strings.Cut(l.text, ": ")
	file, number, found := cutLast(at, ":")
	if !ok || !found || !isNumber(number) {
		return false
	}
	l.is("systemd-unit-file-error", "configuration", "error")
	l.put("file.path", file)
	l.unit(file[strings.LastIndexByte(file, '/')+1:])
	l.put("event.reason", what)
	return true
}

// reloadedBy reads "123 ('systemctl') (unit session-1.scope)...".
func reloadedBy(_ *Parser, l *line, rest string) bool {
	pid, rest := digits(rest)
	name, rest, ok := cutValue(rest, "('", "')")
	if !ok || pid == "" {
		return false
	}
	l.is("systemd-reload", "configuration", "change")
	l.put("systemd.client.pid", pid)
	l.put("systemd.client.name", name)
	if unit, _, ok := cutValue(rest, "(unit ", ")"); ok {
		l.put("systemd.client.unit", unit)
	}
	return true
}

// systemSays reads a line that is a fact by itself.
func systemSays(action, category, kind string) lineScanner {
	return func(_ *Parser, l *line, _ string) bool {
		l.is(action, category, kind)
		l.put("event.reason", l.text)
		return true
	}
}

// systemStarted reads "1.154s (kernel) + 3.2s (userspace) = 4.3s.": of a machine, or of a user's manager.
func systemStarted(_ *Parser, l *line, rest string) bool {
	if l.pid == "1" {
		l.is("system-started", "host", "start")
	} else {
		l.is("systemd-started", "process", "start")
	}
	l.put("event.reason", rest)
	return true
}

// systemVersion reads "252.39-1~deb12u2 running in system mode (+PAM …)".
func systemVersion(_ *Parser, l *line, rest string) bool {
	version, rest := word(rest)
	if !strings.HasPrefix(rest, "running in ") {
		return false
	}
	l.is("systemd-start", "process", "start")
	l.put("service.version", version)
	return true
}
