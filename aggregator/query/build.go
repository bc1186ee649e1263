package query

import "strings"

// Is is a field and a value that it has, exactly so.
type Is struct{ Field, Value string }

// All returns the query for the events that have each of these values among those of its field. No text is parsed, so a
// value may be anything.
func All(values ...Is) *Expr {
	kids := make([]node, 0, len(values))
	texts := make([]string, 0, len(values))
	for _, v := range values {
		kids = append(kids, exact{v.Field, v.Value})
		texts = append(texts, v.Field+":"+quoteValue(v.Value))
	}
	return &Expr{text: strings.Join(texts, " AND "), root: and{kids}}
}

// quoteValue writes a value so that it means itself.
func quoteValue(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
