package parse

import "sync"

// loginBytes bounds a generation of connections whose attempts are remembered: some 30,000 at once.
const loginBytes = 8 << 20

// logins remembers of which connections an attempt was told already.
type logins struct {
	mu     sync.Mutex
	recent recent[sshPeer, *login]
}

// sshPeer is a connection to a host's sshd. The port is in the key, for sshd's process ids come again.
type sshPeer struct {
	origin
	pid, addr, port string
}

// login is a connection of which an attempt was told, by the event of that id. Of the lines that PAM wrote, which name
// no port, it counts those that no other line has repeated yet.
type login struct {
	id       string
	open     int
	told     ids // the lines of PAM
	repeated ids // the lines that repeated one
	bytes    int
}

func (g *login) weight() int { return g.bytes }

func newLogins() *logins { return &logins{recent: newRecent[sshPeer, *login](loginBytes)} }

// tried notes that a line told an attempt.
func (s *logins) tried(l *line, addr, port string) {
	key := sshPeer{l.origin, l.pid, addr, port}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.recent.get(key); !ok {
		s.recent.put(key, &login{id: l.id, bytes: entryWeight + len(l.raw)})
	}
}

// told notes that a line of PAM told an attempt.
func (s *logins) told(l *line, addr string) {
	key := sshPeer{l.origin, l.pid, addr, ""}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.recent.get(key)
	if !ok {
		g = &login{id: l.id, bytes: 2*entryWeight + len(l.raw)}
		s.recent.put(key, g)
	}
	if !g.told.has(l.id) {
		g.open++
		s.grow(g, g.told.add(l.id))
	}
}

// repeats reports whether a failure is one that PAM told.
func (s *logins) repeats(l *line, addr string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.recent.get(sshPeer{l.origin, l.pid, addr, ""})
	switch {
	case !ok:
		return false
	case g.repeated.has(l.id):
		return true
	case g.open == 0:
		return false
	}
	g.open--
	s.grow(g, g.repeated.add(l.id))
	return true
}

func (s *logins) grow(g *login, bytes int) {
	g.bytes += bytes
	s.recent.grow(bytes)
}

// first reports whether no other line told an attempt of this connection, and notes that this one does.
func (s *logins) first(l *line, addr, port string) bool {
	key := sshPeer{l.origin, l.pid, addr, port}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.recent.get(key); ok {
		return l.id != "" && known.id == l.id
	}
	if _, ok := s.recent.get(sshPeer{l.origin, l.pid, addr, ""}); ok {
		return false
	}
	s.recent.put(key, &login{id: l.id, bytes: entryWeight + len(l.raw)})
	return true
}
