package glob

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// segment is what a pattern says about one name of a path.
type segment struct {
	kind   kind
	prefix string // literal: the name; affix: how it begins
	suffix string // affix: how it ends
	text   string // general: the pattern of the name
}

type kind uint8

const (
	literal kind = iota // one name
	affix               // a single *
	general             // anything else: * ? [a-z] \x
	deep                // **: any number of names
)

// match tells whether a name (without a slash) is meant. A deep segment matches every one.
func (s *segment) match(name string) bool {
	switch s.kind {
	case literal:
		return name == s.prefix
	case affix:
		return len(name) >= len(s.prefix)+len(s.suffix) &&
			strings.HasPrefix(name, s.prefix) && strings.HasSuffix(name, s.suffix)
	case general:
		return doublestar.MatchUnvalidated(s.text, name)
	}
	return true
}

// parseSegment reads one name of a pattern without braces.
func parseSegment(text string) (segment, error) {
	switch {
	case text == "**":
		return segment{kind: deep}, nil
	case text == "" || text == "." || text == "..":
		return segment{}, errors.New("not a clean path: it has a . or .. or an empty name in it")
	case !doublestar.ValidatePattern(text):
		return segment{}, fmt.Errorf("%q is not a pattern of a name: a [ has its ] behind it, a class holds no slash, and \\ is never last", text)
	}
	return classify(text)
}

// classify finds the cheapest way to match a valid segment.
func classify(text string) (segment, error) {
	parts := []string{""} // what lies between the stars, without \
	wild := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '*':
			if i+1 < len(text) && text[i+1] == '*' {
				return segment{}, errors.New("** means whole directories: it stands alone between slashes")
			}
			parts = append(parts, "")
			continue
		case '?', '[':
			wild = true
		case '\\':
			i++
		}
		parts[len(parts)-1] += text[i : i+1]
	}
	switch {
	case wild || len(parts) > 2:
		return segment{kind: general, text: text}, nil
	case len(parts) == 2:
		return segment{kind: affix, prefix: parts[0], suffix: parts[1]}, nil
	}
	return segment{kind: literal, prefix: parts[0]}, nil
}
