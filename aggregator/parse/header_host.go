package parse

import "strings"

// inTag has the bytes of a program's name in a tag: what is in no key=value pair, no JSON and no CEF.
var inTag = func() (t [256]bool) {
	for c := range t {
		t[c] = c > ' ' && strings.IndexByte(`:["{}<>=|`, byte(c)) < 0
	}
	return t
}()

// inHost has the bytes of what stands where a host name should: letters and digits of any script, addresses, and the
// marks that relays put between names ("src@relay/host").
var inHost = func() (t [256]bool) {
	for c := range t {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
		t[c] = letter || strings.IndexByte("-._:/@,+%~#&()", byte(c)) >= 0
	}
	return t
}()

// hostEnd returns the length of the host name at the start of s.
func hostEnd(s string) int {
	if s != "" && s[0] == '[' { // "[2001:db8::7]"
		return strings.IndexByte(s, ']') + 1
	}
	i := 0
	for i < len(s) && inHost[s[i]] {
		i++
	}
	return i
}

func isHost(s string) bool { return s != "" && len(s) <= maxHost && hostEnd(s) == len(s) }

// hostName returns the host that a word names, "" for what stands for none: "(none)" is a kernel's whose name nobody
// has set, "[2001:db8::7]" an address.
func hostName(word string) (string, bool) {
	switch word[0] {
	case '[':
		in, ok := between(word, "[", "]")
		return in, ok && strings.IndexByte(in, ':') >= 0 && isAddress(in)
	case '(':
		return "", word == "(none)"
	case '@', '%', '#', '&', ',', ')':
		return "", false
	case ':':
		return word, isAddress(word)
	}
	if strings.IndexByte(word, ',') > 0 {
		return device(word), true
	}
	if n := len(word) - 1; n > 0 && word[n] == ':' && word[n-1] != ':' && isAddress(word[:n]) { // "2001:db8::7: text"
		return word[:n], true
	}
	return word, true
}

// isAddress reports whether a word has the bytes of an IPv6 address, with or without a zone.
func isAddress(s string) bool {
	s, _, _ = strings.Cut(s, "%")
	for i := 0; i < len(s); i++ {
		if c := s[i]; c-'0' > 9 && c|0x20-'a' > 5 && c != ':' && c != '.' {
			return false
		}
	}
	return strings.Count(s, ":") >= 2
}

// isUniFi reports whether the tag is no program, but what UniFi access points write before it: "U7PG2,788a2056b181,v4.0"
// (model, MAC address and version) or "788a2056b181,v4.0".
func (h *header) isUniFi() bool {
	model, rest, ok := strings.Cut(h.program, ",")
	if !ok || h.pid != "" {
		return false
	}
	mac, _, ok := strings.Cut(rest, ",")
	return isMAC(model) || ok && isMAC(mac)
}

// isMAC reports whether s is an address of 12 hexadecimal digits.
func isMAC(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c-'0' > 9 && c|0x20-'a' > 5 {
			return false
		}
	}
	return len(s) == 12
}

// device cuts off the version of UniFi's firmware, so that a host has the same name after an upgrade.
func device(word string) string {
	i := strings.LastIndexByte(word, ',')
	if i < 12 || !isMAC(word[i-12:i]) {
		return word
	}
	return word[:i]
}

// trimBlanks cuts off blanks and tabs in front.
func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}
