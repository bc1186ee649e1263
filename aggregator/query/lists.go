package query

import (
	"strings"
	"unicode/utf8"

	"belfry/shared/event"
)

// A field with several values is one column in logstorage, a JSON array of strings as event.AppendString writes them.
// What is asked of each value is asked of the array's text by a regular expression.

// The JSON text of a string's characters: of any one, and of one array's values before the one that is looked at. The a
// is apart because logstorage, when it parses a class that has all letters, looks at each of them.
const (
	jsonAny    = `(?:[^"\\a]|\\(?s:.)|a)`
	jsonBefore = `^\[(?:"` + jsonAny + `*",)*"`
	jsonAfter  = `"[,\]]`
)

// jsonOne is any one character, in JSON.
const jsonOne = `(?:[^"\\a]|\\(?:["\\nrt]|u[0-9a-f]{4})|a)`

// inList finds the arrays with a value that is what an expression describes, which is written for JSON.
func inList(expr string) string { return jsonBefore + "(?:" + expr + ")" + jsonAfter }

// escapeOf returns how event.AppendString writes a character within quotes.
func escapeOf(r rune) string {
	s := event.AppendString(nil, string(r))
	return string(s[1 : len(s)-1])
}

// textJSON returns the RE2 of a text as it stands in JSON.
func textJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteString(classJSON([]rune{r, r}))
	}
	return b.String()
}

// doubtful reports whether a text has U+FFFD: logstorage is of two minds whether that ends a word.
func doubtful(s string) bool {
	return !utf8.ValidString(s) || strings.Contains(s, string(utf8.RuneError))
}
