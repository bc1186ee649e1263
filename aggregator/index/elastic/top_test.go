package elastic

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// TestManyValues has more values than a shard sends: they are walked through, unless there are too many for that.
func TestManyValues(t *testing.T) {
	l := load(t, elasticsearchNode.Open(t).URLs...)
	l.terms, l.walked = 10, 100
	var all []*event.Event
	for i := range 600 {
		e := numbered(i, testDay.Add(time.Duration(i)*time.Second))
		n := i * i % 67
		e.Set("user.name", fmt.Sprint("user", n))
		e.Append("process.pid", fmt.Sprint(n))
		e.Append("sudo.run_time", fmt.Sprintf("%d.50", n))
		e.Append("source.ip", fmt.Sprintf("2001:DB8::%x", n))
		e.Append("labels.x", fmt.Sprint("v", n))
		all = append(all, e)
	}
	for i := range 3 { // each value is in each index
		l.put(t, "default", dayOf(testDay.AddDate(0, 0, i)), all[200*i:200*i+200]...)
	}
	for _, field := range []string{"user.name", "process.pid", "sudo.run_time", "source.ip", "labels.x"} {
		for _, limit := range []int{3, 12, 1000} {
			r, err := l.Top(t.Context(), index.Top{Field: field, Limit: limit})
			want := topOf(all, field, limit)
			if err != nil || r.Inexact || r.Events != 600 || r.Without != 0 || !slices.Equal(r.Values, want) {
				t.Errorf("top %d of %s: %+v, %v; want %v", limit, field, r, err, want)
			}
		}
	}
	r, err := l.Top(t.Context(), index.Top{Field: "log.offset", Limit: 5})
	if err != nil || !r.Inexact || r.Events != 600 || len(r.Values) != 5 {
		t.Errorf("of 600 values: %+v, %v", r, err)
	}
}

func topOf(events []*event.Event, field string, limit int) (all []index.Value) {
	counts := make(map[string]uint64)
	for _, e := range events {
		counts[index.Told(field, e.Get(field))]++
	}
	for v, n := range counts {
		all = append(all, index.Value{Value: v, Count: n})
	}
	slices.SortFunc(all, func(a, b index.Value) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return all[:min(limit, len(all))]
}

// TestTallyForgets counts more values than may be in memory: those with the most events stay.
func TestTallyForgets(t *testing.T) {
	n := tally{counts: make(map[string]uint64), most: 2}
	for i := range 1600 {
		n.add([]string{fmt.Sprintf("%0100000d", i), "often"})
		if i%3 == 0 {
			n.add([]string{"at times"})
		}
	}
	r := n.result(index.TopResult{})
	if !r.Inexact || n.bytes > tallyBytes || r.Values[0] != (index.Value{Value: "often", Count: 1600}) || r.Values[1].Value != "at times" {
		t.Errorf("%v bytes, inexact %v, first value %.20s %d", n.bytes, r.Inexact, r.Values[0].Value, r.Values[0].Count)
	}
}

// TestStepFor names the step that keeps an answer within its bounds.
func TestStepFor(t *testing.T) {
	f := func(length time.Duration, most int, want string) {
		t.Helper()
		if got := shortly(stepFor(length, most)); got != want {
			t.Errorf("stepFor(%v, %d) = %s, want %s", length, most, got, want)
		}
	}
	f(0, 10_000, "1µs")
	f(13_600*time.Second, 10_000, "2s")
	f(30*24*time.Hour, 10_000, "5m")
	f(365*24*time.Hour, 1000, "12h")
	f(40*365*24*time.Hour, 10, "38952h")
	f(time.Hour, 0, "2h")
}
