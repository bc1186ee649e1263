package embedded

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"pgregory.net/rapid"

	"belfry/aggregator/index"
	"belfry/aggregator/index/admit"
	"belfry/shared/batch"
	"belfry/shared/event"
)

var someNames = []string{"message", "user.name", "tags", "event.category", "source.ip", "process.pid", "host.name", "labels.x",
	"process.args", "a", "a.b", "ü.ö", "_odd", "ends*", `q"uote`, "", "_msg", "_time", "_stream", "_wal", "_lists", "details.overflow",
	strings.Repeat("n", 128), strings.Repeat("n", 129)}

func drawEvent(t *rapid.T, now time.Time) *event.Event {
	value := rapid.OneOf(rapid.StringN(1, 20, -1), rapid.SampledFrom([]string{"10.0.0.1", "007", "1.50", "-1", "1e9", "18446744073709551615",
		"2026-11-24T01:02:03.004Z", "2026-11-24 01:02:03", `["a"]`, "[", "true", " ", "\x00", "a\nb", "\u2028", "\\", "\"", "<&>", "0x1f", "3s", "5KB"}))
	e := new(event.Event)
	for range rapid.IntRange(0, 12).Draw(t, "fields") {
		e.Append(rapid.SampledFrom(someNames).Draw(t, "name"), strings.ToValidUTF8(value.Draw(t, "value"), "\uFFFD"))
	}
	at := now.Add(-time.Duration(rapid.Int64Range(0, int64(80*24*time.Hour)).Draw(t, "age")))
	e.Set("@timestamp", at.Format(time.RFC3339Nano))
	return e
}

// TestSameEvent writes odd events, in groups as they come, and expects each back as the guards have left it.
func TestSameEvent(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Now().UTC()
		want := map[string]string{}
		var w index.Write
		for range rapid.IntRange(1, 20).Draw(rt, "events") {
			n++
			e := drawEvent(rt, now)
			e.Set("event.id", fmt.Sprint("id", n))
			e.Set("event.dataset", "same")
			w.Items = append(w.Items, index.Item{Event: e})
		}
		mustWrite(t, x, w)
		for _, it := range w.Items {
			want[it.Event.Get("event.id")] = canonical(it.Event)
		}
		for _, e := range search(t, x, "event.dataset:same", index.Search{Limit: -1}) {
			id := e.Get("event.id")
			if text, ok := want[id]; ok && text != canonical(e) {
				rt.Fatalf("%s was\n%s\nand is\n%s", id, text, canonical(e))
			}
			delete(want, id)
		}
		if len(want) > 0 {
			rt.Fatalf("not found: %v", want)
		}
	})
}

