package parse

import (
	"strings"
	"sync"
)

// scanLogind reads what systemd-logind writes (src/login/*.c; v229 to v257):
//
//	New session 3 of user averez.       New session '3' of user 'averez' with class 'user' and type 'tty'.   (v256)
//	Session 3 logged out. Waiting for processes to exit.
//	Removed session 3.
//	The system will power off now!      System is powering down.      Power key pressed short.
//
// A session's end says whose it was where its beginning was read. PAM's lines tell its outcome.
func scanLogind(p *Parser, l *line) bool { return scanPrefixed(logindForms, p, l, l.text) }

// logindForms holds what logind says, by its beginning.
var logindForms = byPrefix([]prefixed[lineScanner]{
	{"New session ", newSession},
	{"Removed session ", endedSession("session-removed", "end")},
	{"Session ", loggedOut},
	{"New seat ", seat("seat-added")},
	{"Removed seat ", seat("seat-removed")},
	{"New user ", loggedIn},
	{"Watching system buttons on ", systemSays("system-buttons", "host", "info")},
	{"Power key pressed", systemSays("power-key", "host", "info")},
	{"Reboot key pressed", systemSays("power-key", "host", "info")},
	{"Suspend key pressed", systemSays("power-key", "host", "info")},
	{"Hibernate key pressed", systemSays("power-key", "host", "info")},
	{"Lid closed.", systemSays("lid-closed", "host", "info")},
	{"Lid opened.", systemSays("lid-opened", "host", "info")},
	{"System is powering down", systemSays("system-power-off", "host", "end")},
	{"System is rebooting", systemSays("system-reboot", "host", "end")},
	{"System is halting", systemSays("system-halt", "host", "end")},
	{"The system will ", systemWill},
	{"Powering off", systemSays("system-power-off", "host", "end")},
	{"Powering Off", systemSays("system-power-off", "host", "end")},
	{"Rebooting", systemSays("system-reboot", "host", "end")},
	{"Suspending", systemSays("system-suspend", "host", "change")},
	{"Hibernating", systemSays("system-suspend", "host", "change")},
	{"Operation '", systemSays("system-operation", "host", "info")},
	{"Creating /run/nologin, blocking further logins", systemSays("logins-blocked", "host", "change")},
	{"Delay lock is active", systemSays("shutdown-delayed", "host", "info")},
	{"Existing logind session ID ", systemSays("session-exists", "session", "info")},
	{"User ", systemSays("logind-message", "session", "info")},
	{"Failed to ", systemSays("logind-error", "process", "error")},
	{"Error ", systemSays("logind-error", "process", "error")},
})

// logindBytes bounds the sessions whose users are remembered: some 4,000.
const logindBytes = 1 << 20

// logind remembers whose sessions are open.
type logind struct {
	mu     sync.Mutex
	recent recent[logindKey, logindUser]
}

type logindKey struct {
	origin
	id string
}

// logindUser is a part of a line of that many bytes.
type logindUser struct {
	name  string
	bytes int
}

func (u logindUser) weight() int { return entryWeight + u.bytes }

func newLogind() *logind {
	return &logind{recent: newRecent[logindKey, logindUser](logindBytes)}
}

func (s *logind) opened(l *line, id, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := logindKey{l.origin, id}
	s.recent.drop(key)
	s.recent.put(key, logindUser{user, len(l.raw)})
}

func (s *logind) user(l *line, id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, _ := s.recent.get(logindKey{l.origin, id})
	return u.name
}

// newSession reads "3 of user averez."; since v256 "'3' of user 'averez' with class 'user' and type 'tty'.".
func newSession(p *Parser, l *line, rest string) bool {
	id, user, ok := strings.Cut(strings.TrimSuffix(rest, "."), " of user ")
	if !ok || id == "" || user == "" {
		return false
	}
	if bare, quoted := between(id, "'", "'"); quoted {
		id = bare
		user, rest, ok = cutValue(user, "'", "' with class '")
		class, kind, both := strings.Cut(rest, "' and type '")
		if !ok || !both {
			return false
		}
		l.put("logind.class", class)
		l.put("logind.type", strings.TrimSuffix(kind, "'"))
	}
	l.is("session-started", "session", "start")
	l.put("logind.session", id)
	l.user(user)
	p.logind.opened(l, id, user)
	return true
}

