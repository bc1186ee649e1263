package parse

import (
	"hash/maphash"
	"sync"
	"time"
)

// Bounds of what is remembered of sudo.
const (
	commandBytes = 8 << 20         // a generation of first lines, of parts, of commands: ten thousands at once
	maxWhole     = 16 << 10        // of a joined command: each part's event carries it, so that the sum grows squared
	partGap      = 2 * time.Second // between two parts of a line; sudo writes them at once
	syslogLength = 960             // sudo's default syslog_maxlen
)

// commands joins the lines of one sudo: the parts of a long line, and a command with its exit.
type commands struct {
	mu    sync.Mutex
	seed  maphash.Seed
	begun recent[sudoer, *longLine]
	parts recent[string, *linePart] // by event.id
	runs  recent[uint64, *run]
}

func newCommands() *commands {
	return &commands{
		seed:  maphash.MakeSeed(),
		begun: newRecent[sudoer, *longLine](commandBytes),
		parts: newRecent[string, *linePart](commandBytes),
		runs:  newRecent[uint64, *run](commandBytes),
	}
}

// sudoer is who ran sudo, where. Most sudos log no process id: then it is empty.
type sudoer struct {
	origin
	pid, user string
}

// longLine is a line that may go on, as far as it is known.
type longLine struct {
	first string // event.id of the first line
	text  string // all parts, at most maxWhole
	full  bool   // there is more than text
	tail  string // the last part
	at    time.Time
	count int
	bytes int
}

func (s *longLine) weight() int { return s.bytes }

// linePart remembers a part that was read, so that it reads the same again.
type linePart struct {
	line  *longLine
	end   int // in the line's text
	count int
	tail  string
	bytes int
}

func (p *linePart) weight() int { return p.bytes }

func (p *linePart) whole() wholeLine {
	return wholeLine{p.line.first, p.line.text[:p.end], p.count, p.tail}
}

// wholeLine is a line up to one of its parts.
type wholeLine struct {
	first string // event.id of the first line
	text  string // up to this part, or to its bound
	count int    // parts so far
	tail  string // where text ends before this part: this part and the one before it
}

// begin remembers a line's text: more of it may follow.
func (c *commands) begin(l *line, user, text string) {
	key := sudoer{l.origin, l.pid, user}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.begun.get(key); ok && l.id != "" && s.first == l.id {
		return // the same line again
	}
	if len(text) > maxWhole {
		c.begun.drop(key)
		return
	}
	c.begun.drop(key)
	c.begun.put(key, &longLine{first: l.id, text: text, tail: text, at: l.at, count: 1, bytes: entryWeight + len(l.raw)})
}

// next adds a part to the line that it continues, and returns all of that; ok is false where it is not known.
func (c *commands) next(l *line, user, part string) (whole wholeLine, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.id != "" {
		if p, ok := c.parts.get(l.id); ok {
			return p.whole(), true
		}
	}
	s, ok := c.begun.get(sudoer{l.origin, l.pid, user})
	if !ok {
		return whole, false
	}
	if gap := l.at.Sub(s.at); gap > partGap || gap < -partGap {
		return whole, false
	}
	p := s.add(user, part)
	s.at = l.at
	s.bytes += len(l.raw)
	c.begun.grow(len(l.raw))
	if l.id != "" {
		p.bytes = entryWeight + len(l.raw) + len(p.tail)
		c.parts.put(l.id, p)
	}
	return p.whole(), true
}

func (s *longLine) add(user, part string) *linePart {
	p := &linePart{line: s}
	glued := glue(s.tail, user, s.count > 1) + part
	s.full = s.full || len(s.text)+len(glued) > maxWhole
	if s.full {
		p.tail = s.tail + glued
	} else {
		s.text += glued
	}
	s.tail = part
	s.count++
	p.end, p.count = len(s.text), s.count
	return p
}

// glue returns what sudo left out between two parts: the blank at which it broke the line, or nothing where it found
// none and broke a word.
func glue(before, user string, isPart bool) string {
	room := syslogLength - len("%8s : (command continued) %s") + 5 - len(user)
	if !isPart || len(before) != room {
		return " "
	}
	for i := range len(before) {
		if before[i] == ' ' {
			return " "
		}
	}
	return ""
}

// run counts how often the same command was accepted and has not ended.
type run struct {
	open            int
	accepted, ended ids
	bytes           int
}

func (r *run) weight() int { return r.bytes }

// key names a command by all that sudo says of it, but for the TSID: an exit writes that in another way.
func (c *commands) key(l *line, user string, s *sudoLine) uint64 {
	type command struct {
		sudoer
		fields  [sudoKeys]string
		command string
	}
	k := command{sudoer{l.origin, l.pid, user}, s.fields, s.command}
	k.fields[keyTSID] = ""
	return maphash.Comparable(c.seed, k)
}

// accepted remembers a command that was run. Its own exit, if sudo logs that, repeats the line.
func (c *commands) accepted(l *line, user string, s *sudoLine) {
	key := c.key(l, user, s)
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.runs.get(key)
	if !ok {
		r = &run{bytes: entryWeight}
		c.runs.put(key, r)
	}
	if !r.accepted.has(l.id) {
		r.open++
		c.growRun(r, r.accepted.add(l.id))
	}
}

// ended reports whether that command was accepted before, and takes it as ended.
func (c *commands) ended(l *line, user string, s *sudoLine) bool {
	key := c.key(l, user, s)
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.runs.get(key)
	switch {
	case !ok:
		return false
	case r.ended.has(l.id):
		return true
	case r.open == 0:
		return false
	}
	r.open--
	c.growRun(r, r.ended.add(l.id))
	return true
}

func (c *commands) growRun(r *run, bytes int) {
	r.bytes += bytes
	c.runs.grow(bytes)
}
