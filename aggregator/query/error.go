package query

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Error says where a query went wrong, and what to write instead.
type Error struct {
	Column  int    // of the first character that is wrong, counted in characters from 1
	Problem string // "a value is missing after user.name:"
	Hint    string // what to do about it; may be empty
	Text    string // the query
}

// Error returns the problem with its column on one line, safe on a terminal.
func (e *Error) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("query, column %d: %s", e.Column, e.Problem)
	}
	return fmt.Sprintf("query, column %d: %s; %s", e.Column, e.Problem, e.Hint)
}

// Caret returns the query on one line and a caret below the column, both without a line end and safe on a terminal.
// Characters that take two cells shift the caret.
func (e *Error) Caret() string {
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, e.Text)
	return clean + "\n" + strings.Repeat(" ", max(e.Column-1, 0)) + "^"
}

// maxShown bounds what an error repeats of the query, in characters.
const maxShown = 40

// show returns user text for an error message: quoted, cut, safe on a terminal.
func show(s string) string {
	if r := []rune(s); len(r) > maxShown {
		s = string(r[:maxShown]) + "…"
	}
	return strconv.Quote(s)
}