// endedSession reads "3.".
func endedSession(action, kind string) lineScanner {
	return func(p *Parser, l *line, rest string) bool {
		id, ok := strings.CutSuffix(rest, ".")
		if bare, quoted := between(id, "'", "'"); quoted {
			id = bare
		}
		if !ok || id == "" || strings.IndexByte(id, ' ') >= 0 {
			return false
		}
		l.is(action, "session", kind)
		l.put("logind.session", id)
		l.user(p.logind.user(l, id))
		return true
	}
}

// loggedOut reads "3 logged out. Waiting for processes to exit.".
func loggedOut(p *Parser, l *line, rest string) bool {
	id, ok := strings.CutSuffix(rest, " logged out. Waiting for processes to exit.")
	if !ok || id == "" {
		return false
	}
	if bare, quoted := between(id, "'", "'"); quoted {
		id = bare
	}
	l.is("session-logged-out", "session", "info")
	l.put("logind.session", id)
	l.user(p.logind.user(l, id))
	return true
}

// loggedIn reads "averez logged in.".
func loggedIn(_ *Parser, l *line, rest string) bool {
	user, ok := strings.CutSuffix(rest, " logged in.")
	if !ok || user == "" {
		return false
	}
	l.is("user-logged-in", "session", "info")
	l.user(user)
	return true
}

// seat reads "seat0.".
func seat(action string) lineScanner {
	return func(_ *Parser, l *line, rest string) bool {
		name := strings.TrimSuffix(rest, ".")
		if name == "" {
			return false
		}
		l.is(action, "host", "info")
		l.put("logind.seat", name)
		return true
	}
}

// systemWill reads "power off now!", "reboot at Sat 2026-11-28 20:00:00 UTC!".
func systemWill(_ *Parser, l *line, rest string) bool {
	if rest == "" {
		return false
	}
	l.is("system-shutdown-announced", "host", "info")
	l.put("event.reason", l.text)
	return true
}

// scanCoredump reads "Process 4711 (sh) of user 1001 dumped core.", of systemd-coredump; a stack trace may follow.
func scanCoredump(_ *Parser, l *line) bool {
	rest, ok := strings.CutPrefix(l.text, "Process ")
	pid, rest := digits(rest)
	head, _, dumped := strings.Cut(rest, " dumped core.")
	name, user, found := cutLast(head, ") of user ")
	name, open := strings.CutPrefix(name, " (")
	if !ok || pid == "" || !dumped || !found || !open || !isNumber(user) {
		return false
	}
	l.is("process-crashed", "process", "end", "error")
	l.put("coredump.pid", pid)
	l.put("coredump.name", name)
	l.put("user.id", user)
	return true
}

// scanTimesync reads which server systemd-timesyncd has its time from: "… time server 192.0.2.1:123 (ntp.example.com).".
func scanTimesync(_ *Parser, l *line) bool {
	what, rest, ok := cutFirstOf(l.text, " time server ", "Timed out waiting for reply from ")
	addr, rest := word(rest)
	host, port, found := cutHostPort(addr)
	if !ok || !found {
		return false
	}
	name, _, _ := cutValue(rest, "(", ")")
	if what == "" {
		l.is("time-server-timeout", "host", "error")
	} else {
		l.is("time-synchronized", "host", "info")
	}
	l.put("server.ip", canonical(host))
	l.port("server.port", port)
	l.put("server.domain", name)
	l.also("related.ip", canonical(host))
	l.also("related.hosts", name)
	return true
}

// cutFirstOf cuts s at the first of the separators that it has.
func cutFirstOf(s string, seps ...string) (before, after string, ok bool) {
	for _, sep := range seps {
		if before, after, ok = strings.Cut(s, sep); ok {
			return before, after, true
		}
	}
	return s, "", false
}
