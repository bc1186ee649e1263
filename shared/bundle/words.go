package bundle

import "regexp"

// The log and the status of a daemon are its own words. Where they tell of what others wrote, that stands in quotes, or in
// an attribute of log/slog that is for it: the text of an alert, what was searched, who is told of, what a program said.
var (
	// In both, as JSON and log/slog write it within a text; and as Elasticsearch quotes a value.
	quoted  = regexp.MustCompile(`\\"(?:[^\\"]|\\\\(?:\\"|\\\\|.))*\\"`)
	valued  = regexp.MustCompile(`([\s:(\[])'[^'\n]*'`)
	foreign = regexp.MustCompile(`\b(summary|query|about|user|text|what|why|reason)=("(?:[^"\\]|\\.)*"|\S+)`)
	plain   = regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"`)
)

// ownWords takes out what others wrote of the log, of the status, or of an error.
func ownWords(text []byte) []byte {
	text = foreign.ReplaceAll(text, []byte(`$1=[removed]`))
	text = quoted.ReplaceAll(text, []byte(`\"[removed]\"`))
	return valued.ReplaceAll(text, []byte(`$1'[removed]'`))
}

// Unquoted is a text without what stands in quotes.
func Unquoted(text string) string { return plain.ReplaceAllString(text, `"[removed]"`) }
