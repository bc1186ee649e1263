package embedded

import (
	"fmt"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"pgregory.net/rapid"

	"belfry/aggregator/index"
)

// TestManyNames sends ever new names between usual events, and lets the storage merge all of them into as few blocks
// as it likes: nothing is dropped.
func TestManyNames(t *testing.T) {
	dir := t.TempDir()
	at := time.Now().Add(-time.Hour)
	n := 0
	for round := range 3 {
		x := openIndex(t, Config{Dir: dir}, nil)
		for range 20 {
			var w index.Write
			for range 10 {
				e := sampleEvent(n, at.Add(time.Duration(n)*time.Millisecond))
				if e.Set("host.name", "web01"); n%3 == 0 {
					e.Delete("host.name")
				}
				if n%7 < 2 {
					for i := range 300 {
						e.Append(fmt.Sprint("labels.", n, ".", i), "v")
					}
				}
				w.Items = append(w.Items, index.Item{Event: e})
				n++
			}
			writeHere(t, x, w)
		}
		if err := x.flushStorage(); err != nil {
			t.Fatal(err)
		}
		x.shelves.all()[0].storage.MustForceMerge("")
		if got := len(search(t, x, "", index.Search{Limit: -1})); got != n {
			t.Errorf("round %d: %d of %d events are found", round, got, n)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestColumnSets holds the sets to what makes a block safe: the names of a set, and those of a row, are no more than
// half of what a block takes; and rows that are seen again stay where they were.
func TestColumnSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newColumnSets()
		known := make(knownSets)
		names := make(map[string]map[string]bool)
		for range rapid.IntRange(1, 60).Draw(t, "rows") {
			if rapid.IntRange(0, 20).Draw(t, "day") == 0 {
				s.reset()
				clear(known)
			}
			first := rapid.IntRange(0, 30).Draw(t, "first")
			n := rapid.IntRange(1, setColumns).Draw(t, "names")
			if rapid.Bool().Draw(t, "few") {
				n = n%30 + 1
			}
			fields := make([]logstorage.Field, n)
			for i := range fields {
				fields[i].Name = fmt.Sprint("n", first*100+i)
			}
			set := known.find(s, fields)
			if again := known.find(s, fields); again != set {
				t.Fatalf("%v, and again %v", set, again)
			}
			if names[set.id] == nil {
				names[set.id] = make(map[string]bool)
			}
			for _, f := range fields {
				names[set.id][f.Name] = true
			}
			if len(names[set.id]) > setColumns || len(s.sets) > maxSets {
				t.Fatalf("%d names in a set, %d sets", len(names[set.id]), len(s.sets))
			}
		}
	})
}

func TestUsualSet(t *testing.T) {
	s := newColumnSets()
	row := func(first, n int) []logstorage.Field {
		fields := make([]logstorage.Field, n)
		for i := range fields {
			fields[i].Name = fmt.Sprint(first + i)
		}
		return fields
	}
	f := func(first, n, set int) {
		t.Helper()
		id, usual := s.find(row(first, n))
		if want := fmt.Sprint(s.first, set); id != want || usual != (set == 1) {
			t.Errorf("%d names from %d on: set %s, usual %v; want %s", n, first, id, usual, want)
		}
	}
	f(0, 30, 1)
	f(0, 900, 1)
	f(0, 1000, 1)
	f(0, 1001, 2) // more than a row may have: alone
	f(500, 500, 1)
	f(1000, 1, 2) // known there
	f(2000, 900, 3)
	f(0, 30, 1)
	for i := range 2 * maxSets {
		f(10000*(i+1), setColumns, 4+i)
	}
	f(0, 30, 1)
	f(2000, 5, 3)
}