// TestSameNumbers writes columns of one kind, which the storage keeps as numbers, addresses or times, and expects each
// value back as it was, and found.
func TestSameNumbers(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	kinds := map[string]string{
		"labels.a": "1_0%02d", "labels.b": "1.%d0", "labels.c": "1.%d", "labels.d": "-%d", "labels.e": "10.0.0.%02d",
		"labels.f": "10.0.0.1%c", "labels.g": "2026-11-31T17:54:%02d.123Z", "labels.h": "2026-11-30 17:54:%02d.123Z",
		"labels.i": "2026-11-30T17:54:%02d.123Z", "labels.j": "%d", "labels.k": "10.0.1.%d", "labels.l": "_%d", "labels.m": "3%d.14",
		"error.message": "1.%d0", "event.id": "7.%d0",
	}
	const rows = 30
	var w index.Write
	for i := range rows {
		e := new(event.Event)
		for name, form := range kinds {
			n := i
			if strings.HasSuffix(form, "%c") {
				n += 'A'
			}
			e.Append(name, fmt.Sprintf(form, n))
		}
		w.Items = append(w.Items, index.Item{Event: e})
	}
	mustWrite(t, x, w)
	for i := range w.Items {
		want := w.Items[i].Event
		for name := range kinds {
			text := fmt.Sprintf("%s:%q", name, want.Get(name))
			if got := search(t, x, text, index.Search{}); len(got) != 1 || canonical(got[0]) != canonical(want) {
				t.Errorf("%s: found %d times: %v", text, len(got), got)
			}
		}
	}
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := index.Write{}
		for range rapid.IntRange(0, 5).Draw(t, "ranges") {
			first := rapid.Uint64Max(1<<62).Draw(t, "first")
			kind := rapid.SampledFrom([]batch.Kind{batch.Data, batch.Dead, batch.Dropped, batch.Skipped}).Draw(t, "kind")
			w.Ranges = append(w.Ranges, index.Range{Pos: testPos, Kind: kind, First: first, End: first + rapid.Uint64Range(1, 1<<40).Draw(t, "n")})
		}
		for range rapid.IntRange(0, 5).Draw(t, "events") {
			w.Items = append(w.Items, index.Item{
				Event: drawEvent(t, time.Now()), Named: rapid.Bool().Draw(t, "named"),
				Class: rapid.SampledFrom([]string{"", index.DefaultClass, "auth", "net_flow"}).Draw(t, "class"),
			})
		}
		picked := func(i int) bool { return i%2 == 0 }
		n := (len(w.Items) + 1) / 2
		r, err := decodeRecord((&recordWriter{day: 20781}).encode(nil, w.Ranges, w.Items, picked, n))
		if err != nil || len(r.events) != n || fmt.Sprint(r.ranges) != fmt.Sprint(w.Ranges) {
			t.Fatalf("%v: %d events, ranges %v", err, len(r.events), r.ranges)
		}
		for i, e := range r.events {
			if fmt.Sprint(*e) != fmt.Sprint(*w.Items[2*i].Event) {
				t.Fatalf("event %d was %v, is %v", 2*i, w.Items[2*i].Event, e)
			}
			if want := cmp.Or(w.Items[2*i].Class, index.DefaultClass); r.class(i) != want {
				t.Fatalf("event %d: class %s, want %s", 2*i, r.class(i), want)
			}
			if slices.Contains(r.named, i) != w.Items[2*i].Named {
				t.Fatalf("event %d: named %v", 2*i, r.named)
			}
		}
		if len(r.named) > 0 && r.day != 20781 {
			t.Fatalf("of day %d", r.day)
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	w := numbered(testPos, 0, 3, time.Unix(1700000000, 0))
	f.Add(new(recordWriter).encode(nil, w.Ranges, w.Items, func(int) bool { return true }, 3))
	w.Items[1].Named = true
	f.Add(new(recordWriter).encode(nil, w.Ranges, w.Items, func(int) bool { return true }, 3))
	w.Items[2].Class = "auth"
	f.Add(new(recordWriter).encode(nil, w.Ranges, w.Items, func(int) bool { return true }, 3))
	f.Add([]byte{recordPlain, 0})
	f.Fuzz(func(t *testing.T, rec []byte) {
		if len(rec) > 1<<16 {
			return
		}
		if r, err := decodeRecord(rec); err == nil && len(r.events) > 1<<22 {
			t.Error("too many events")
		}
	})
}

// TestForeignRow reads a row as somebody else may have written it.
func TestForeignRow(t *testing.T) {
	block := []logstorage.BlockColumn{
		{Name: "_time", Values: []string{"2026-11-24T01:02:03Z"}}, {Name: "_stream", Values: []string{"{}"}},
		{Name: "tags", Values: []string{"not a list"}}, {Name: "_lists", Values: []string{"{"}}, {Name: "x", Values: []string{""}},
		{Name: "event.type", Values: []string{`["a",1,{}]`}},
	}
	got := canonical(new(rowReader).read(block, 0))
	want := "\"@timestamp\"=[\"2026-11-24T01:02:03Z\"]\n\"event.type\"=[\"a\"]\n\"tags\"=[\"not a list\"]"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestGuardTime(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	x := &Index{}
	x.cfg.setDefaults()
	f := func(own, created, want, logTime string) {
		t.Helper()
		e := new(event.Event)
		e.Append("@timestamp", own)
		e.Append("event.created", created)
		ts, _ := guard(e, now, x.cfg.Retention)
		if e.Get("@timestamp") != want || e.Get(admit.LogTimeField) != logTime || (e.Get("tags") == admit.TagTime) != (logTime != "") {
			t.Errorf("%q, created %q: %v", own, created, e.Fields)
		}
		if at, err := time.Parse(time.RFC3339Nano, want); err != nil || at.UnixNano() != ts {
			t.Errorf("%q: time %d, want %v", own, ts, at)
		}
	}
	f("2026-11-24T11:00:00.5Z", "", "2026-11-24T11:00:00.5Z", "")
	f("2026-11-24T11:00:00.500+02:00", "", "2026-11-24T09:00:00.5Z", "")
	f("2026-11-25T11:59:59Z", "", "2026-11-25T11:59:59Z", "")
	f("2026-11-25T12:00:00Z", "2026-11-24T11:59:00Z", "2026-11-24T11:59:00Z", "2026-11-25T12:00:00Z")
	f("2026-08-26T12:00:00Z", "", "2026-08-26T12:00:00Z", "")
	f("2026-08-26T11:59:59.999999999Z", "2026-11-24T11:00:00Z", "2026-11-24T11:00:00Z", "2026-08-26T11:59:59.999999999Z")
	f("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-24T12:00:00Z", "0000-01-01T00:00:00Z")
	f("yesterday", "today", "2026-11-24T12:00:00Z", "yesterday")
	f("", "2026-11-24T11:00:00Z", "2026-11-24T11:00:00Z", "")
	f("", "", "2026-11-24T12:00:00Z", "")
}

// TestGuardSize writes what the storage would drop, and finds it again with the raw line whole.
func TestGuardSize(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	f := func(name string, fill func(e *event.Event), check func(e *event.Event) bool) {
		t.Helper()
		e := new(event.Event)
		e.Append("event.id", name)
		e.Append("event.original", strings.Repeat("raw line ", 8000))
		fill(e)
		mustWrite(t, x, index.Write{Items: []index.Item{{Event: e}}})
		got := search(t, x, "event.id:"+name, index.Search{})
		if len(got) != 1 {
			t.Fatalf("%s: found %d times", name, len(got))
		}
		if canonical(got[0]) != canonical(e) || len(got[0].Get("event.original")) != 72000 || !check(got[0]) {
			t.Errorf("%s: is not as it should be: %d fields, tags %v", name, len(got[0].Fields), got[0].All("tags"))
		}
	}
	tagged := func(e *event.Event, tag string) bool { return strings.Contains(strings.Join(e.All("tags"), " "), tag) }
	f("many", func(e *event.Event) {
		for i := range 5000 {
			e.Append(fmt.Sprint("labels.n", i), "v")
		}
	}, func(e *event.Event) bool {
		return tagged(e, tagOverflow) && strings.Contains(e.Get(overflowField), `"n4999":"v"`)
	})
	f("name", func(e *event.Event) { e.Append(strings.Repeat("n", 200), "v") }, func(e *event.Event) bool {
		return tagged(e, tagOverflow) && e.Get(overflowField) == `{"`+strings.Repeat("n", 200)+`":"v"}`
	})
	f("long", func(e *event.Event) { e.Append("labels.long", strings.Repeat("ü", 3<<20)) }, func(e *event.Event) bool {
		return tagged(e, tagTruncated) && len(e.Get("labels.long")) > 1<<20
	})
	f("escapes", func(e *event.Event) {
		for range 1000 {
			e.Append("tags", strings.Repeat("\x01", 1500))
		}
	}, func(e *event.Event) bool { return tagged(e, tagTruncated) })
	f("all", func(e *event.Event) {
		for i := range 2100 {
			e.Append(fmt.Sprint("labels.", strings.Repeat("n", 100), i), strings.Repeat("v", 1000))
		}
	}, func(e *event.Event) bool { return tagged(e, tagOverflow) && tagged(e, tagTruncated) })
	f("host", func(e *event.Event) { e.Append("host.name", strings.Repeat("h", 70000)) }, func(e *event.Event) bool { return true })
}

func TestLevel(t *testing.T) {
	f := func(budget, want int, lengths ...int) {
		t.Helper()
		if got := level(lengths, budget); got != want {
			t.Errorf("level(%v, %d) = %d, want %d", lengths, budget, got, want)
		}
	}
	f(100, maxRow, 10, 20)
	f(30, 20, 10, 2000)
	f(31, 10, 10, 20, 11)
	f(-5, 1, 10, 20)
	f(0, maxRow)
}

func TestHostSet(t *testing.T) {
	var s hostSet
	day := time.Unix(86400*100, 0)
	s.begin(day)
	for i := range maxHosts {
		if !s.has(fmt.Sprint(i)) {
			t.Fatal("refused a host")
		}
	}
	if s.has("one more") || !s.has("5") {
		t.Error("one host too many, or a known one forgotten")
	}
	s.begin(day.Add(24 * time.Hour))
	if !s.has("one more") {
		t.Error("the next day begins full")
	}
}
