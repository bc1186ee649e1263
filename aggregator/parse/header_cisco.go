package parse

import "strings"

// code is the name that Cisco gives to a message: "SYS-5-CONFIG_I" is number 5 of severity in "%SYS-5-CONFIG_I: text".
// The zero value is none.
type code struct {
	whole    string // without "%"
	mnemonic string // its last part
	severity byte   // '0' to '7'
}

// maxCode bounds a code: the longest of Cisco's lists have some 70 bytes.
const maxCode = 96

// maxSegments bounds what may stand before the time: a count, a host, a number of the host's.
const maxSegments = 6

// scanCisco reads what comes from Cisco's devices where others have time, host and tag:
//
//	29: 000042: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured from console    (IOS)
//	29: sw01: Mar  1 2024 18:46:11: %SYS-5-CONFIG_I: …                                (IOS with an origin-id)
//	: 2024 Mar  1 18:46:11 UTC: %ETHPORT-5-IF_UP: …                                   (NX-OS)
//	:Oct 11 22:14:15 UTC: %ASA-6-302013: …                                            (ASA with emblem)
//	00:00:46: %SYS-5-RESTART: …                                                       (time since the start)
//
// A line that has no count in front, no code, and no year before the month may be anybody's: it reports false.
func (h *header) scanCisco(s string) bool {
	return h.scanSegments(s, true)
}

// scanInner reads the same behind the time and the host that a relay wrote. There no part is a host: a user may have
// written it. The device's own time replaces the relay's, unless its clock was not set.
func (h *header) scanInner(s string) bool {
	return h.scanSegments(s, false)
}

func (h *header) scanSegments(s string, outer bool) bool {
	p := prefix{outer: outer}
	for range maxSegments {
		s = strings.TrimLeft(s, " ")
		if s == "" {
			return false
		}
		rest, end := p.segment(s)
		if end {
			return p.write(h, rest)
		}
		if rest == s {
			break
		}
		s = rest
	}
	return p.writeCounted(h)
}

// prefix is what was read of a message of Cisco's before its text.
type prefix struct {
	outer     bool   // nothing stands before
	segments  int    // read so far
	counted   bool   // the first segment is a number, or empty
	yearFirst bool   // as NX-OS alone writes it
	number    string // the first segment, if it is a number
	rest      string // what follows that
	stamp     stamp
	host      string
	sequence  string
	task      string
}

// segment reads the next part. end says that what it returns follows the last one; all of s, that it is no part.
func (p *prefix) segment(s string) (rest string, end bool) {
	p.segments++
	switch s[0] {
	case '%':
		return s, true
	case ':':
		p.counted = p.counted || p.segments == 1 && p.outer
		return s[1:], false
	}
	if rest, ok := p.scanStamp(s); ok {
		return rest, true
	}
	if rest, ok := uptime(s); ok {
		return rest, true
	}
	if num, rest := digits(s); num != "" && len(num) <= maxDigits && strings.HasPrefix(rest, ": ") {
		if p.segments == 1 {
			p.counted, p.number, p.rest = true, num, rest[2:]
		}
		p.sequence = num
		return rest[1:], false
	}
	return p.scanName(s), false
}

// scanStamp reads a time with the marks of IOS: "*" says that the clock was not set, "." that it lost its server. Behind
// it and its zone is a colon.
func (p *prefix) scanStamp(s string) (rest string, ok bool) {
	unset := s[0] == '*'
	if unset || s[0] == '.' {
		s = s[1:]
	}
	st, rest, ok := scanStamp(s)
	if !ok {
		return s, false
	}
	if rest != "" && rest[0] == ' ' {
		word, _, found := strings.Cut(rest[1:min(len(rest), maxZone+3)], ": ")
		if !found || word == "" || strings.IndexByte(word, ' ') >= 0 {
			return s, false
		}
		st.setZone(word)
		rest = rest[1+len(word):]
	}
	if rest == "" || rest[0] != ':' {
		return s, false
	}
	p.yearFirst = s[4] == ' ' && s[0]-'0' <= 9
	p.stamp = st
	p.stamp.unset = unset
	return strings.TrimLeft(rest[1:], " "), true
}

// scanName reads the host, "sw01: " or "10.0.0.1 ", or the task of a wireless controller, "*spamApTask1: ".
func (p *prefix) scanName(s string) (rest string) {
	if s[0] == '*' {
		end := strings.IndexByte(s[:min(len(s), maxProgram)], ':')
		if p.task != "" || end < 2 || strings.IndexByte(s[:end], ' ') >= 0 {
			return s
		}
		p.task = s[1:end]
		return s[end+1:]
	}
	end := hostEnd(s)
	if !p.outer || p.host != "" || end < 2 || end > maxHost || end == len(s) || s[end] != ' ' {
		return s
	}
	host, ok := hostName(strings.TrimSuffix(s[:end], ":"))
	if !ok || host == "" {
		return s
	}
	p.host = host
	return s[end:]
}

