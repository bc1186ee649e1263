package query

import (
	"testing"

	"belfry/shared/event"
)

// A query that was built is the one that its text says, whatever the values are.
func TestAll(t *testing.T) {
	f := func(value string) {
		t.Helper()
		x := All(Is{"host.name", value}, Is{"process.pid", "12"})
		parsed, err := Parse(x.String())
		if err != nil {
			t.Fatalf("%s: %v", x, err)
		}
		e := new(event.Event)
		e.Append("host.name", value)
		for _, want := range []bool{false, true} {
			if got := x.Match(e); got != want || parsed.Match(e) != want || leastOf(parsed) != leastOf(x) {
				t.Errorf("%s: %v, want %v; %s, parsed %s", x, got, want, leastOf(x), leastOf(parsed))
			}
			e.Append("process.pid", "12")
		}
	}
	f("vm")
	f(`a" OR "b`)
	f(`a\" b*?`)
	f("x y\n:")
}

// leastOf returns a query's filter.
func leastOf(x *Expr) string {
	filter, _ := x.LogsQL()
	return filter
}
