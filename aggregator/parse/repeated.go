package parse

import "strings"

// cutRepeated reads "message repeated 3 times: [ text]", as rsyslog writes instead of lines that are the same
// ($RepeatedMsgReduction), and returns how often it was: the text is what the program said. The event is one all the
// same, so who counts attempts adds up log.repeated. What syslogd of the BSDs writes, "last message repeated 3 times",
// does not say what it was.
func (h *header) cutRepeated() (times string) {
	rest, ok := strings.CutPrefix(h.text, "message repeated ")
	if !ok {
		return ""
	}
	times, rest = digits(rest)
	text, ok := between(rest, " times: [", "]")
	if !ok || times == "" {
		return ""
	}
	if h.message == "" {
		h.message = h.text
	}
	h.text = strings.TrimPrefix(text, " ")
	return times
}
