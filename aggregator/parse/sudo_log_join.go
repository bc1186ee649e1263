package parse

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what is remembered of sudo's own files.
const (
	wrapBytes  = 8 << 20 // a generation of files, and of lines
	maxRunning = 64      // commands of one file that run
	maxOffset  = 2       // bytes of a line's end
)

// wraps joins the lines of the files that sudo writes itself.
type wraps struct {
	mu    sync.Mutex
	files recent[logKey, *sudoLog]
	lines recent[string, *wrapped] // by event.id: a line that comes twice reads the same
	loose atomic.Int32             // files that tell no offsets, and whose entry may go on: any line between ends it
}

func newWraps() *wraps {
	return &wraps{files: newRecent[logKey, *sudoLog](wrapBytes), lines: newRecent[string, *wrapped](wrapBytes)}
}

// logKey names a file.
type logKey struct {
	origin
	path string
}

// sudoLog is what is known of a file. An exit repeats the command, so that its first lines look like the command's: it
// is known by the commands that run, where a file has exits at all.
type sudoLog struct {
	entry wrapped // the last line's
	next  int     // offset behind that line, -1 where it is not known
	width int     // of that line, 0 where it is all of an entry
	over  bool    // nothing goes on with the entry
	loose bool    // it tells no offsets, and the entry may go on
	raw   bool    // the line has bytes that were replaced, so that its length is not the file's
	exits bool    // the file has exits
	plain bool    // the same command ran twice, and there was no exit
	open  []string
	bytes int
}

func (f *sudoLog) weight() int { return f.bytes }

// What is known of an entry.
const (
	entryBegun   = iota // nothing so far
	entryCounted        // its command, or that it has none
	entryRepeats        // it looks like a command that runs: it may be its exit
	entryDoubted        // the same, and it was counted
	entryEnded          // it is an exit
)

// What a line tells.
const (
	tellsBegin = iota
	tellsMore
	tellsCommand
	tellsRefusal
	tellsExit
)

// wrapped is an entry up to one of its lines.
type wrapped struct {
	first, user, text string
	at                time.Time
	count             int // of lines
	known, tells      int
	unsure            bool // about what stood at a break
	before            int  // bytes of text before the last line's
	bytes             int
}

func (v *wrapped) weight() int { return v.bytes }

// begin takes in the first line of an entry, or all of it.
func (w *wraps) begin(l *line, user, text string, whole, unsure bool) wrapped {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v, ok := w.again(l); ok {
		return v
	}
	f := w.file(l)
	if f.entry.known == entryDoubted {
		f.plain = !f.exits
	}
	f.entry = wrapped{first: l.id, user: user, text: text, at: l.at, count: 1, unsure: unsure}
	f.width = l.size
	if whole {
		f.width = 0
	}
	f.decide()
	w.took(l, f)
	return f.entry
}

// next takes in another line, if it follows one.
func (w *wraps) next(l *line, part string) (wrapped, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v, ok := w.again(l); ok {
		return v, true
	}
	f, ok := w.files.get(logKey{l.origin, l.path})
	if !ok || f.over || f.entry.count == 0 || !f.follows(l) {
		return wrapped{}, false
	}
	e := &f.entry
	e.unsure = e.unsure || f.width == logWidth && inValue(e.text, part)
	f.width = l.size
	if len(e.text)+len(part) < maxWhole {
		e.text += " "
		e.before = len(e.text)
		e.text += part
	}
	e.count++
	f.decide()
	w.took(l, f)
	return f.entry, true
}

