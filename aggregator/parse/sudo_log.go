package parse

import (
	"strconv"
	"strings"
)

// Sudo's own file (do_logfile_sudo in lib/eventlog/eventlog.c, eventlog_writeln in logwrap.c) has lines of 80 bytes,
// unless loglinelen says otherwise. It breaks them at blanks, which it leaves out, never within a word, and puts four
// blanks before what follows:
//
//	Nov 23 18:00:49 : averez : TTY=pts/0 ; PWD=/tmp ; USER=root ;
//	    COMMAND=/usr/bin/id
//	Nov 23 18:00:49 2026 : averez : 3 incorrect password attempts ; …
const (
	logIndent = "    "
	logWidth  = 80
)

// scanSudoLog reads what follows the time, and reports whether it is such a line.
func (h *header) scanSudoLog(s string) bool {
	text, ok := strings.CutPrefix(s, " : ")
	if !ok {
		return false
	}
	user, rest, ok := strings.Cut(text, " : ")
	if !ok || user == "" || user[0] == '%' || rest == "" || strings.IndexByte(user, ' ') >= 0 {
		return false
	}
	h.program, h.text, h.format = "sudo", text, "sudo-log"
	return true
}

// scanSudoObject knows an event that sudo wrote as JSON into a file (log_format=json_compact, json_pretty): an object
// of its own, or a member of the one that makes up the file.
func scanSudoObject(h *header, s string) bool {
	rest := trimSpace(strings.TrimPrefix(trimSpace(s), "{"))
	if rest == "" || rest[0] != '"' {
		return false
	}
	kind, rest, ok := strings.Cut(rest[1:], `"`)
	if _, known := sudoKinds[kind]; !ok || !known {
		return false
	}
	if rest, ok = strings.CutPrefix(trimSpace(rest), ":"); !ok {
		return false
	}
	if rest, ok = strings.CutPrefix(trimSpace(rest), "{"); !ok {
		return false
	}
	rest = trimSpace(rest)
	if !strings.HasPrefix(rest, `"uuid"`) && !strings.HasPrefix(rest, `"reason"`) && !strings.HasPrefix(rest, `"server_time"`) {
		return false
	}
	h.program, h.text, h.format = "sudo", s, "sudo-log"
	return true
}

func trimSpace(s string) string { return strings.TrimLeft(s, " \t\r\n") }

// scanSudoLog reads an entry of the file, or its first line.
func scanSudoLog(p *Parser, l *line) bool {
	if !l.timed {
		return p.sudoObject(l)
	}
	text, unsure := l.text, false
	whole := strings.IndexByte(text, '\n') >= 0 // the agent joined its lines
	if whole {
		text, unsure = unwrap(text, len(l.raw)-len(text))
	}
	user, text, ok := strings.Cut(text, " : ")
	if !ok {
		return false
	}
	l.writeEntry(p.wraps.begin(l, user, text, whole, unsure))
	return true
}

// sudoObject reads an event of JSON; what stands before it and behind it belongs to the file.
func (p *Parser) sudoObject(l *line) bool {
	text := trimSpace(l.text)
	if text[0] != '{' {
		text = "{" + text
	}
	return p.sudoJSON(l, text)
}

// unwrap joins the lines of an entry that stands behind a header of some bytes. unsure reports whether sudo may have
// left out more than the one blank at some break.
func unwrap(text string, header int) (whole string, unsure bool) {
	var b strings.Builder
	before := header
	for part := range strings.SplitSeq(text, "\n") {
		if b.Len() > 0 && part != "" {
			unsure = unsure || before == logWidth && inValue(b.String(), strings.TrimPrefix(part, logIndent))
			b.WriteByte(' ')
			before = 0
		}
		before += len(part)
		b.WriteString(strings.TrimPrefix(part, logIndent))
	}
	return b.String(), unsure
}

// inValue reports whether between a text and its next part may stand several blanks: in a value that a user chose.
func inValue(text, next string) bool {
	_, start := findCommand(text)
	if start < 0 {
		_, last, _ := cutLast(" ; "+text, separator)
		key, _ := sudoField(last)
		ends := strings.HasSuffix(text, " ;") || strings.HasPrefix(next, "; ")
		return !ends && (key == keyPWD || key == keyChroot || key == keyUser || key == keyGroup || key == keyEnv || key == noKey && holdsInput(last))
	}
	inside := false
	for i := start; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '\'':
			inside = !inside
		}
	}
	return inside
}

// wrapped reads a line that goes on with the entry before it, which must be the line before it in the file.
func (p *Parser) wrapped(l *line) bool {
	part, ok := strings.CutPrefix(l.text, logIndent)
	if !ok || l.timed || part == "" || part[0] == ' ' {
		if l.offset == "" && p.wraps.loose.Load() > 0 {
			p.wraps.interrupt(l)
		}
		return false
	}
	v, ok := p.wraps.next(l, part)
	if !ok {
		return false
	}
	p.setTimestamp(l, v.at)
	l.writeEntry(v)
	return true
}

// writeEntry writes an entry up to one of its lines. What one line ends before its end is left out: it is no value.
func (l *line) writeEntry(v wrapped) {
	text := v.text
	if v.known < entryCounted {
		text = complete(text)
	}
	main, other, ambiguous := readSudo(text)
	if v.known != entryEnded && main.ended() { // it may be arguments
		if !ambiguous && v.tells != tellsRefusal {
			other, ambiguous = main, true
		}
		main.rejoin()
	}
	switch v.tells {
	case tellsBegin:
		l.is("sudo-command-begin", "process", "info")
		l.sudoWhy(main.reason)
	case tellsMore:
		l.is("sudo-command-continued", "process", "info")
		l.sudoWhy(main.reason)
	case tellsRefusal:
		if !l.sudoReason(&main) {
			l.because("sudo-warning", main.reason)
		}
	case tellsExit:
		l.is("sudo-exit", "process", "end")
	default:
		l.is("sudo-command", "process", "start")
		l.outcome(true)
	}
	if l.program == "" {
		l.put("process.name", "sudo")
	}
	if v.count > 1 {
		l.put("sudo.continues", v.first)
		l.put("sudo.part", strconv.Itoa(v.count))
	}
	if v.unsure && !ambiguous {
		l.tag("ambiguous")
	}
	l.sudoFields(v.user, &main, &other, ambiguous)
}

// complete returns a text up to its last field that is whole.
func complete(text string) string {
	if whole, ok := strings.CutSuffix(text, " ;"); ok {
		return whole
	}
	whole, _, ok := cutLast(text, separator)
	if !ok {
		return ""
	}
	return whole
}
