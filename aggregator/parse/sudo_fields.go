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
	whole      string // all of the text
	unended    string // the text without signal and exit
}

// readSudo reads the text of a sudo line. The directory and the environment are written as they are, so a user may
// put fields into them: where that shows, other is the second reading, and ambiguous is true.
func readSudo(text string) (main, other sudoLine, ambiguous bool) {
	at, next := findCommand(text)
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

// setCommand takes the command from an offset of text. How it ended stands behind it, but not inside of quotes.
func (s *sudoLine) setCommand(text string, at int) {
	s.any, s.hasCommand = true, true
	s.command = text[at:]
	if before, code, ok := cutLast(s.command, " ; EXIT="); ok {
		if _, isNumber := number(code); isNumber {
			s.command, s.exit = before, code
		}
	}
	if before, name, ok := cutLast(s.command, " ; SIGNAL="); ok && isSignal(name) {
		s.command, s.signal = before, name
	}
	s.whole, s.unended = text, text[:at+len(s.command)]
}

// rejoin takes back that the command's end is how it ended.
func (s *sudoLine) rejoin() {
	s.command += s.whole[len(s.unended):]
	s.unended, s.signal, s.exit = s.whole, "", ""
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

// readFromRight takes each field where it stands last.
func readFromRight(head string) sudoLine {
	var s sudoLine
	next := sudoKeys
	for end := len(head); ; {
		begin := strings.LastIndex(head[:end], separator)
		start := begin + len(separator)
		if begin < 0 {
			start = 0
		}
		if key, _ := sudoField(head[start:]); key != noKey && key < next {
			_, s.fields[key], _ = strings.Cut(head[start:], "=")
			s.any, next = true, key
			if begin < 0 {
				return s
			}
			head = head[:begin]
		} else if begin < 0 {
			s.reason = head
			return s
		}
		end = begin
	}
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

// arguments splits a command as sudo wrote it: quotes and backslashes are taken off.
func arguments(command string) []string {
	var args []string
	for {
		command = strings.TrimLeft(command, " ")
		if command == "" || len(args) == maxArguments {
			return args
		}
		var arg string
		arg, command = argument(command)
		args = append(args, arg)
	}
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
