package parse

import "strings"

// sudoKey numbers the fields of a sudo line in the order in which sudo writes them (lib/eventlog/eventlog.c).
type sudoKey int

const (
	noKey sudoKey = iota
	keyHost
	keyTTY
	keyChroot
	keyPWD
	keyUser
	keyGroup
	keyTSID
	keyEnv
	sudoKeys
)

var sudoKeyNames = [sudoKeys]string{
	keyHost: "HOST=", keyTTY: "TTY=", keyChroot: "CHROOT=", keyPWD: "PWD=", keyUser: "USER=", keyGroup: "GROUP=",
	keyTSID: "TSID=", keyEnv: "ENV=",
}

const (
	separator  = " ; "
	commandKey = "COMMAND="
)

// sudoLine is one reading of what follows "user : ".
type sudoLine struct {
	reason     string
	fields     [sudoKeys]string
	any        bool // there is a field, or a command
	command    string
	hasCommand bool
	signal     string
	exit       string
	whole      string // the command with signal and exit
}

// readSudo reads the text of a sudo line. The directory and the environment are written as they are, so a user may
// put fields into them: where that shows, other is the second reading, and ambiguous is true.
func readSudo(text string) (main, other sudoLine, ambiguous bool) {
	at, next := findCommand(text)
	if env := findGlued(text, at); env >= 0 {
		return readGlued(text, env, at, next)
	}
	if at < 0 {
		head := strings.TrimSuffix(strings.TrimRight(text, " "), " ;")
		main, other, ambiguous = readFields(head)
		return main, other, ambiguous
	}
	main, other, ambiguous = readFields(strings.TrimSuffix(text[:at], separator))
	main.setCommand(text, next)
	other.setCommand(text, next)
	if last := lastCommand(text[next:]); last >= 0 {
		other = readFromRight(text[:next+last])
		other.setCommand(text, next+last+len(separator)+len(commandKey))
		ambiguous = true
	}
	return main, other, ambiguous
}

// findCommand returns where the first COMMAND= begins, and what follows it. at is -1 if there is none.
func findCommand(text string) (at, next int) {
	if strings.HasPrefix(text, commandKey) {
		return 0, len(commandKey)
	}
	if at = strings.Index(text, separator+commandKey); at >= 0 {
		return at + len(separator), at + len(separator) + len(commandKey)
	}
	return -1, -1
}

// findGlued returns where COMMAND= stands in the environment that is written before at, or -1: sudo 1.9.13 forgot the
// separator between the two, as in "ENV=FOO=barCOMMAND=/usr/bin/id".
func findGlued(text string, at int) int {
	if at < 0 {
		at = len(text)
	}
	env := strings.Index(text[:at], separator+"ENV=")
	if env < 0 {
		return -1
	}
	if i := strings.Index(text[env:at], commandKey); i >= 0 {
		return env + i
	}
	return -1
}

// readGlued reads a text that has COMMAND= at glued, within the environment. It is the command's where sudo forgot the
// separator, and the user's where a variable holds it.
func readGlued(text string, glued, at, next int) (main, other sudoLine, ambiguous bool) {
	main, other, ambiguous = readFields(text[:glued])
	start := glued + len(commandKey)
	main.setCommand(text, start)
	other.setCommand(text, start)
	if at >= 0 && lastCommand(text[start:]) >= 0 { // no quotes hold that one: most sudos would have written it
		other = main
		main, _, _ = readFields(strings.TrimSuffix(text[:at], separator))
		main.setCommand(text, next)
		return main, other, true
	}
	if last := strings.LastIndex(text[start:], commandKey); last >= 0 && at < 0 && strings.IndexByte(text[start:], '\'') < 0 {
		other = main
		other.setCommand(text, start+last+len(commandKey))
		return main, other, true
	}
	return main, other, ambiguous
}

// setCommand takes the command from an offset of text. How it ended stands behind it, but not inside of quotes.
func (s *sudoLine) setCommand(text string, at int) {
	s.any, s.hasCommand = true, true
	s.command = strings.TrimRight(text[at:], " ") // of sudo-rs, where there are no arguments
	if before, code, ok := cutShort(s.command, " ; EXIT="); ok && isNumber(code) {
		s.command, s.exit = before, code
	}
	if before, name, ok := cutShort(s.command, " ; SIGNAL="); ok && isSignal(name) {
		s.command, s.signal = before, name
	}
	s.whole = strings.TrimRight(text[at:], " ")
}

// ended reports whether the line says how the command ended.
func (s *sudoLine) ended() bool { return s.exit != "" || s.signal != "" }

// rejoin takes back that the command's end is how it ended.
func (s *sudoLine) rejoin() { s.command, s.signal, s.exit = s.whole, "", "" }

// cutShort is cutLast for what is no longer than a number or the name of a signal: a command may be long.
func cutShort(s, sep string) (before, after string, found bool) {
	from := max(0, len(s)-len(sep)-maxDigits)
	before, after, found = cutLast(s[from:], sep)
	return s[:from+len(before)], after, found
}

func isSignal(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '+' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 16
}

