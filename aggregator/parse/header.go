package parse

import (
	"path"
	"strings"
)

// Bounds of header fields: RFC 5424, section 6, and for program names what is seen in RFC 3164 lines.
const (
	maxHost    = 255
	maxProgram = 64
	maxPID     = 128
)

// header is the syslog header of a line. All strings are parts of the line.
type header struct {
	priority string // decimal, 0 to 191; "" if there is none
	version  string // of RFC 5424; "" for anything else
	stamp    stamp
	host     string
	program  string
	pid      string
	msgid    string
	data     string // structured data of RFC 5424, as written
	sequence string // decimal: Cisco's number of the message
	code     code   // Cisco's code of the message
	level    level  // where the line names it, and has no priority
	message  string // where it is more than text: with what stands before what the program said
	text     string
	stream   string // of a container: stdout or stderr
	format   string // label of the scanner that reads text, where the line says that and no program's name does
}

// scanHeader splits a line. Where there is neither a priority nor a time, all of it is text.
func scanHeader(s string) header {
	var h header
	s = strings.TrimPrefix(s, "\uFEFF")
	rest := h.scanPriority(uncounted(s))
	if h.priority == "" {
		rest = s
	} else if rest = strings.TrimLeft(rest, " "); strings.HasPrefix(rest, "1 ") {
		if h.scan5424(rest[2:]) {
			return h
		}
		rest = meraki(rest)
	}
	after, ok := h.scanStamp(rest)
	switch {
	case ok && h.scanCRI(after):
	case ok && h.priority == "" && h.stamp.year != 0 && !h.stamp.zoned && h.scanOpenVPNFile(after):
	case ok && h.priority == "" && h.scanSudoLog(after):
	case ok:
		h.scanHostAndTag(after)
	case h.scanCisco(rest), h.scanNode(strings.TrimLeft(rest, ": ")):
	case h.priority != "":
		h.text = rest
		_ = h.scanTag(rest) || h.scanLooseTag(rest)
	case h.scanFile(s):
	default:
		h.text = s
	}
	return h
}

// uncounted cuts off the length that octet counting writes before a message (RFC 6587, section 3.4.1), where a sender
// counts and nobody else does.
func uncounted(s string) string {
	num, rest := digits(s)
	if num != "" && strings.HasPrefix(rest, " <") {
		return rest[1:]
	}
	return s
}

// meraki cuts off the version that Cisco Meraki writes before a header of its own, as in "1 1563249630.774 MX84 flows".
func meraki(s string) string {
	if _, _, ok := scanEpoch(s[2:]); ok {
		return s[2:]
	}
	if st, _, ok := scanStamp(s[2:]); ok && st.year == 0 {
		return s[2:]
	}
	return s
}

// scanPriority reads "<85>" (RFC 3164, section 4.1.1) and returns what follows.
func (h *header) scanPriority(s string) string {
	if len(s) < 3 || s[0] != '<' {
		return s
	}
	end := strings.IndexByte(s[:min(len(s), 5)], '>')
	if end < 2 || s[1] == '0' && end > 2 {
		return s
	}
	if n, ok := number(s[1:end]); !ok || n > 191 {
		return s
	}
	h.priority = s[1:end]
	return s[end+1:]
}

// scanStamp reads the time with its zone. Seconds since 1970 are a time only behind a priority: elsewhere many programs
// begin their lines with a number.
func (h *header) scanStamp(s string) (rest string, ok bool) {
	h.stamp, rest, ok = scanStamp(s)
	if !ok && h.priority != "" {
		h.stamp, rest, ok = scanEpoch(s)
	}
	if ok && !h.stamp.zoned && len(rest) > 1 && rest[0] == ' ' {
		rest = h.stamp.scanZoneWord(rest)
	}
	return rest, ok
}

// scanHostAndTag reads "host program[pid]: text". The host may be missing, as in what syslog(3) sends; the program
// too, as in "host last message repeated 3 times".
func (h *header) scanHostAndTag(s string) {
	s = trimBlanks(strings.TrimPrefix(s, ":"))
	if h.priority == "" && s != "" {
		s = h.cutLevel(s)
	}
	h.text = s
	if s == "" || s[0] == '%' && h.scanCode(s) || h.priority == "" && h.scanUnified(s) {
		return
	}
	if h.scanMetalog(s) {
		return
	}
	if h.scanTag(s) {
		switch {
		case h.isUniFi():
			h.host, h.program = device(h.program), ""
			h.scanTag(h.text)
		case strings.HasSuffix(h.program, ")"):
			h.scanDovecot(s)
		}
		return
	}
	if h.scanDovecot(s) {
		return
	}
	if after, ok := strings.CutPrefix(s, "Message forwarded from "); ok { // AIX, for another host
		if host, text, found := strings.Cut(after, ": "); found && isHost(host) {
			h.host, h.text = host, text
			h.scanTag(text)
			return
		}
	}
	end := hostEnd(s)
	if end == 0 || end > maxHost || end == len(s) || s[end] != ' ' && s[end] != '\t' {
		return
	}
	rest := trimBlanks(s[end:])
	host, ok := hostName(s[:end])
	if !ok || rest == "" || host == "last" && strings.HasPrefix(rest, "message repeated ") {
		return
	}
	if areTopics(host) { // MikroTik that names no host
		h.program, h.text = host, rest
		return
	}
	h.host, h.text = host, rest
	h.scanProgram(rest)
}

