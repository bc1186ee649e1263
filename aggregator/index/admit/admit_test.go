package admit

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"belfry/shared/event"
)

// A folded event has no more values than it may, its essential ones, and all others in one field.
func TestFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(20, 60).Draw(t, "most")
		e := new(event.Event)
		e.Append("@timestamp", "2026-11-28T22:00:00Z")
		e.Append("message", "m")
		for n := range rapid.IntRange(0, 200).Draw(t, "fields") {
			e.Append(rapid.SampledFrom([]string{"a", "b.c", "tags", "event.original", "host.name", "user.name", fmt.Sprint("f", n)}).Draw(t, "name"), fmt.Sprint(n))
		}
		before := e.Clone()
		Fold(e, most)
		if len(before.Fields) <= most {
			if len(e.Fields) != len(before.Fields) {
				t.Error("it was folded without need")
			}
			return
		}
		if len(e.Fields) > most {
			t.Errorf("%d values, at most %d", len(e.Fields), most)
		}
		if e.Get("message") != "m" || !e.Has("@timestamp") {
			t.Error("what is essential is gone")
		}
		var d event.Decoder
		rest, err := d.Decode([]byte(e.Get(OverflowField)))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(rest.Fields) + len(e.Fields); n != len(before.Fields)+2 && n != len(before.Fields)+1 {
			t.Errorf("%d values, then %d", len(before.Fields), n)
		}
	})
}

func TestTime(t *testing.T) {
	now := time.Date(2026, 11, 28, 22, 0, 0, 0, time.UTC)
	f := func(at, created, want, claimed string) {
		t.Helper()
		e := new(event.Event)
		e.Append("@timestamp", at)
		e.Append("event.created", created)
		got := Time(e, now, 24*time.Hour)
		if e.Get("@timestamp") != want || got.Format(time.RFC3339Nano) != want || e.Get(LogTimeField) != claimed {
			t.Errorf("%s, %s: %s, %s", at, created, e.Get("@timestamp"), e.Get(LogTimeField))
		}
	}
	const good, old, ahead = "2026-11-28T12:00:00.5Z", "2026-11-27T21:59:59Z", "2026-11-29T22:00:00Z"
	f(good, "", good, "")
	f("2026-11-28T13:00:00.50+01:00", "", good, "")
	f(old, good, good, old)
	f(ahead, good, good, ahead)
	f(old, ahead, "2026-11-28T22:00:00Z", old)
	f("", "", "2026-11-28T22:00:00Z", "")
	f("soon", "", "2026-11-28T22:00:00Z", "soon")
}
