package parse

import (
	"path"
	"strconv"
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
	text     string
}

// scanHeader splits a line. Where there is neither a priority nor a time, all of it is text.
func scanHeader(s string) header {
	var h header
	rest := h.scanPriority(s)
	if h.priority != "" && strings.HasPrefix(rest, "1 ") && h.scan5424(rest[2:]) {
		return h
	}
	st, after, ok := scanStamp(rest)
	switch {
	case ok:
		h.stamp = st
		h.scanHostAndTag(after)
	case h.priority != "":
		h.text = rest
		h.scanTag(rest)
	default:
		h.text = s
	}
	return h
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

// scanHostAndTag reads "host program[pid]: text". The host may be missing, as in what syslog(3) sends; the program
// too, as in "host last message repeated 3 times".
func (h *header) scanHostAndTag(s string) {
	s = strings.TrimLeft(strings.TrimPrefix(s, ":"), " ")
	h.text = s
	if h.scanTag(s) {
		return
	}
	host, rest, _ := strings.Cut(s, " ")
	if host == "" || len(host) > maxHost || rest == "" {
		return
	}
	if host == "last" && strings.HasPrefix(rest, "message repeated ") {
		return
	}
	h.host = host
	rest = strings.TrimLeft(rest, " ")
	h.text = rest
	h.scanTag(rest)
}

// scanTag reads "program[pid]: text", "program: text" or "program[pid] text", and reports whether it was one.
func (h *header) scanTag(s string) bool {
	i := 0
	for i < len(s) && i <= maxProgram && s[i] > ' ' && s[i] != ':' && s[i] != '[' {
		i++
	}
	if i == 0 || i == len(s) || i > maxProgram {
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
	h.program, h.pid, h.text = programName(name), pid, strings.TrimLeft(rest, " ")
	return true
}

// programName returns what a scanner is looked up by: a program that logs its path is known by its name.
func programName(tag string) string {
	if tag[0] == '/' {
		return path.Base(tag)
	}
	return tag
}

// scan5424 reads what follows the version of RFC 5424, section 6, and reports whether it was such a header.
func (h *header) scan5424(s string) bool {
	st, rest, ok := scanStamp(s)
	if !ok {
		if rest, ok = strings.CutPrefix(s, "-"); !ok {
			return false
		}
	}
	var field [4]string
	for i := range field {
		if rest == "" || rest[0] != ' ' {
			return false
		}
		word := rest[1:]
		end := strings.IndexByte(word, ' ')
		if end < 0 {
			end = len(word)
		}
		if end == 0 || end > maxHost {
			return false
		}
		field[i], rest = word[:end], word[end:]
		if field[i] == "-" {
			field[i] = ""
		}
	}
	h.version, h.stamp = "1", st
	h.host, h.program, h.pid, h.msgid = field[0], field[1], field[2], field[3]
	if h.program != "" {
		h.program = programName(h.program)
	}
	h.data, rest = structuredData(strings.TrimPrefix(rest, " "))
	h.text = strings.TrimPrefix(strings.TrimPrefix(rest, " "), "\uFEFF")
	return true
}

// structuredData cuts off the elements "[id name="value"…]…" (RFC 5424, section 6.3). What is not well-formed is text.
func structuredData(s string) (data, rest string) {
	if s == "-" || strings.HasPrefix(s, "- ") {
		return "", s[1:]
	}
	i, quoted := 0, false
	for i < len(s) && s[i] == '[' {
		end := -1
		for j := i; j < len(s) && end < 0; j++ {
			switch {
			case quoted && s[j] == '\\':
				j++
			case s[j] == '"':
				quoted = !quoted
			case s[j] == ']' && !quoted:
				end = j + 1
			}
		}
		if end < 0 {
			return "", s
		}
		i = end
	}
	return s[:i], s[i:]
}

var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
	"audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

var severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// setHeader writes the header's fields. A host name that an agent proved is never overridden by what a line claims.
func (l *line) setHeader(h *header) {
	if n, ok := number(h.priority); ok {
		l.put("log.syslog.priority", h.priority)
		l.put("log.syslog.facility.code", strconv.Itoa(n>>3))
		l.put("log.syslog.facility.name", facilities[n>>3])
		l.put("log.syslog.severity.code", strconv.Itoa(n&7))
		l.put("log.syslog.severity.name", severities[n&7])
		l.put("log.level", severities[n&7])
	}
	l.put("log.syslog.version", h.version)
	l.put("log.syslog.hostname", h.host)
	l.put("log.syslog.appname", h.program)
	l.put("log.syslog.procid", h.pid)
	l.put("log.syslog.msgid", h.msgid)
	l.put("log.syslog.structured_data", h.data)
	l.put("log.source.address", l.origin.peer)
	if l.origin.host == "" {
		l.origin.host = h.host
		if h.host == "" {
			l.origin.host = l.origin.peer
		}
		l.put("host.name", l.origin.host)
	}
	l.put("process.name", h.program)
	if _, ok := number(h.pid); ok {
		l.put("process.pid", h.pid)
	}
	l.put("event.kind", "event")
	if l.message = h.text; l.message == "" {
		l.message = l.raw
	}
	l.put("message", l.message)
}
