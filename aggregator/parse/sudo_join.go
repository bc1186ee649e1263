package parse

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what is remembered of sudo.
const (
	commandBytes = 8 << 20         // a generation of first lines, of parts, of commands: ten thousands at once
	maxWhole     = 16 << 10        // of a joined command: each part's event carries it, so that the sum grows squared
	partGap      = 2 * time.Second // between two parts of a line; sudo writes them at once
	syslogLength = 960             // sudo's default syslog_maxlen
	maxTexts     = 8               // long commands that run, and have their first line in common
)

// commands joins the lines of one sudo: the parts of a long line, and a command with its exit.
type commands struct {
	mu    sync.Mutex
	seed  maphash.Seed
	begun recent[sudoer, *longLine]
	parts recent[string, *linePart] // by event.id
	runs  recent[uint64, *run]
	known recent[recordKey, *sudoRecord]
	exits recent[origin, seenExit] // hosts that log exits
}

func newCommands() *commands {
	return &commands{
		seed:  maphash.MakeSeed(),
		begun: newRecent[sudoer, *longLine](commandBytes),
		parts: newRecent[string, *linePart](commandBytes),
		runs:  newRecent[uint64, *run](commandBytes),
		known: newRecent[recordKey, *sudoRecord](commandBytes),
		exits: newRecent[origin, seenExit](commandBytes / 8),
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
	user  string
	text  string // all parts, at most maxWhole
	tail  string // the last part
	glue  string // what was left out between that and the next one
	at    int64  // nanoseconds since 1970
	run   *run   // the command that it begins, or begins to repeat
	count int32
	bytes int32
	full  bool // there is more than text
	again bool // it repeats a command, and does not count
}

func (s *longLine) weight() int { return int(s.bytes) }

// linePart remembers a part that was read, so that it reads the same again.
type linePart struct {
	line   *longLine
	before string // the part before it, and what was left out between them
	end    int    // in the line's text
	count  int
	tail   string
	tells  int
	bytes  int
}

func (p *linePart) weight() int { return p.bytes }

func (p *linePart) whole() wholeLine {
	return wholeLine{p.line.first, p.line.user, p.line.text[:p.end], p.count, p.tail, p.tells}
}

// wholeLine is a line up to one of its parts.
type wholeLine struct {
	first string // event.id of the first line
	user  string
	text  string // up to this part, or to its bound
	count int    // parts so far
	tail  string // where text ends before this part: this part and the one before it
	tells int    // tellsMore, tellsCommand or tellsExit
}

// begin remembers a line's text: more of it may follow, under the name by.
func (c *commands) begin(l *line, by, user, text string, r *run, again bool) {
	key := sudoer{l.origin, l.pid, by}
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
	c.begun.put(key, &longLine{
		first: l.id, user: user, text: text, tail: text, glue: firstGlue(by), at: l.at.UnixNano(), count: 1, run: r, again: again,
		bytes: int32(entryWeight + len(l.raw)),
	})
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
	if gap := time.Duration(l.at.UnixNano() - s.at); gap > partGap || gap < -partGap {
		return whole, false
	}
	p := s.add(part)
	p.tells = c.told(l, s)
	s.glue = glue(cmp.Or(l.part, part), user)
	s.at = l.at.UnixNano()
	s.bytes += int32(len(l.raw))
	c.begun.grow(len(l.raw))
	if l.id != "" {
		p.bytes = entryWeight + len(l.raw) + len(p.before) + len(p.tail)
		c.parts.put(l.id, p)
	}
	return p.whole(), true
}

// sudoPart returns a part of a long line, and whose it is; "" where a line has none.
func sudoPart(h *header) (user, part string) {
	if h.program != "sudo" {
		return "", ""
	}
	if part, ok := strings.CutPrefix(h.text, cutBefore); ok {
		return "", part
	}
	user, text, _ := strings.Cut(h.text, " : ")
	part, ok := strings.CutPrefix(text, continued)
	if !ok {
		return "", ""
	}
	return user, part
}

// before returns the part of sudo's long line that stands before the one that a line holds, with what was left out between
// them, and that part; "" where the line is none, or nothing is known of it. It is for lines of which only the header was read.
func (c *commands) before(l *line, h *header) (before, part string) {
	user, part := sudoPart(h)
	if part == "" {
		return "", ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.parts.get(l.id); ok && l.id != "" {
		return p.before, part
	}
	if s, ok := c.begun.get(sudoer{l.originBy(h), h.pid, user}); ok {
		return s.tail + s.glue, part
	}
	return "", ""
}

func (s *longLine) add(part string) *linePart {
	p := &linePart{line: s, before: s.tail + s.glue}
	glued := s.glue + part
	s.full = s.full || len(s.text)+len(glued) > maxWhole
	if s.full {
		p.tail = s.tail + glued
	} else {
		s.text += glued
	}
	s.tail = part
	s.count++
	p.end, p.count = len(s.text), int(s.count)
	return p
}

// firstGlue returns what sudo left out behind the first part of a line: there always is a blank. sudo-rs, which names no
// user, leaves out nothing.
func firstGlue(user string) string {
	if user == "" {
		return ""
	}
	return " "
}

// glue returns what sudo left out behind another part, of which nothing is masked: the blank at which it broke the line, or
// nothing where it found none and broke a word.
func glue(part, user string) string {
	if user == "" { // sudo-rs
		return ""
	}
	room := syslogLength - len("%8s : (command continued) %s") + 5 - len(user)
	if len(part) == room && strings.IndexByte(part, ' ') < 0 {
		return ""
	}
	return " "
}

// run counts how often the same command was accepted and has not ended.
type run struct {
	open, bytes     int32
	accepted, ended ids
	long            *longRun // nil where it is one line
}

// longRun is what is known of commands whose first line is all that tells them apart so far.
type longRun struct {
	again, doubted ids // of first lines that repeat it: uncounted, and counted
	texts          []string
}

func (r *run) weight() int { return int(r.bytes) }

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

// accepted remembers a command that was run. Its own exit, if sudo logs that, repeats the line. Where that is long, the
// first part does not tell that it is one: then again is true, and nothing counts until more is known. doubt says that
// it may be one, and counts, because no exit was seen of that host.
func (c *commands) accepted(l *line, user string, s *sudoLine) (r *run, again, doubt bool) {
	key := c.key(l, user, s)
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.runs.get(key)
	if !ok {
		r = &run{bytes: entryWeight}
		c.runs.put(key, r)
	}
	if r.long != nil {
		if again, doubt = c.repeats(l, r, s); again {
			return r, true, false
		}
	}
	if r.accepted.has(l.id) {
		return r, false, doubt
	}
	r.open++
	c.growRun(r, r.accepted.add(l.id))
	return r, false, doubt
}

// repeats reports whether a first line looks like the one of a command that runs, and whether it counts nonetheless.
func (c *commands) repeats(l *line, r *run, s *sudoLine) (again, doubt bool) {
	switch {
	case r.long.again.has(l.id):
		return true, false
	case r.accepted.has(l.id):
		return false, r.long.doubted.has(l.id)
	case r.open == 0 || len(r.long.texts) == 0 || s.ended():
		return false, false
	}
	if _, seen := c.exits.get(l.origin); seen || l.pid != "" {
		c.growRun(r, r.long.again.add(l.id))
		return true, false
	}
	c.growRun(r, r.long.doubted.add(l.id))
	return false, true
}

// told finds out what a part of a long line tells: that a command ended, or that it is another one than it looked like.
func (c *commands) told(l *line, s *longLine) int {
	if s.run == nil || s.full {
		return tellsMore
	}
	r := s.run
	if r.long == nil {
		r.long = new(longRun)
		c.growRun(r, entryWeight)
	}
	main, _, _ := readSudo(s.text)
	text := withoutSession(s.text)
	if main.ended() && r.open > 0 {
		command := text[:len(text)-(len(main.whole)-len(main.command))]
		if i := slices.Index(r.long.texts, command); i >= 0 {
			c.growRun(r, -len(command))
			r.long.texts = slices.Delete(r.long.texts, i, i+1)
			r.open--
			if !s.again { // it counted as a command, for want of knowing
				r.open = max(0, r.open-1)
			}
			c.exited(l)
			return tellsExit
		}
	}
	switch {
	case !s.again:
		c.longer(r, text)
		return tellsMore
	case r.mayEnd(text):
		return tellsMore
	}
	s.again = false
	r.open++
	c.longer(r, text)
	return tellsCommand
}

// mayEnd reports whether a text is the beginning of a command that runs, and of how it ended.
func (r *run) mayEnd(text string) bool {
	return slices.ContainsFunc(r.long.texts, func(command string) bool {
		rest, longer := strings.CutPrefix(text, command)
		return strings.HasPrefix(command, text) || longer && isEnd(rest)
	})
}

// longer notes how a command goes on.
func (c *commands) longer(r *run, text string) {
	for i, known := range r.long.texts {
		if strings.HasPrefix(known, text) {
			return
		}
		if strings.HasPrefix(text, known) {
			r.long.texts[i] = text
			c.growRun(r, len(text)-len(known))
			return
		}
	}
	if len(r.long.texts) == maxTexts {
		c.growRun(r, -len(r.long.texts[0]))
		r.long.texts = slices.Delete(r.long.texts, 0, 1)
	}
	r.long.texts = append(r.long.texts, text)
	c.growRun(r, len(text))
}

// exited notes that a host logs exits.
func (c *commands) exited(l *line) {
	if _, seen := c.exits.get(l.origin); !seen {
		c.exits.put(l.origin, seenExit{})
	}
}

// seenExit says that a host logs how commands end.
type seenExit struct{}

func (seenExit) weight() int { return entryWeight }

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
	c.exited(l)
	c.growRun(r, r.ended.add(l.id))
	return true
}

func (c *commands) growRun(r *run, bytes int) {
	r.bytes += int32(bytes)
	c.runs.grow(bytes)
}

// recordKey names an accepted command: sudo draws the uuid at random, and a host may claim what it likes.
type recordKey struct {
	origin
	uuid string
}

func (r *sudoRecord) weight() int { return 2*entryWeight + r.size }

// remember keeps an accepted command for its exit, which names only the uuid; or that none was found.
func (c *commands) remember(l *line, r *sudoRecord) {
	if r.uuid == "" {
		return
	}
	key := recordKey{l.origin, r.uuid}
	kept := *r
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.known.get(key)
	switch {
	case !ok:
		c.known.put(key, &kept)
	case old.kind == "": // it was looked for, and not found
		c.known.grow(kept.size - old.size)
		*old = kept
	}
}

// recall returns the command of a uuid.
func (c *commands) recall(l *line, uuid string) (sudoRecord, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.known.get(recordKey{l.origin, uuid}); ok {
		return *r, true
	}
	return sudoRecord{}, false
}
