package parse

import (
	"strings"

	"belfry/shared/event"
)

// level is a facility and a severity of syslog that a line names in words, where it has no priority. The zero value is
// none.
type level struct {
	known              bool
	facility, severity int
}

// of takes the numbers of a priority, 0 to 191, which a line writes in decimal.
func (v *level) of(priority string) bool {
	n, ok := number(priority)
	if !ok || n > 191 {
		return false
	}
	*v = level{true, n >> 3, n & 7}
	return true
}

// named reads "auth.info" (busybox, OpenWrt, FreeBSD), "4.6" (FreeBSD) or "auth|security:info" (AIX).
func (v *level) named(s string) bool {
	i := strings.IndexAny(s, ".:")
	if i < 1 {
		return false
	}
	facility, severity := s[:i], s[i+1:]
	if facility == "auth|security" {
		facility = "auth"
	}
	f, s1 := facilityOf(facility), severityOf(severity)
	if f < 0 || s1 < 0 {
		return false
	}
	*v = level{true, f, s1}
	return true
}

// facilityOf returns the code of a facility by its name or its decimal number, -1 if there is none.
func facilityOf(name string) int {
	switch name {
	case "security": // FreeBSD's names of two numbers
		return 13
	case "console":
		return 14
	}
	return codeOf(name, 24, event.Facility)
}

// severityOf returns the code of a severity, -1 if there is none. syslog.h has two names for some of them.
func severityOf(name string) int {
	switch name {
	case "panic":
		return 0
	case "error":
		return 3
	case "warn":
		return 4
	}
	return codeOf(name, 8, event.Severity)
}

func codeOf(name string, count int, of func(int) string) int {
	if n, ok := number(name); ok && n < count && isNumber(name) {
		return n
	}
	for n := range count {
		if of(n) == name {
			return n
		}
	}
	return -1
}

// scanLevel reads the facility and the severity that stand behind a host, before a tag:
//
//	auth.info sshd[7]: text             (busybox, sysklogd/syslogd.c)
//	auth|security:info sshd[7]: text    (AIX)
func (h *header) scanLevel(s string) bool {
	name, rest := word(s)
	var v level
	if len(name) > len("auth|security:warning") || rest == "" || !v.named(name) || name[0]-'0' <= 9 {
		return false
	}
	rest = strings.TrimLeft(rest, " ")
	h.level, h.text = v, rest
	_ = h.scanTag(rest) || h.scanLooseTag(rest)
	return true
}

// cutLevel cuts off the level that stands where a host does:
//
//	<auth.info> vm sshd[7]: text        (FreeBSD, usr.sbin/syslogd/syslogd.c, with -v; <4.6> with one v)
//	In(38) sshd[7]: text                (ESXi 8: the letters of the severity, and the priority)
func (h *header) cutLevel(s string) string {
	word, _, ok := strings.Cut(s[:min(len(s), len("<security.warning> "))], " ")
	switch {
	case !ok || len(word) < 5:
		return s
	case word[0] == '<':
		if name, closed := between(word, "<", ">"); !closed || !h.level.named(name) {
			return s
		}
	case word[2] == '(':
		if num, closed := between(word[2:], "(", ")"); !closed || !isESXi(word[:2]) || !h.level.of(num) {
			return s
		}
	default:
		return s
	}
	return trimBlanks(s[len(word):])
}

// isESXi reports whether these are the letters of a severity in the files of ESXi.
func isESXi(s string) bool {
	switch s {
	case "Em", "Al", "Cr", "Er", "Wa", "No", "In", "Db":
		return true
	}
	return false
}

// scanOpenWrt reads what logread of OpenWrt (ubox, log/logread.c) writes, behind a time of ctime(3) and with no host:
//
//	Mon Nov 23 17:53:29 2026 authpriv.warn dropbear[7]: text
func scanOpenWrt(h *header, s string) bool {
	if len(s) < len("Mon Nov 23 17:53:29 2026 ") || s[3] != ' ' || !isWeekday(s[:3]) {
		return false
	}
	st, rest, ok := scanStamp(s[4:])
	var named header
	if !ok || st.year == 0 || rest == "" || !named.scanLevel(rest[1:]) || named.program == "" {
		return false
	}
	h.stamp, h.level, h.program, h.pid = st, named.level, named.program, named.pid
	h.text, h.message = named.text, named.text
	return true
}

// scanUnified reads what "log show" of macOS writes, where others have a host: the thread, the type, the activity, the
// process and the time to live.
//
//	0x1a2b3c   Default     0x0                  1234   0    sshd: (libsystem_info.dylib) [com.apple.network:x] text
func (h *header) scanUnified(s string) bool {
	if !strings.HasPrefix(s, "0x") {
		return false
	}
	var field [5]string
	for i := range field {
		field[i], s = word(s)
		s = strings.TrimLeft(s, " ")
	}
	var tag header
	if !strings.HasPrefix(field[2], "0x") || !isNumber(field[3]) || !isNumber(field[4]) || !tag.scanTag(s) {
		return false
	}
	h.program, h.pid, h.message = tag.program, field[3], tag.text
	text := tag.text
	if text != "" && text[0] == '(' {
		if _, rest, ok := strings.Cut(text, ") "); ok {
			text = rest
		}
	}
	if text != "" && text[0] == '[' {
		if _, rest, ok := strings.Cut(text, "] "); ok {
			text = rest
		}
	}
	h.text = text
	return true
}
