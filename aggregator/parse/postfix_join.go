package parse

import "sync"

// mailBytes bounds a generation of the mails whose envelope is remembered: some 20,000 at once.
const mailBytes = 8 << 20

// mails joins what the lines of one mail tell onto those that follow, and counts a session's login once.
type mails struct {
	mu       sync.Mutex
	queue    recent[queueID, *queued]
	sessions recent[smtpSession, *session]
}

func newMails() *mails {
	return &mails{queue: newRecent[queueID, *queued](mailBytes), sessions: newRecent[smtpSession, *session](mailBytes)}
}

// queueID names a mail of a host.
type queueID struct {
	origin
	id string
}

// smtpSession is a process of smtpd: it serves one client after another.
type smtpSession struct {
	origin
	program, pid string
}

// mail is what is known of one. All strings are parts of its lines.
type mail struct {
	name, addr, port string // the client
	user, uid        string
	from, ident      string
	size             string
}

// queued is a mail, begun by the line of that id.
type queued struct {
	mail
	id    string
	named string // event.id of the line that told its message-id
	ended bool   // it has left the queue: its id may come again
	bytes int
}

func (q *queued) weight() int { return q.bytes }

// session is a client's connection, and the line that told its login.
type session struct {
	begun string
	told  string
	has   bool
}

func (s *session) weight() int { return entryWeight + 64 }

// begin remembers a mail, in place of an older one that had the same id.
func (s *mails) begin(l *line, id string, m mail) {
	if id == noQueue {
		return
	}
	key := queueID{l.origin, id}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q, ok := s.queue.get(key); ok {
		if l.id != "" && q.id == l.id {
			return // the same line again
		}
		s.queue.drop(key)
	}
	s.queue.put(key, &queued{mail: m, id: l.id, bytes: entryWeight + len(l.raw)})
}

// of returns what is known of a mail.
func (s *mails) of(l *line, id string) mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q, ok := s.queue.get(queueID{l.origin, id}); ok {
		return q.mail
	}
	return mail{}
}

// named remembers the message-id of a mail. A notice that Postfix writes itself begins with that line.
func (s *mails) named(l *line, id, ident string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.get(l, id)
	if q.ended && (l.id == "" || l.id != q.named) {
		q.mail, q.ended = mail{}, false
	}
	q.named = l.id
	s.set(l, q, &q.ident, ident)
}

// sized remembers a mail's sender and size.
func (s *mails) sized(l *line, id, from, size string) mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.get(l, id)
	s.set(l, q, &q.from, from)
	s.set(l, q, &q.size, size)
	return q.mail
}

// end tells that a mail has left the queue.
func (s *mails) end(l *line, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q, ok := s.queue.get(queueID{l.origin, id}); ok {
		q.ended = true
	}
}

func (s *mails) get(l *line, id string) *queued {
	key := queueID{l.origin, id}
	q, ok := s.queue.get(key)
	if !ok {
		q = &queued{bytes: entryWeight}
		s.queue.put(key, q)
	}
	return q
}

// set changes one of a mail's values, which keeps all of the line in memory.
func (s *mails) set(l *line, q *queued, field *string, value string) {
	if *field != value {
		*field = value
		q.bytes += len(l.raw)
		s.queue.grow(len(l.raw))
	}
}

// connected begins a session.
func (s *mails) connected(l *line) {
	key := smtpSession{l.origin, l.program, l.pid}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.sessions.get(key); ok {
		if l.id == "" || c.begun != l.id {
			*c = session{begun: l.id}
		}
		return
	}
	s.sessions.put(key, &session{begun: l.id})
}

// first reports whether no other line told the login of this session, and notes that this one does.
func (s *mails) first(l *line) bool {
	key := smtpSession{l.origin, l.program, l.pid}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.sessions.get(key)
	if !ok {
		c = &session{}
		s.sessions.put(key, c)
	}
	if c.has {
		return l.id != "" && c.told == l.id
	}
	c.has, c.told = true, l.id
	return true
}

// write writes what is known of a mail.
func (m *mail) write(l *line) {
	l.put("email.from.address", m.from)
	l.put("email.message_id", m.ident)
	l.number("postfix.size", m.size)
	l.put("user.id", m.uid)
	l.user(m.user)
	if m.addr != "" {
		l.smtpClient(m.name, m.addr, m.port)
	}
}
