package parse

import "strings"

// scanMonotonic reads what "journalctl -o short-monotonic" writes: the seconds since the machine started, which are no
// time of day, and then a host and a program. What the kernel's own log (dmesg) writes begins alike, and has neither.
//
//	[    5.123456] vm sshd[19043]: text
func (h *header) scanMonotonic(s string) bool {
	if len(s) < len("[0.0] h p: ") || s[0] != '[' {
		return false
	}
	whole, rest := digits(strings.TrimLeft(s[1:], " "))
	if whole == "" || rest == "" || rest[0] != '.' {
		return false
	}
	fraction, rest := digits(rest[1:])
	rest, ok := strings.CutPrefix(rest, "] ")
	if len(fraction) != len("123456") || !ok {
		return false
	}
	end := hostEnd(rest)
	if end == 0 || end > maxHost || end+1 >= len(rest) || rest[end] != ' ' || strings.IndexByte(rest[:end], ':') >= 0 {
		return false
	}
	inner := header{}
	if !inner.scanTag(rest[end+1:]) || !inner.isJournals(rest[end+1:]) {
		return false
	}
	h.host, h.program, h.pid, h.text, h.message = rest[:end], inner.program, inner.pid, inner.text, inner.text
	return true
}

// isJournals reports whether a tag is as journalctl writes it: with a process id, or the kernel's.
func (h *header) isJournals(s string) bool {
	if h.pid == "" {
		return strings.HasPrefix(s, "kernel: ")
	}
	return isNumber(h.pid) && strings.HasPrefix(s[strings.IndexByte(s, ']')+1:], ": ")
}

// scanShortUnix reads "1795897599.187201 vm sudo[13835]: text", as "journalctl -o short-unix" prints it. Other programs begin
// their lines with a number as well: only with a host and a tag behind it is it a time.
func (h *header) scanShortUnix(s string) bool {
	seconds, rest := digits(s)
	if len(seconds) != len("1795897599") || rest == "" || rest[0] != '.' {
		return false
	}
	micro, rest := digits(rest[1:])
	if len(micro) != len("187201") || rest == "" || rest[0] != ' ' {
		return false
	}
	var file header
	var ok bool
	if file.stamp, rest, ok = scanEpoch(s); !ok {
		return false
	}
	file.scanHostAndTag(rest)
	if file.host == "" || file.program == "" {
		return false
	}
	file.message = file.text
	*h = file
	return true
}
