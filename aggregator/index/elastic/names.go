package elastic

import (
	"strings"
	"time"

	"belfry/shared/batch"
)

// names makes the names of indices. The prefix is also the alias over all indices of events.
type names struct{ prefix string }

const (
	dayForm   = "2006-01-02" // of an Item
	indexForm = "2006.01.02" // of an index
)

// index names the index of a class and day, which are valid: belfry-auth-2026.11.23.
func (n names) index(class, day string) string {
	return n.prefix + "-" + class + "-" + strings.ReplaceAll(day, "-", ".")
}

// appendIndex appends what index returns.
func (n names) appendIndex(dst []byte, class, day string) []byte {
	dst = append(append(append(append(dst, n.prefix...), '-'), class...), '-')
	for i := range len(day) {
		if c := day[i]; c == '-' {
			dst = append(dst, '.')
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// alias names all indices of events.
func (n names) alias() string { return n.prefix }

// pattern matches the name of every index of events, of whatever class and day, and no other of ours.
func (n names) pattern() string { return n.prefix + "-*-*.*.*" }

// of matches the indices of a class.
func (n names) of(class string) string { return n.prefix + "-" + class + "-*.*.*" }

// state names an index of our own documents.
func (n names) state(name string) string { return n.prefix + "-state-" + name }

// parse returns the class and the day of an index of events, or not ok for any other index.
func (n names) parse(index string) (class, day string, ok bool) {
	rest, ok := strings.CutPrefix(index, n.prefix+"-")
	if !ok {
		return "", "", false
	}
	class, date, ok := strings.Cut(rest, "-")
	t, err := time.Parse(indexForm, date)
	if !ok || err != nil || !batch.ValidClass(class) {
		return "", "", false
	}
	return class, t.Format(dayForm), true
}

// validDay reports whether a day is one, as an Item has it.
func validDay(s string) bool {
	_, err := time.Parse(dayForm, s)
	return err == nil && len(s) == len(dayForm)
}
