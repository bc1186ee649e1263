package irc

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds a message, in bytes: an IRC line has 512 with its end, and the server puts our nick, user and host
// and the name of the channel before the text (RFC 2812, section 2.3).
const maxText = 400

// clean makes text of a log fit to be shown: one line of characters that can be seen. Line ends and other space become
// a blank; what a terminal or an IRC client would act on (controls, colours, marks of direction, invisible characters)
// and bytes that are no UTF-8 become U+FFFD, so that something shows that they were there.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return utf8.RuneError
	}, text)
}

// cut shortens text to at most n bytes, at a character, with a sign that it did.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	const more = "…"
	n -= len(more)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + more
}

// ping is what is said in the channel: the nick first, so that clients highlight it.
func ping(nick, text string) string { return cut(nick+": "+clean(text), maxText) }
