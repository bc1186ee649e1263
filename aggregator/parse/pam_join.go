package parse

import (
	"strings"
	"sync"
	"time"
)

// Bounds of what is remembered of the modules that refused somebody: some 4,000 processes, and how long one attempt may
// take to go from the first to the last.
const (
	moduleBytes = 1 << 20
	moduleTime  = time.Minute
)

// modules remembers which module of PAM first refused an attempt: what the others of its stack say is the same one.
type modules struct {
	mu     sync.Mutex
	recent recent[moduleProcess, *pamAttempt]
}

type moduleProcess struct {
	origin
	program, pid string
}

// pamAttempt is an attempt that a module refused.
type pamAttempt struct {
	module string
	at     time.Time
	bytes  int
}

func (r *pamAttempt) weight() int { return r.bytes }

func newModules() *modules {
	return &modules{recent: newRecent[moduleProcess, *pamAttempt](moduleBytes)}
}

// first reports whether the module that wrote a line is the first to refuse an attempt: the one that refused the last
// one of that process, or the only one in a while.
func (m *modules) first(l *line) bool {
	if l.pid == "" {
		return true
	}
	module, _, _ := strings.Cut(l.text, "(")
	key := moduleProcess{l.origin, l.program, l.pid}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.recent.get(key)
	switch {
	case !ok:
		m.recent.put(key, &pamAttempt{module: module, at: l.at, bytes: entryWeight + len(l.raw)})
		return true
	case r.module == module:
		r.at = l.at
		return true
	case l.at.Sub(r.at).Abs() < moduleTime:
		return false
	}
	m.recent.grow(len(l.raw))
	r.bytes += len(l.raw)
	r.module, r.at = module, l.at
	return true
}