// readFields reads reason and fields. They come in a fixed order, each once. Where one comes twice or too early,
// somebody wrote it into another's value: main is then the reading from the right, other that from the left.
func readFields(head string) (main, other sudoLine, ambiguous bool) {
	other, ambiguous = readFromLeft(head)
	if !ambiguous {
		return other, other, false
	}
	return readFromRight(head), other, true
}

// readFromLeft takes each field where it stands first, and tells whether there were more.
func readFromLeft(head string) (s sudoLine, more bool) {
	current, start := noKey, 0
	for pos := 0; pos < len(head); {
		end := strings.Index(head[pos:], separator)
		if end < 0 {
			end = len(head) - pos
		}
		key, value := sudoField(head[pos : pos+end])
		switch {
		case key > current:
			if pos > 0 {
				s.set(current, head[start:pos-len(separator)])
			}
			current, start = key, pos+end-len(value)
		case key != noKey:
			more = true
		}
		pos += end + len(separator)
	}
	s.set(current, head[start:])
	return s, more
}

func (s *sudoLine) set(key sudoKey, value string) {
	if key == noKey {
		s.reason = value
		return
	}
	s.any = true
	s.fields[key] = value
}

// readFromRight takes each field where it stands last. The fields that nobody can write into are read from the left
// before: then the next one is where it stands, and what claims to be one of those again is part of another's value.
func readFromRight(head string) sudoLine {
	var s sudoLine
	rest, least := s.readSafe(head)
	next := sudoKeys
	for end := len(rest); ; {
		begin := strings.LastIndex(rest[:end], separator)
		start := begin + len(separator)
		if begin < 0 {
			start = 0
		}
		key, value := sudoField(rest[start:])
		switch {
		case key == noKey || key >= next || begin >= 0 && key <= least:
		default:
			s.fields[key] = value
			s.any, next = true, key
			rest = rest[:max(begin, 0)]
			if begin < 0 {
				return s
			}
		}
		if begin < 0 {
			if s.reason != "" {
				rest = s.reason + separator + rest
			}
			s.reason = rest
			return s
		}
		end = begin
	}
}

// readSafe takes off, from the left, a reason into which nobody can write, host and terminal. least is the field that
// is at the beginning of the rest: it and those before it are not written again.
func (s *sudoLine) readSafe(head string) (rest string, least sudoKey) {
	rest = head
	first, after, more := strings.Cut(head, separator)
	if key, _ := sudoField(first); key == noKey && more && !holdsInput(first) {
		s.reason, rest = first, after
	}
	for {
		first, after, more = strings.Cut(rest, separator)
		key, value := sudoField(first)
		if key != keyHost && key != keyTTY || key <= least || !more {
			return rest, max(key, least)
		}
		s.fields[key], s.any = value, true
		rest, least = after, key
	}
}

// holdsInput reports whether a reason names what the user asked for.
func holdsInput(reason string) bool {
	return strings.HasPrefix(reason, "unknown ") || strings.HasPrefix(reason, "user not allowed to change ") ||
		strings.Contains(reason, "environment variables: ")
}

// sudoField splits "KEY=value". CWD is what sudo calls PWD where the command's directory is not the user's.
func sudoField(part string) (sudoKey, string) {
	for key := keyHost; key < sudoKeys; key++ {
		if value, ok := strings.CutPrefix(part, sudoKeyNames[key]); ok {
			return key, value
		}
	}
	if value, ok := strings.CutPrefix(part, "CWD="); ok {
		return keyPWD, value
	}
	return noKey, part
}

// lastCommand returns where in a command the last " ; COMMAND=" is that no quotes hold, -1 if there is none. Sudo (since
// 1.9.13) writes an argument with blanks as '…', and any quote or backslash of its own behind a backslash. A quote that
// stands anywhere else was not written by it, so that the quotes tell nothing.
func lastCommand(command string) int {
	last, inside := -1, false
	for i := 0; i < len(command); i++ {
		switch command[i] {
		case '\\':
			i++
		case '\'':
			if !inside && i > 0 && command[i-1] != ' ' || inside && i+1 < len(command) && command[i+1] != ' ' {
				return strings.LastIndex(command, separator+commandKey)
			}
			inside = !inside
		case ' ':
			if !inside && strings.HasPrefix(command[i:], separator+commandKey) {
				last = i
			}
		}
	}
	if inside {
		return strings.LastIndex(command, separator+commandKey)
	}
	return last
}

// maxArguments bounds process.args: a command of blanks and letters must not become an event of thousands of fields.
const maxArguments = 256

// argument cuts off the first argument.
func argument(s string) (arg, rest string) {
	end := strings.IndexByte(s, ' ')
	if end < 0 {
		end = len(s)
	}
	if s[0] != '\'' && strings.IndexByte(s[:end], '\\') < 0 {
		return s[:end], s[end:]
	}
	var b strings.Builder
	quoted := s[0] == '\''
	i := 0
	if quoted {
		i = 1
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == '\''):
			i++
			b.WriteByte(s[i])
		case quoted && c == '\'':
			return b.String(), s[i+1:]
		case !quoted && c == ' ':
			return b.String(), s[i:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}
