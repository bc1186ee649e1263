package elastic

import (
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/aggregator/ledger"
	"belfry/shared/event"
)

func TestWrite(t *testing.T) {
	urls := elasticsearchNode.Open(t).URLs
	cfg := Config{Nodes: urls, Prefix: prefix(t, urls[0])}
	o := open(t, cfg, Hooks{First: 41})
	s := newStream("a")
	if r := o.must(t, s.write(0, 100)); r.New != 100 || r.Repeats != 0 || r.Position != 42 {
		t.Errorf("%+v", r)
	}
	once(t, o.ids(t), s, 100)
	if r := o.must(t, s.write(50, 150)); r.New != 50 || r.Repeats != 50 || r.Position != 43 {
		t.Errorf("repeat: %+v", r)
	}
	once(t, o.ids(t), s, 150)
	once(t, o.watched(), s, 150)
	if !o.Held(s.pos, 149) || o.Held(s.pos, 150) {
		t.Error("the ledger does not hold what was written")
	}
	o.end(t)

	// Another process begins with the same ledger; one that had lost it still writes nothing twice.
	o = open(t, cfg, Hooks{})
	if !o.Held(s.pos, 149) || o.Held(s.pos, 150) {
		t.Error("the ledger was not read")
	}
	if r := o.must(t, s.write(0, 160)); r.New != 10 || r.Repeats != 150 {
		t.Errorf("after a restart: %+v", r)
	}
	once(t, o.ids(t), s, 160)
}

var _ index.Docs = (*docs)(nil)

// The memory for many small documents behind some large ones is about what they have, as the gate counts it.
func TestMemoryOfDocuments(t *testing.T) {
	x := &Index{cfg: Config{}.withDefaults(), now: time.Now, ledger: ledger.New()}
	x.makers.New = func() any { return newMaker() }
	x.docSize.Store(64 << 10)
	p := &pending{w: index.Write{Items: make([]index.Item, 10_000)}}
	for i := range p.w.Items {
		p.w.Items[i].Event = new(event.Event)
		p.w.Items[i].Event.Append("message", "small")
	}
	if err := x.prepare(p); err != nil {
		t.Fatal(err)
	}
	if cap(p.docs) > 2*int(p.cost)+docsAhead {
		t.Errorf("%d bytes for documents of %d", cap(p.docs), p.cost)
	}
}

// An event goes to the day that its sender says, if there may be an index of that day.
func TestPlaceOfDays(t *testing.T) {
	now := time.Date(2026, 11, 29, 23, 59, 0, 0, time.UTC)
	x := &Index{cfg: Config{}.withDefaults(), now: func() time.Time { return now }}
	const today = "2026-11-29"
	f := func(day, want string, wantLook bool) {
		t.Helper()
		it := index.Item{Event: new(event.Event), Day: day}
		it.Event.Append("event.id", event.RandomKey().String())
		if look, err := x.place(&it, today); err != nil || it.Day != want || look != wantLook {
			t.Errorf("%s: %s, look %v, %v", day, it.Day, look, err)
		}
	}
	f("2026-11-29", "2026-11-29", false)
	f("2026-11-30", "2026-11-30", false)
	f("2026-12-01", today, true)
	f("9999-12-31", today, true)
	f("2026-08-30", "2026-08-30", false)
	f("2026-08-29", today, true)
	f("", today, true)
	now = now.Add(2 * time.Hour).In(time.FixedZone("", -10*3600)) // days are those of UTC, wherever the aggregator is
	f("2026-08-30", today, true)
	f("2026-08-31", "2026-08-31", false)
}
