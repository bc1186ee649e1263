package parse

import (
	"sync"
	"time"
)

const (
	sessionBytes = 4 << 20         // a generation of sessions whose logins are remembered: some 10,000 at once
	sameAttempt  = 1 * time.Second // databases are asked at once; a client that is refused waits for longer
)

// sessions remembers which logins auth told, so that the login service does not tell them again.
type sessions struct {
	mu      sync.Mutex
	recent  recent[mailSession, *authSession]
	chained recent[database, *chain]
}

func newSessions() *sessions {
	return &sessions{
		recent:  newRecent[mailSession, *authSession](sessionBytes),
		chained: newRecent[database, *chain](sessionBytes),
	}
}

// mailSession is a connection to a host's Dovecot.
type mailSession struct {
	origin
	id string
}

// authSession is what auth told of one: its refusals by the database that was asked first.
type authSession struct {
	driver, user string
	at           time.Time
	told, silent ids // the lines that tell an attempt, and those that do not
	any          bool
	bytes        int
}

func (s *authSession) weight() int { return s.bytes }

// database is one that a host's Dovecot asks.
type database struct {
	origin
	driver string
}

// chain marks a database behind which others are asked: its refusal is not the end.
type chain struct{}

func (*chain) weight() int { return entryWeight }

// refused reports whether a database's refusal is that of an attempt, and remembers that it was told.
func (s *sessions) refused(l *line, id, driver, user string) bool {
	key := mailSession{l.origin, id}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.recent.get(key)
	if !ok {
		a = &authSession{driver: driver, bytes: entryWeight + len(l.raw)}
		s.recent.put(key, a)
	}
	switch {
	case a.told.has(l.id):
		return true
	case a.silent.has(l.id):
		return false
	}
	_, chained := s.chained.get(database{l.origin, driver})
	a.user, a.at = user, l.at
	if a.driver != driver || chained {
		s.grow(a, a.silent.add(l.id))
		return false
	}
	a.any = true
	s.grow(a, len(l.raw)+a.told.add(l.id))
	return true
}

func (s *sessions) grow(a *authSession, bytes int) {
	a.bytes += bytes
	s.recent.grow(bytes)
}

// isTold reports whether auth told the attempts of a session.
func (s *sessions) isTold(l *line, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.recent.get(mailSession{l.origin, id})
	return ok && a.any
}

// accepted notes that a login succeeded. Where a database had refused it at the same moment, another one was asked
// behind it: from then on its refusals are not the end.
func (s *sessions) accepted(l *line, id, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.recent.get(mailSession{l.origin, id})
	if !ok || a.user != user || l.at.Sub(a.at).Abs() > sameAttempt {
		return
	}
	key := database{l.origin, a.driver}
	if _, ok := s.chained.get(key); !ok {
		s.chained.put(key, &chain{})
	}
}
