package embedded

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"pgregory.net/rapid"

	"belfry/aggregator/index"
	"belfry/aggregator/index/admit"
	"belfry/shared/event"
	"belfry/shared/segment"
)

// account returns what of an event is neither in the one that the guards have made of it, nor told by a tag.
func account(before, after *event.Event) error {
	folded := after.Get(overflowField)
	tags := after.All("tags")
	kept := make(map[event.Field]bool)
	for _, f := range after.Fields {
		kept[f] = true
	}
	for _, f := range before.Fields {
		switch {
		case f.Name == "@timestamp" && (f.Value == after.Get("@timestamp") || f.Value == after.Get(admit.LogTimeField)):
		case kept[f]:
		case slices.Contains(tags, tagTruncated):
		case slices.Contains(tags, tagOverflow) && strings.Contains(folded, string(event.AppendString(nil, f.Value))):
		default:
			return fmt.Errorf("%.40q (%d bytes) of %.40q (%d bytes) is lost", f.Value, len(f.Value), f.Name, len(f.Name))
		}
	}
	return nil
}

// TestGuardKeepsAll writes events at the bounds of what the storage takes. Each is found, and what it lacks is told.
func TestGuardKeepsAll(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	var kept []*event.Event
	f := func(name string, fill func(e *event.Event), tags ...string) {
		t.Helper()
		e := new(event.Event)
		e.Append("event.id", name)
		fill(e)
		before := e.Clone()
		mustWrite(t, x, index.Write{Items: []index.Item{{Event: e}}})
		kept = append(kept, e)
		if err := account(before, e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := e.All("tags"); !slices.Equal(got, tags) {
			t.Errorf("%s: tags %q, want %q", name, got, tags)
		}
	}
	names := func(n, length int) func(*event.Event) {
		return func(e *event.Event) {
			for i := range n {
				s := fmt.Sprint("labels.", i)
				e.Append(s+strings.Repeat("n", length-len(s)), "v")
			}
		}
	}
	value := func(name string, sizes ...int) func(*event.Event) {
		return func(e *event.Event) {
			for _, n := range sizes {
				e.Append(name, strings.Repeat("v", n))
			}
		}
	}
	of := func(name, text string, n int) func(*event.Event) {
		return func(e *event.Event) { e.Append(name, strings.Repeat(text, n)) }
	}
	f("longest names", names(50, maxName))
	f("names too long", names(50, maxName+1), tagOverflow)
	f("most fields", names(maxColumns, 20))
	f("one field more", names(maxColumns+1, 20), tagOverflow)
	f("many fields", names(maxValues-20, 20), tagOverflow)
	f("many values", func(e *event.Event) {
		for i := range 3000 {
			e.Append("process.args", fmt.Sprint("v", i))
		}
	})
	f("most values", func(e *event.Event) {
		for range maxValues - 10 {
			e.Append("labels.x", "\x01")
		}
	})
	f("largest row", value("labels.x", maxRow-200))
	f("row too large", value("labels.x", maxRow), tagTruncated)
	f("value far too large", value("labels.x", 20<<20), tagTruncated)
	f("raw line too large", value("event.original", maxRow), tagTruncated)
	f("two raw lines too large", value("event.original", maxRow/2, maxRow/2), tagTruncated)
	f("raw line of escapes", func(e *event.Event) { e.Append("event.original", strings.Repeat("\x01", maxRow/2)) })
	f("raw lines of escapes", func(e *event.Event) {
		e.Append("event.original", strings.Repeat("\x01", maxRow/4))
		e.Append("event.original", strings.Repeat("\x02", maxRow/4))
	}, tagTruncated)
	f("raw line of capitals", of("event.original", "A ", maxRow/4), tagTruncated)
	f("raw line that grows in lower case", of("event.original", "Ⱥ", maxRow/4), tagTruncated)
	f("raw line behind a head like a number", func(e *event.Event) {
		e.Append("event.original", strings.Repeat("-a", maxRow/4-2)+".x y")
		e.Append("message", "x y")
	}, tagTruncated)
	f("long lists of long names", func(e *event.Event) {
		for i := range maxColumns {
			for range maxValues/maxColumns - 1 {
				e.Append(fmt.Sprint("labels.", i, strings.Repeat("n", 110)), strings.Repeat("\x01", 50))
			}
		}
		e.Append("event.original", strings.Repeat("v", maxRow/2))
	}, tagTruncated)
	f("reserved names", func(e *event.Event) {
		for _, n := range reserved {
			e.Append(n, "v"+n)
		}
		e.Append(overflowField, "theirs")
	}, tagOverflow)
	f("overflow of their own", func(e *event.Event) { e.Append(overflowField, "theirs") })
	f("no text", func(e *event.Event) { e.Append("labels.x", "\xff\xfe") })

	all := make(map[string]string)
	for _, e := range search(t, x, "", index.Search{Limit: -1}) {
		all[e.Get("event.id")] += canonical(e)
	}
	for _, e := range kept {
		id := e.Get("event.id")
		if got, want := all[id], canonical(e); got != want {
			t.Errorf("%s: found as %.200q, want %.200q", id, got, want)
		}
	}
	if len(all) != len(kept) {
		t.Errorf("%d events are found, %d were written", len(all), len(kept))
	}
}

func TestGuardAccounts(t *testing.T) {
	x := &Index{}
	x.cfg.setDefaults()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Now()
		e := drawEvent(t, now)
		for range rapid.IntRange(0, 3).Draw(t, "long") {
			name := rapid.SampledFrom(append(someNames, "event.original")).Draw(t, "name")
			e.Append(name, strings.Repeat(rapid.SampledFrom([]string{"v", "ü", "\x01", `"`, "V ", "Ⱥ", "-1"}).Draw(t, "of"), rapid.IntRange(1, 2<<20).Draw(t, "n")))
		}
		before := e.Clone()
		_, size := guard(e, now, x.cfg.Retention)
		if err := account(before, e); err != nil {
			t.Fatal(err)
		}
		if size > maxRow || size < rowSize(e) || mustFold(e) {
			t.Fatalf("%d bytes, %d fields", size, len(e.Fields))
		}
		again := e.Clone()
		if guard(again, now, x.cfg.Retention); canonical(again) != canonical(e) {
			t.Fatalf("guarded twice: %.300q, and before %.300q", canonical(again), canonical(e))
		}
	})
}

