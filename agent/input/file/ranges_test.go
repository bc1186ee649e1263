package file

import (
	"testing"

	"pgregory.net/rapid"
)

func TestRanges(t *testing.T) {
	t.Parallel()
	var r ranges
	f := func(first, end, from, want uint64) {
		t.Helper()
		r.add(first, end)
		if got := r.advance(from); got != want {
			t.Errorf("add [%d,%d), advance(%d) = %d, want %d", first, end, from, got, want)
		}
	}
	f(10, 20, 0, 0)
	f(30, 40, 0, 0)
	f(20, 25, 0, 0)
	f(0, 10, 0, 25)
	f(25, 30, 25, 40)
	f(5, 15, 40, 40)
}

// The set is that of the bytes that were put in, in pieces that neither meet nor lie out of order.
func TestRangesAreASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r ranges
		var want [64]bool
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			first := rapid.IntRange(0, 60).Draw(t, "first")
			end := rapid.IntRange(first+1, 63).Draw(t, "end")
			r.add(uint64(first), uint64(end))
			for i := first; i < end; i++ {
				want[i] = true
			}
			last := -1
			var got [64]bool
			for _, p := range r {
				if int(p.First) <= last || p.End <= p.First {
					t.Fatalf("%v", r)
				}
				last = int(p.End)
				for i := p.First; i < p.End; i++ {
					got[i] = true
				}
			}
			if got != want {
				t.Fatalf("after [%d,%d): %v", first, end, r)
			}
		}
		from := rapid.IntRange(0, 63).Draw(t, "from")
		to := from
		for to < len(want) && want[to] {
			to++
		}
		if got := r.advance(uint64(from)); got != uint64(to) {
			t.Fatalf("advance(%d) = %d, want %d", from, got, to)
		}
		if len(r) > 0 && int(r[0].First) <= to {
			t.Fatalf("behind advance(%d): %v", from, r)
		}
	})
}