// before returns what an entry has said so far, with the blank at which it was broken, and the part of it that a line holds;
// "" where the line is none. It is for lines of which only the header was read.
func (w *wraps) before(l *line, h *header) (before, part string) {
	part, ok := strings.CutPrefix(strings.TrimSuffix(l.raw, "\r"), logIndent)
	if !ok || part == "" || part[0] == ' ' {
		return "", ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if v, ok := w.again(l); ok {
		return v.text[:v.before], part
	}
	f, ok := w.files.get(logKey{l.originBy(h), l.path})
	if !ok || f.over || f.entry.count == 0 || !f.follows(l) {
		return "", ""
	}
	return f.entry.text + " ", part
}

// interrupt ends an entry where a line that is no part of it stands behind it.
func (w *wraps) interrupt(l *line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f, ok := w.files.get(logKey{l.origin, l.path}); ok {
		f.over = true
		w.setLoose(f, false)
	}
}

// setLoose counts a file among those that are loose, or no longer. One that is forgotten stays counted, which costs time only.
func (w *wraps) setLoose(f *sudoLog, loose bool) {
	switch {
	case loose && !f.loose:
		w.loose.Add(1)
	case !loose && f.loose:
		w.loose.Add(-1)
	}
	f.loose = loose
}

func (w *wraps) again(l *line) (wrapped, bool) {
	if l.id == "" {
		return wrapped{}, false
	}
	if v, ok := w.lines.get(l.id); ok {
		return *v, true
	}
	return wrapped{}, false
}

func (w *wraps) file(l *line) *sudoLog {
	key := logKey{l.origin, l.path}
	f, ok := w.files.get(key)
	if !ok {
		f = &sudoLog{bytes: 2 * entryWeight}
		w.files.put(key, f)
	}
	return f
}

// took notes where a line ends, and what it told.
func (w *wraps) took(l *line, f *sudoLog) {
	f.over, f.next = false, -1
	f.raw = strings.Contains(l.raw, "\uFFFD")
	if at, ok := number(l.offset); ok {
		f.next = at + l.size
	}
	w.setLoose(f, f.next < 0)
	bytes := 2*entryWeight + len(f.entry.text)
	for _, s := range f.open {
		bytes += len(s) + idWeight
	}
	w.files.grow(bytes - f.bytes)
	f.bytes = bytes
	if l.id != "" {
		v := f.entry
		v.bytes = entryWeight + len(v.text)
		w.lines.put(l.id, &v)
	}
}

// follows reports whether a line stands right behind the last one.
func (f *sudoLog) follows(l *line) bool {
	at, ok := number(l.offset)
	if !ok || f.next < 0 {
		return !ok && f.next < 0
	}
	return f.raw && at > f.next-f.width || at > f.next && at <= f.next+maxOffset
}

// decide finds out what the last line tells. The command counts on the line where COMMAND= stands, and a refusal where
// it does, or where it is known to have no command.
func (f *sudoLog) decide() {
	e := &f.entry
	main, _, _ := readSudo(e.text)
	switch {
	case e.known == entryBegun && main.reason != "":
		e.tells = tellsBegin
		if main.hasCommand || standsAlone(main.reason) {
			e.known, e.tells = entryCounted, tellsRefusal
		}
	case e.known == entryBegun && !main.hasCommand:
		e.tells = tellsBegin
	case e.known == entryCounted:
		e.tells = tellsMore
		if main.reason == "" && len(f.open) > 0 {
			f.open[len(f.open)-1] = e.sameText()
		}
	default:
		f.count(&main)
	}
}

// count tells a command from an exit.
func (f *sudoLog) count(main *sudoLine) {
	e := &f.entry
	text := e.sameText()
	before := e.known
	if main.ended() {
		command := strings.TrimRight(text[:len(text)-(len(main.whole)-len(main.command))], " ")
		if f.close(command, before == entryDoubted) {
			e.known, e.tells = entryEnded, tellsExit
			f.exits, f.plain = true, false
			return
		}
	}
	runs := f.repeated(text, before == entryDoubted)
	switch {
	case before == entryEnded || before == entryDoubted:
		e.tells = tellsMore
		if before == entryDoubted {
			f.open[len(f.open)-1] = text
		}
	case runs && f.exits:
		e.known, e.tells = entryRepeats, tellsBegin
	default:
		e.known, e.tells = entryCounted, tellsCommand
		if runs && !f.plain {
			e.known, e.unsure = entryDoubted, true
		}
		if len(f.open) == maxRunning {
			f.open = append(f.open[:0], f.open[1:]...)
		}
		f.open = append(f.open, text)
	}
}

// close ends a command that runs; own says that the last one is the entry itself, which was counted for nothing.
func (f *sudoLog) close(command string, own bool) bool {
	n := len(f.open)
	if own {
		n--
	}
	for i := n - 1; i >= 0; i-- {
		if f.open[i] == command {
			if own {
				f.open = f.open[:n]
			}
			f.open = append(f.open[:i], f.open[i+1:]...)
			return true
		}
	}
	return false
}

// repeated reports whether a text is the beginning of the exit of a command that runs: sudo broke the line there.
func (f *sudoLog) repeated(text string, own bool) bool {
	n := len(f.open)
	if own {
		n--
	}
	for _, command := range f.open[:n] {
		rest, ok := strings.CutPrefix(command, text)
		if ok && f.breaks(rest, text) {
			return true
		}
		if rest, ok = strings.CutPrefix(text, command); ok && rest != "" && isEnd(rest) && f.width > 0 {
			return true
		}
	}
	return false
}

// breaks reports whether sudo breaks a line that ends like text before the rest of a command and " ; EXIT=0".
func (f *sudoLog) breaks(rest, text string) bool {
	next, _ := word(strings.TrimLeft(rest, " "))
	switch {
	case rest != "":
	case strings.HasSuffix(text, " ;"):
		next = "EXIT=0"
	default:
		next = ";"
	}
	return f.width > 0 && f.width+len(" ")+len(next) > logWidth
}

// isEnd reports whether a text is a beginning of how a command ended, as " ;" or " ; SIGNAL=TERM".
func isEnd(s string) bool {
	s = strings.TrimSuffix(s, " ;")
	name, ok := strings.CutPrefix(s, " ; SIGNAL=")
	return s == "" || ok && isSignal(name)
}

// sameText returns what a command and its exit have in common.
func (v *wrapped) sameText() string { return v.user + separator + withoutSession(v.text) }

// withoutSession leaves out the name of a session: a command and its exit write it in different ways.
func withoutSession(text string) string {
	before, rest, ok := strings.Cut(text, separator+"TSID=")
	if ok {
		_, rest, ok = strings.Cut(rest, separator)
	}
	if !ok {
		return text
	}
	return before + separator + rest
}