// TestGuardRefuses has writes that are larger than any can be.
func TestGuardRefuses(t *testing.T) {
	x := start(t, Config{Dir: t.TempDir()}, nil)
	f := func(name string, w index.Write) {
		t.Helper()
		if a := write(t, x, w); !errors.Is(a.err, index.ErrBadWrite) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	e := new(event.Event)
	for range maxValues + 1 {
		e.Append("tags", "v")
	}
	f("too many values", index.Write{Items: []index.Item{{Event: e}}})
	var w index.Write
	text := strings.Repeat("v", 1<<20)
	for range maxCost>>20 + 1 {
		e := new(event.Event)
		e.Append("message", text)
		w.Items = append(w.Items, index.Item{Event: e})
	}
	f("too large", w)
	r := data(testPos, 0, 1).Ranges[0]
	f("too many ranges", index.Write{Ranges: slices.Repeat([]index.Range{r}, maxCost/rangeCost+1)})
	if n := s2.MaxEncodedLen(maxCost); n <= 0 || n > segment.MaxRecord {
		t.Errorf("a record may have %d bytes", n)
	}
}

// TestGuardedTimes writes at the ends of the retention and beyond, and finds each at the time that the guard gave it.
func TestGuardedTimes(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir(), Retention: 3 * 24 * time.Hour}, nil)
	now := time.Now()
	x.now = func() time.Time { return now }
	runIndex(t, x)
	created := now.Add(-time.Hour).UTC().Format(time.RFC3339Nano)
	n := 0
	f := func(at string, inside bool) {
		t.Helper()
		e := plainEvent(n, now)
		e.Set("@timestamp", at)
		e.Set("event.created", created)
		mustWrite(t, x, index.Write{Items: []index.Item{{Event: e}}})
		got := search(t, x, fmt.Sprint("event.id:n", n), index.Search{})
		n++
		want, logTime := at, ""
		if !inside {
			want, logTime = created, at
		}
		if len(got) != 1 || got[0].Get("@timestamp") != want || got[0].Get(admit.LogTimeField) != logTime {
			t.Errorf("%s: found %d times: %v", at, len(got), got)
		}
	}
	at := func(d time.Duration) string { return now.Add(d).UTC().Format(time.RFC3339Nano) }
	f(at(-x.cfg.Retention), true)
	f(at(-x.cfg.Retention-1), false)
	f(at(admit.Future-1), true)
	f(at(admit.Future), false)
	f("1970-01-01T00:00:00Z", false)
	f("0001-01-01T00:00:00Z", false)
	f("9999-12-31T23:59:59.999999999Z", false)
	f("yesterday", false)
	if got := x.Stats().Rows; got != uint64(n) {
		t.Errorf("%d rows of %d are there", got, n)
	}
}
