package conf

import (
	"reflect"
	"slices"
	"strings"
)

// fieldsOf returns the keys of a struct as the decoder sees them, and whether an inline map takes any other key too.
func fieldsOf(t reflect.Type) (fields map[string]reflect.Type, open bool) {
	fields = map[string]reflect.Type{}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if !slices.Contains(strings.Split(options, ","), "inline") {
			if name == "" {
				name = strings.ToLower(f.Name)
			}
			fields[name] = f.Type
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Map {
			open = true
			continue
		}
		more, any := fieldsOf(inner)
		open = open || any
		for name, t := range more {
			fields[name] = t
		}
	}
	return fields, open
}

// hint names the known key that is most like a misspelt one, if any is.
func hint(key string, fields map[string]reflect.Type) string {
	best, least := "", 3 // more than two slips are another word
	for name := range fields {
		d := distance(strings.ToLower(key), name)
		if d < least && d < len(name) || d == least && best != "" && name < best {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance counts the letters to put in, take out or change to get from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
