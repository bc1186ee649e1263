package ident

import (
	"slices"
	"testing"
)

func TestChain(t *testing.T) {
	t.Parallel()
	one, two := noise(11, 50_000), noise(12, 100)
	three := slices.Concat(one[:20_000], noise(13, 30_000)) // begins like the first
	wanted := []Evidence{known(one, 10_000, 50_000), known(two, 100), known(three, 10_000, 50_000)}
	f := func(name string, members [][]byte, repeat ...int) {
		t.Helper()
		c := NewChain(wanted)
		for _, m := range members {
			for piece := range slices.Chunk(m, 3000) {
				c.See(piece)
			}
			c.End()
		}
		parts, _ := c.Parts()
		if len(parts) != len(repeat) {
			t.Fatalf("%s: %d parts, want %d", name, len(parts), len(repeat))
		}
		for i, want := range repeat {
			for j := range wanted {
				if got := parts[i].Repeats(j); got != (j == want) {
					t.Errorf("%s: part %d repeats content %d: %v", name, i, j, got)
				}
			}
		}
	}
	f("two that are known", [][]byte{two, one}, 1, 0)
	f("a member without content", [][]byte{one, nil, two}, 0, 1)
	f("one that is not known", [][]byte{noise(14, 70_000), three}, -1, 2)
	f("shorter, and ending far behind a mark", [][]byte{one[:45_000]}, -1)
	f("much longer than what is known", [][]byte{slices.Concat(one, noise(15, 60_000))}, -1)
	f("the beginning of a short one", [][]byte{two[:90]}, -1)
	f("none", nil)
}

func TestChainOfTooMany(t *testing.T) {
	t.Parallel()
	b := noise(16, 5000)
	c := NewChain([]Evidence{known(b, 5000)})
	for range MaxParts {
		c.See(b)
		c.End()
	}
	f := func(want bool) {
		t.Helper()
		if parts, more := c.Parts(); len(parts) != MaxParts || more != want {
			t.Fatalf("%d parts, and more: %v", len(parts), more)
		}
	}
	f(false)
	c.See(b)
	c.End()
	f(true)
}

func TestJudgeParts(t *testing.T) {
	t.Parallel()
	f := func(s Seen, want Verdict) {
		t.Helper()
		if j := Judge(s); j.Verdict != want {
			t.Errorf("%+v: %v (%s), want %v", s, j.Verdict, j.Reason, want)
		}
	}
	f(Seen{Sibling: true, Size: 9000, Parts: Confirmed}, Copy)
	f(Seen{Sibling: true, Size: 9000, Parts: Unsent}, Wait)
	f(Seen{Sibling: true, Size: 9000, Parts: Unlike}, New)
	f(Seen{Sibling: true, Size: 9000, Moving: true, Parts: Confirmed}, Wait)
	grown := Seen{Known: true, Like: Likeness{Equal: true, Reach: 4096}, Top: 5000, Sibling: true, Size: 9000}
	f(grown, Continue)
	grown.Parts = Confirmed
	f(grown, Copy)
}
