package fleet

import (
	"testing"
	"time"

	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// Each message that an agent lost is told of once: whatever comes late or again, over kills and starts.
func TestDropped(t *testing.T) {
	w := newTown(t, t.TempDir())
	defer func() { w.Close() }()
	w.speaks("q", "a")
	var log []*event.Event
	lose := func(boot string, n uint64) {
		w.now = w.now.Add(heartbeat.Every)
		w.speaks("q", "a")
		log = append(log, beat(w, "a", heartbeat.Heartbeat{Boot: id(boot), Dropped: n}))
		w.must(w.Process(uint64(len(log)), log[len(log)-1:]))
		w.must(w.Tick(w.now))
	}
	want := func(total uint64, messages ...string) {
		t.Helper()
		list, err := w.db.Unsaid(1000)
		w.must(err)
		w.must(w.db.Said(list))
		var got []string
		for _, o := range list {
			if e := o.Event; e.Get("event.dataset") == "belfry.gap" && e.Get("belfry.gap.reason") == "dropped" && e.Get("host.name") == "a" {
				got = append(got, e.Get("belfry.gap.messages"))
			}
		}
		if len(got) != len(messages) || len(got) == 1 && got[0] != messages[0] {
			t.Errorf("said that %q were lost, want %q", got, messages)
		}
		if h := w.Hosts(w.now)[0]; h.Dropped != total {
			t.Errorf("%d are lost, want %d", h.Dropped, total)
		}
	}
	again := func() {
		w.kill()
		for at := w.Cursor(); at < uint64(len(log)); at++ {
			w.must(w.Process(at+1, log[at:at+1]))
		}
		w.must(w.Tick(w.now))
	}
	lose("1", 0)
	want(0)
	lose("1", 3)
	want(3, "3")
	lose("1", 3)
	want(3)
	lose("1", 5)
	want(5, "2")
	lose("2", 4)
	want(9, "4")
	lose("1", 5) // late, or of a clone
	lose("2", 4)
	want(9)
	again() // the heartbeats of both boots come again
	want(9)
	w.now = w.now.Add(time.Second)
	log = append(log, beat(w, "a", heartbeat.Heartbeat{Boot: id("2"), Dropped: 10}))
	w.must(w.Process(uint64(len(log)), log[len(log)-1:]))
	again() // it was not told before the kill
	want(15, "6")
	again()
	want(15)
	for i := range 2 * maxBoots {
		lose(string(rune('A'+i)), 1)
		want(16+uint64(i), "1")
	}
	lose("no end", 1<<64-1)
	want(1<<64-1, "18446744073709551584")
}
