package parse

import "sync"

// Bounds of what is remembered of connections: some 30,000 at once, and few of one process id, for it serves one.
const (
	loginBytes = 8 << 20
	maxOfPID   = 4
)

// logins remembers of which connections an attempt was told already.
type logins struct {
	mu     sync.Mutex
	recent recent[sshProcess, *login]
}

// sshProcess is a process that serves a connection. Where the header has no process id, the address is in its place.
type sshProcess struct {
	origin
	pid, addr string
}

// login is a connection. Process ids come again, so that each has its address and port, where a line told them; older
// ones of the same process id follow.
type login struct {
	addr, port, user string
	id               string // of the event of the end that told the attempt
	told             bool   // some line told an attempt
	pending          bool   // something was refused, which no line told as an attempt
	ended            bool
	open             int // lines of PAM that no other has repeated yet: they name no port
	pam              ids // the lines of PAM
	repeated         ids // the lines that repeated one
	bytes            int // of all that are in this list
	older            *login
}

func (g *login) weight() int { return g.bytes }

func newLogins() *logins { return &logins{recent: newRecent[sshProcess, *login](loginBytes)} }

func processOf(l *line, pid, addr string) sshProcess {
	if pid != "" {
		addr = ""
	}
	return sshProcess{l.origin, pid, addr}
}

// fits reports whether a line may be of a connection. A line that names no port is of none that has ended, unless it is
// the one that ended it.
func (g *login) fits(l *line, addr, port string) bool {
	switch {
	case addr != "" && g.addr != "" && g.addr != addr:
		return false
	case port != "" && g.port != "":
		return g.port == port
	}
	return !g.ended || l.id != "" && (g.id == l.id || g.pam.has(l.id))
}

// find returns the connection that a line is of, and what is at the head of its list.
func (s *logins) find(l *line, pid, addr, port string) (g, head *login) {
	head, _ = s.recent.get(processOf(l, pid, addr))
	for g = head; g != nil && !g.fits(l, addr, port); g = g.older {
	}
	return g, head
}

// of returns the connection that a line is of. The lock is held.
func (s *logins) of(l *line, addr, port string) *login {
	g, head := s.find(l, l.pid, addr, port)
	switch {
	case g != nil:
		if g.port == "" && port != "" {
			g.addr, g.port = addr, port
		}
		return g
	case head == nil:
		g = &login{addr: addr, port: port, bytes: entryWeight + len(l.raw)}
		s.recent.put(processOf(l, l.pid, addr), g)
		return g
	}
	// The newest takes the place of the head, so that the table need not change.
	older := *head
	older.bytes = 0
	depth := 1
	for o := &older; o.older != nil; o = o.older {
		if depth++; depth == maxOfPID {
			o.older = nil
			break
		}
	}
	*head = login{addr: addr, port: port, bytes: head.bytes, older: &older}
	s.grow(head, entryWeight+len(l.raw))
	return head
}

// tried notes that a line told an attempt.
func (s *logins) tried(l *line, addr, port string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(l, addr, port).told = true
}

// refused notes that something was refused that is no attempt by itself: if no other line tells one, the end does.
func (s *logins) refused(l *line, e *sshEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.of(l, e.addr, e.port)
	g.pending, g.user = true, e.user
	if g.addr == "" {
		g.addr = e.addr
	}
}

// told notes that a line of PAM told an attempt. With UseDNS it has a name where other lines have the address: told
// returns what they had.
func (s *logins) told(l *line, addr string) (known sshEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.pid != "" && canonical(addr) == "" {
		addr = ""
	}
	g := s.of(l, addr, "")
	g.told = true
	if !g.pam.has(l.id) {
		g.open++
		s.grow(g, g.pam.add(l.id))
	}
	return sshEnd{addr: g.addr, port: g.port}
}

// repeats reports whether a failure is one that PAM told.
func (s *logins) repeats(l *line, addr string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, _ := s.find(l, l.pid, addr, "")
	switch {
	case g == nil:
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

// first reports whether no other line told an attempt of this connection, and notes that this one, its end, does.
func (s *logins) first(l *line, addr, port string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of(l, addr, port).end(l)
}

// end notes the end, and reports whether it tells the attempt.
func (g *login) end(l *line) bool {
	g.ended = true
	if g.told {
		return l.id != "" && g.id == l.id
	}
	g.told, g.id = true, l.id
	return true
}

// ends is first for an end that does not say whether anybody tried to come in: it counts where another line said so.
// It returns who that was.
func (s *logins) ends(l *line, addr, port string) (sshEnd, bool) {
	return s.endsOf(l, l.pid, addr, port)
}

func (s *logins) endsOf(l *line, pid, addr, port string) (sshEnd, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, _ := s.find(l, pid, addr, port)
	if g == nil {
		return sshEnd{addr: addr, port: port}, false
	}
	e := sshEnd{user: g.user, addr: g.addr, port: g.port}
	return e, g.pending && g.end(l)
}

// denied is first for an end that names no address.
func (s *logins) denied(l *line) (sshEnd, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.of(l, "", "")
	return sshEnd{addr: g.addr, port: g.port}, g.end(l)
}
