package parse

import "strings"

// unitForms holds what systemd says of one unit, behind its name, by its beginning.
var unitForms = byPrefix([]prefixed[func(l *line, rest string) bool]{
	{"Main process exited, ", unitExited("systemd-process-exited")},
	{"main process exited, ", unitExited("systemd-process-exited")},
	{"Control process exited, ", unitExited("systemd-control-exited")},
	{"control process exited, ", unitExited("systemd-control-exited")},
	{"Mount process exited, ", unitExited("systemd-control-exited")},
	{"Child ", unitChild},
	{"Failed with result '", unitFailed},
	{"Unit entered failed state.", unitEnded(false)},
	{"Deactivated successfully.", unitEnded(true)},
	{"Succeeded.", unitEnded(true)},
	{"Skipped due to 'exec-condition'.", unitEnded(true)},
	{"Scheduled restart job, restart counter is at ", unitRestart},
	{"Service hold-off time over, scheduling restart.", unitRestart},
	{"Service RestartSec=", unitRestart},
	{"Killing process ", unitKilling},
	{"Job ", unitJobFailed},
	{"Failed at step ", unitStep},
	{"A process of this unit has been killed by the OOM killer.", unitNote("systemd-unit-oom", "error")},
	{"systemd-oomd killed ", unitNote("systemd-unit-oom", "error")},
	{"Watchdog timeout ", unitNote("systemd-unit-timeout", "error")},
	{"State '", unitNote("systemd-unit-timeout", "error")},
	{"Start request repeated too quickly.", unitNote("systemd-unit-start-limit", "error")},
	{"start request repeated too quickly", unitNote("systemd-unit-start-limit", "error")},
	{"Consumed ", unitNote("systemd-unit-consumed", "info")},
	{"Failed ", unitNote("systemd-unit-error", "error")},
})

// unitSays reads what stands behind a unit's name. Whatever it is, it is about that unit.
func unitSays(l *line, unit, what string) bool {
	for _, f := range unitForms.of(what) {
		if rest, ok := strings.CutPrefix(what, f.prefix); ok && f.scan(l, rest) {
			l.unit(unit)
			return true
		}
	}
	action, kind := "systemd-unit-message", "info"
	switch {
	case strings.Contains(what, " was skipped because "), strings.Contains(what, "skipping"):
		action = "systemd-unit-skipped"
	case strings.Contains(what, " timed out"):
		action, kind = "systemd-unit-timeout", "error"
	}
	l.is(action, "process", kind)
	l.put("event.reason", what)
	l.unit(unit)
	return true
}

// unitNote reads a line that is a fact by itself.
func unitNote(action, kind string) func(l *line, rest string) bool {
	return func(l *line, _ string) bool {
		l.is(action, "process", kind)
		_, what, _ := strings.Cut(l.text, ": ")
		l.put("event.reason", what)
		return true
	}
}

// unitExited reads "code=exited, status=3/NOTIMPLEMENTED" and "code=killed, status=11/SEGV", "code=dumped, …".
func unitExited(action string) func(l *line, rest string) bool {
	return func(l *line, rest string) bool {
		code, status, ok := cutValue(rest, "code=", ",")
		number, name, found := cutValue(status, "status=", "/")
		if !ok || !found || !isNumber(number) {
			return false
		}
		l.is(action, "process", "end")
		l.put("systemd.code", code)
		if code == "exited" {
			l.put("process.exit_code", number)
			l.put("systemd.status", name)
		} else {
			l.put("systemd.signal", name)
		}
		return true
	}
}

// unitChild reads "123 belongs to x.service." and the like.
func unitChild(l *line, rest string) bool {
	pid, _ := digits(rest)
	if pid == "" {
		return false
	}
	l.is("systemd-unit-message", "process", "info")
	l.put("event.reason", rest)
	return true
}

// unitFailed reads "exit-code'.": how the unit's run ended.
func unitFailed(l *line, rest string) bool {
	result, ok := strings.CutSuffix(rest, "'.")
	if !ok {
		return false
	}
	l.is("systemd-unit-ended", "process", "end")
	l.outcome(false)
	l.put("systemd.result", result)
	return true
}

func unitEnded(ok bool) func(l *line, rest string) bool {
	return func(l *line, rest string) bool {
		if rest != "" {
			return false
		}
		l.is("systemd-unit-ended", "process", "end")
		l.outcome(ok)
		return true
	}
}

// unitRestart reads "5.", and what older ones say without a number.
func unitRestart(l *line, rest string) bool {
	n, _ := digits(rest)
	l.is("systemd-unit-restart", "process", "info")
	if !strings.Contains(l.text, "RestartSec=") {
		l.number("systemd.restarts", n)
	}
	return true
}

// unitKilling reads "155 (sh) with signal SIGKILL.".
func unitKilling(l *line, rest string) bool {
	pid, rest := digits(rest)
	name, signal, ok := cutValue(rest, "(", ") with signal ")
	if !ok || pid == "" {
		return false
	}
	l.is("systemd-process-killed", "process", "info")
	l.put("systemd.killed.pid", pid)
	l.put("systemd.killed.name", name)
	l.put("systemd.signal", strings.TrimSuffix(signal, "."))
	return true
}

// unitJobFailed reads "run-bad.mount/start failed with result 'dependency'.".
func unitJobFailed(l *line, rest string) bool {
	_, result, ok := strings.Cut(rest, " failed with result '")
	result, quoted := strings.CutSuffix(result, "'.")
	if !ok || !quoted {
		return false
	}
	l.is("systemd-job-failed", "process", "error")
	l.put("systemd.result", result)
	return true
}

// unitStep reads "EXEC spawning /usr/bin/nosuch: No such file or directory".
func unitStep(l *line, rest string) bool {
	step, rest, ok := strings.Cut(rest, " spawning ")
	file, reason, found := cutLast(rest, ": ")
	if !ok || !found {
		return false
	}
	l.is("systemd-exec-failed", "process", "error")
	l.put("systemd.step", step)
	l.put("process.executable", file)
	l.put("event.reason", reason)
	return true
}
