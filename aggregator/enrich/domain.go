package enrich

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	maxName  = 253 // RFC 1035, section 2.3.4, without the last dot
	maxLabel = 63
)

// domainOf returns a name as lists and look-ups compare it: lower case, without the dot at its end, and of an
// international one its form in ASCII (RFC 5891). It is false for what is no domain name of two labels or more.
func domainOf(text string) (string, bool) {
	text = strings.TrimSuffix(text, ".")
	if len(text) > maxName*utf8.UTFMax || !utf8.ValidString(text) {
		return "", false
	}
	for i := 0; i < len(text); i++ {
		if text[i] < utf8.RuneSelf {
			continue
		}
		ascii, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false)).ToASCII(text)
		if err != nil {
			return "", false
		}
		text = strings.TrimSuffix(ascii, ".") // another script's dot
		break
	}
	text = strings.ToLower(text)
	return text, isDomain(text)
}

// isDomain looks at a name in lower case. Underscores do occur.
func isDomain(name string) bool {
	if len(name) > maxName || !strings.Contains(name, ".") {
		return false
	}
	digits := false // whether a label is a number: the last one never is
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel {
			return false
		}
		digits = true
		for i := range len(label) {
			c := label[i]
			switch {
			case '0' <= c && c <= '9':
			case 'a' <= c && c <= 'z', c == '-', c == '_':
				digits = false
			default:
				return false
			}
		}
	}
	return !digits
}

// parseAddr reads an address as an event has it: a zone says nothing elsewhere, and IPv4 in IPv6 is IPv4.
func parseAddr(text string) (netip.Addr, bool) {
	text, _, _ = strings.Cut(text, "%")
	a, err := netip.ParseAddr(text)
	return a.Unmap(), err == nil
}

// addrInName reads the address that some programs write where a name belongs, as 192.0.2.1 or [2001:db8::1].
func addrInName(text string) (netip.Addr, bool) {
	if text == "" || text[0] != '[' && strings.IndexByte("0123456789", text[len(text)-1]) < 0 && !strings.Contains(text, ":") {
		return netip.Addr{}, false // the last label of a name is no number
	}
	return parseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
}
