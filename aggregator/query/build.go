package query

import (
	"strings"
	"time"
)

// Is is a field and a value that it has; of a text field: all of it, case and all.
type Is struct{ Field, Value string }

// All returns the query for the events that have each of these values among those of its field. No text is parsed, so a
// value may be anything.
func All(values ...Is) *Expr {
	kids := make([]node, 0, len(values))
	texts := make([]string, 0, len(values))
	for _, v := range values {
		kids = append(kids, equal(v.Field, v.Value, time.Time{}))
		texts = append(texts, v.Field+":"+quoteValue(v.Value))
	}
	return &Expr{text: strings.Join(texts, " AND "), root: and{kids}}
}

// And returns the query for the events that all of the queries ask for. A nil one asks for every event; so does And of
// nothing.
func And(queries ...*Expr) *Expr {
	kids := make([]node, 0, len(queries))
	texts := make([]string, 0, len(queries))
	for _, q := range queries {
		if q == nil {
			continue
		}
		if _, every := q.root.(all); every {
			continue
		}
		kids = append(kids, q.root)
		texts = append(texts, "("+q.text+")")
	}
	switch len(kids) {
	case 0:
		return &Expr{root: all{}}
	case 1:
		return &Expr{text: texts[0][1 : len(texts[0])-1], root: kids[0]}
	}
	return &Expr{text: strings.Join(texts, " AND "), root: and{kids}}
}

// quoteValue writes a value so that it means itself.
func quoteValue(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