// write fills in the header if it is Cisco's beyond doubt. s follows the last part.
func (p *prefix) write(h *header, s string) bool {
	text, program, pid := s, p.task, ""
	if s != "" && s[0] != '%' {
		var tag header // IOS XR names a program: "ipv4_acl_mgr[310]: %ACL-6-…"
		if tag.scanTag(s) && tag.pid != "" && strings.HasPrefix(tag.text, "%") {
			text, program, pid = tag.text, tag.program, tag.pid
		}
	}
	switch {
	case h.scanCode(text):
		h.program, h.pid = program, pid
	case h.priority != "" && (p.counted || p.yearFirst) || !p.outer && p.counted:
		h.text = s
	default:
		return false
	}
	if p.outer {
		h.host = p.host
	}
	h.sequence = p.sequence
	if !p.stamp.isZero() && (h.stamp.isZero() || !p.stamp.unset) {
		h.stamp = p.stamp
	}
	return true
}

// writeCounted fills in the header of a message of which the number alone is Cisco's: IOS writes what it debugs so.
func (p *prefix) writeCounted(h *header) bool {
	if p.rest == "" || p.outer && h.priority == "" {
		return false
	}
	h.sequence, h.text = p.number, strings.TrimLeft(p.rest, " ")
	return true
}

// scanNode reads the name of a card that IOS XR writes before its own time: "RP/0/RP0/CPU0:Oct  7 07:19:43.630 UTC: …".
func (h *header) scanNode(s string) bool {
	end := 0
	for end < len(s) && end < maxProgram && (s[end]-'A' < 26 || s[end]-'0' <= 9 || s[end] == '/') {
		end++
	}
	node := s[:end]
	if end == len(s) || s[end] != ':' || !strings.Contains(node, "/CPU") {
		return false
	}
	return h.scanInner(s[end+1:])
}

// scanZoneTag reads "CET: %SYS-5-…": the zone of a time that a relay cut off, where a tag should be.
func (h *header) scanZoneTag(word, s string) bool {
	if len(word) > maxZone || h.stamp.isZero() || h.stamp.zoned || h.stamp.zone != "" || !isZoneWord(word) || !h.scanCode(s) {
		return false
	}
	h.stamp.setZone(word)
	return true
}

// scanDeviceTag reads "fw01: %ASA-6-…": the name that a firewall gives itself, with a colon, where others have a host.
func (h *header) scanDeviceTag(word, s string) bool {
	if h.host != "" || h.stamp.isZero() || !isHost(word) || !h.scanCode(s) {
		return false
	}
	if !isASA(h.code.whole) {
		h.code = code{}
		return false
	}
	h.host = word
	return true
}

// scanCode reads "%FACILITY-SUBFACILITY-SEVERITY-MNEMONIC" and what follows. The text stays whole, with the code.
// Severity is a digit, or the letter that small switches write: "%AAA-I-CONNECT".
func (h *header) scanCode(s string) bool {
	if len(s) < len("%A-1-B") || s[0] != '%' {
		return false
	}
	whole := s
	if strings.HasPrefix(s, "%$") { // NX-OS, with a virtual device: "%$ VDC-1 %$ %ETHPORT-5-IF_UP"
		if _, s, _ = strings.Cut(s[:min(len(s), 2*maxCode)], "$ %"); s == "" {
			return false
		}
		s = whole[strings.Index(whole, s)-1:]
	}
	end := 1
	for end < len(s) && end <= maxCode && (s[end]|0x20-'a' < 26 || s[end]-'0' <= 9 || s[end] == '_' || s[end] == '-') {
		end++
	}
	name := s[1:end]
	dash := strings.LastIndexByte(name, '-')
	if end > maxCode || dash < 3 || dash == len(name)-1 || name[dash-2] != '-' || end < len(s) && s[end] != ':' && s[end] != ' ' {
		return false
	}
	severity := name[dash-1]
	if i := strings.IndexByte("FACEWNID", severity); i >= 0 {
		severity = '0' + byte(i)
	}
	if severity-'0' > 7 {
		return false
	}
	h.code = code{whole: name, mnemonic: name[dash+1:], severity: severity}
	h.text = whole
	return true
}

// uptime cuts off the time since the start, "00:00:46: " or "1w2d: ", before a code.
func uptime(s string) (rest string, ok bool) {
	i := 0
	for i < len(s) && i < len("99999:59:59") && (s[i]-'0' <= 9 || s[i] == ':' || strings.IndexByte("ywdh", s[i]) >= 0) && !strings.HasPrefix(s[i:], ": ") {
		i++
	}
	if i < 4 || s[0]-'0' > 9 || isNumber(s[:i]) || !strings.HasPrefix(s[i:], ": %") {
		return s, false
	}
	return s[i+2:], true
}
