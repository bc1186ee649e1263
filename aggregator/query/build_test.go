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
			if got := x.Match(e); got != want || parsed.Match(e) != want || parsed.LogsQL() != x.LogsQL() {
				t.Errorf("%s: %v, want %v; %s, parsed %s", x, got, want, x.LogsQL(), parsed.LogsQL())
			}
			e.Append("process.pid", "12")
		}
	}
	f("vm")
	f(`a" OR "b`)
	f(`a\" b*?`)
	f("x y\n:")
}
