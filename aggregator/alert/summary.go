package alert

import (
	"errors"
	"fmt"
	"strings"

	"belfry/shared/event"
)

// summary is the text of an alert with the names of fields in braces: "{user.name} became root on {host.name}".
type summary []part

// part is literal text, or the name of a field.
type part struct {
	text  string
	field bool
}

func parseSummary(s string) (summary, error) {
	var parts summary
	for s != "" {
		text, rest, found := strings.Cut(s, "{")
		if strings.Contains(text, "}") {
			return nil, errors.New(`summary: "}" without a "{"`)
		}
		parts = append(parts, part{text: text})
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || name == "" || strings.ContainsAny(name, "{ ") {
			return nil, fmt.Errorf("summary: %q is not the name of a field in braces", "{"+rest)
		}
		parts = append(parts, part{text: name, field: true})
		s = after
	}
	return parts, nil
}

// fill puts the event's values in; absent ones show as "?". What a value holds is not looked at again.
func (s summary) fill(e *event.Event) string {
	var b strings.Builder
	for _, p := range s {
		switch {
		case !p.field:
			b.WriteString(p.text)
		case e.Has(p.text):
			b.WriteString(cut(strings.Join(e.All(p.text), ", "), maxSummary))
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}
