package parse

// scanFile reads a line of a file that a program writes itself, without a header of syslog: it has neither a priority nor
// a time of that. All of it is the message.
func (h *header) scanFile(s string) bool {
	if s == "" || !h.scanFormat(s) {
		return false
	}
	if h.message == "" {
		h.message = s
	}
	return true
}

// scanFormat tries the formats that may begin as a line does. Where one knows the line, it fills in the time, the text, and
// what else stands there, and names in h.format the label of the scanner that reads the text. Where it does not, it
// changes nothing.
func (h *header) scanFormat(s string) bool {
	switch c := s[0]; {
	case c == '{':
		return scanDocker(h, s) || scanDS389File(h, s) || scanSudoObject(h, s)
	case c == '[':
		return h.scanMonotonic(s) || scanDS389File(h, s) || accessFormat(h, s) || apacheFormat(h, s)
	case c-'0' <= 9:
		return scanSlapdFile(h, s) || accessFormat(h, s) || nginxFormat(h, s) || bindFile(h, s) || h.scanShortUnix(s)
	case c == ' ', c == '\t', c == '"':
		return scanSudoObject(h, s) // as it is written for people to read
	case c == 't', c == 'n':
		return accessFormat(h, s) || scanAuditFile(h, s)
	}
	return scanSlapdFile(h, s) || accessFormat(h, s) || scanOpenWrt(h, s) || scanOldOpenVPN(h, s)
}