// scanMetalog reads "[sshd] text", as metalog writes a tag, and with a colon behind it; it knows no host.
func (h *header) scanMetalog(s string) bool {
	in, rest, ok := strings.Cut(s, "]")
	name, open := strings.CutPrefix(in, "[")
	rest, blank := strings.CutPrefix(strings.TrimPrefix(rest, ":"), " ")
	if !ok || !open || !blank || len(name) > maxProgram || h.priority != "" || !isWord(name) || isApacheLevel(name) {
		return false
	}
	h.program, h.text = name, rest
	return true
}

// isWord reports whether s is of small letters, digits, "-" and "_", and begins with a letter.
func isWord(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i]-'a' >= 26 && (i == 0 || s[i]-'0' > 9 && s[i] != '-' && s[i] != '_') {
			return false
		}
	}
	return s != ""
}

// scanProgram reads what follows a host.
func (h *header) scanProgram(s string) {
	switch c := s[0]; {
	case c == '%' && h.scanCode(s), c == ':' && h.scanInner(s), (c == '*' || c == '.' || c-'0' <= 9) && h.scanInner(s):
	case h.scanTag(s), h.scanNode(s), h.priority == "" && h.scanLevel(s), h.scanLooseTag(s):
	}
}

// scanTag reads "program[pid]: text", "program: text" or "program[pid] text", and reports whether it was one.
func (h *header) scanTag(s string) bool {
	i := 0
	for i < len(s) && i <= maxProgram && inTag[s[i]] {
		i++
	}
	if i == 0 || i == len(s) || i > maxProgram || s[0] == '@' { // "@cee: {…}" is text
		return false
	}
	name, rest, pid := s[:i], s[i:], ""
	if rest[0] == '[' {
		end := strings.IndexByte(rest[:min(len(rest), maxPID+2)], ']')
		if end < 0 || strings.IndexByte(rest[:end], ' ') >= 0 {
			return false
		}
		pid, rest = rest[1:end], rest[end+1:]
		rest = strings.TrimPrefix(rest, ":")
	} else if rest[0] == ':' {
		rest = rest[1:]
	} else {
		return false
	}
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return false
	}
	rest = strings.TrimLeft(rest, " ")
	if rest != "" && rest[0] == '%' && pid == "" && (h.scanZoneTag(name, rest) || h.scanDeviceTag(name, rest)) {
		return true
	}
	h.program, h.pid, h.text = programName(name), pid, rest
	if strings.HasPrefix(rest, "[ID ") {
		h.scanSolaris(rest)
	}
	return true
}

// scanSolaris reads "[ID 702911 auth.notice] text", as syslogd of Solaris writes it behind the tag: no program said it,
// but the message has it.
func (h *header) scanSolaris(s string) {
	id, rest := digits(s[len("[ID "):])
	if id == "" || rest == "" || rest[0] != ' ' {
		return
	}
	if end := strings.IndexByte(rest[:min(len(rest), len(" authpriv.warning]"))], ']'); end > 0 {
		h.msgid, h.message, h.text = id, s, strings.TrimLeft(rest[end+1:], " ")
	}
}

// scanLooseTag reads tags of which nothing but their form says that they are some. It is for lines that have no other.
func (h *header) scanLooseTag(s string) bool {
	i := 0
	for i < len(s) && i <= maxProgram && inTag[s[i]] {
		i++
	}
	if i == 0 || i == len(s) || i > maxProgram {
		return false
	}
	switch name, rest := s[:i], s[i:]; {
	case rest[0] == '\t': // Snare: "MSWinEventLog\t1\tSecurity\t…"
		h.program, h.text = name, rest[1:]
		return true
	case rest[0] == ' ' && areTopics(name): // MikroTik: "system,info,account user admin logged in"
		h.program, h.text = name, strings.TrimLeft(rest, " ")
		return true
	case rest[0] == ' ':
		return h.scanWords(s)
	}
	return false
}

// scanWords reads a name of several words, each with a capital: "Google Chrome Helper[12]: text".
func (h *header) scanWords(s string) bool {
	open := strings.IndexByte(s[:min(len(s), maxProgram+1)], '[')
	if open < 0 {
		return false
	}
	for i := range open {
		first := i == 0 || s[i-1] == ' '
		if first && s[i]-'A' >= 26 || !first && s[i] != ' ' && !inTag[s[i]] {
			return false
		}
	}
	pid, rest := digits(s[open+1:])
	if pid == "" || !strings.HasPrefix(rest, "]: ") || s[open-1] == ' ' {
		return false
	}
	h.program, h.pid, h.text = s[:open], pid, strings.TrimLeft(rest[2:], " ")
	return true
}

// areTopics reports whether a word is the topics of a message of MikroTik, as "firewall,info".
func areTopics(s string) bool {
	comma := strings.IndexByte(s, ',')
	if comma < 1 || s[len(s)-1] == ',' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i]-'a' >= 26 && s[i] != ',' && s[i] != '-' {
			return false
		}
	}
	return true
}

// programName returns what a scanner is looked up by: a program that logs its path is known by its name.
func programName(tag string) string {
	if tag[0] == '/' {
		return path.Base(tag)
	}
	return tag
}
