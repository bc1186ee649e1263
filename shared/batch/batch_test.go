package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"belfry/shared/event"
)

func build(t testing.TB) *Builder {
	t.Helper()
	b, err := NewBuilder(event.HashKey("agent"), event.HashKey("boot"), 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealAndOpen(t *testing.T) {
	b := build(t)
	x := Place{Stream: event.HashKey("x"), Epoch: 1 << 63, Class: "auth", Day: "2026-11-23"}
	y := Place{Stream: event.HashKey("y"), Epoch: 2, Class: "default", Day: "2026-11-23"}
	b.Add(x, 0, 10, []byte(`{"x":0}`))
	b.Add(y, 5, 7, []byte(`{"y":5}`))
	b.Add(x, 10, 20, []byte(`{"x":10}`))
	b.Pass(x, Skipped, 20, 30)
	b.Add(x, 30, 31, []byte(`{"x":30}`))
	b.Finish(x, 31)
	s, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseManifest(s.Header)
	if err != nil {
		t.Fatal(err)
	}
	want := []Stream{
		{ID: x.Stream, Epoch: x.Epoch, Class: "auth", Day: x.Day, Events: 3, Final: 31,
			Ranges: []Range{{Data, 0, 20}, {Skipped, 20, 30}, {Data, 30, 31}}},
		{ID: y.Stream, Epoch: 2, Class: "default", Day: y.Day, Events: 1, Ranges: []Range{{Data, 5, 7}}},
	}
	if d := cmp.Diff(want, m.Streams); d != "" {
		t.Error(d)
	}
	o, err := NewOpener()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := o.Open(m, s.Body)
	if got := string(bytes.Join(lines, []byte(" "))); err != nil || got != `{"x":0} {"x":10} {"x":30} {"y":5}` {
		t.Errorf("lines %s, %v", got, err)
	}
	s.Body[len(s.Body)-1] ^= 1
	if _, err := o.Open(m, s.Body); !errors.Is(err, ErrAltered) {
		t.Errorf("altered body: %v", err)
	}
}

// A builder that is used again must not show anything of the batch before.
func TestBuilderForgets(t *testing.T) {
	b := build(t)
	p := Place{Stream: event.HashKey("x")}
	for i := range uint64(3) {
		b.Add(p, i, i+1, fmt.Appendf(nil, `{"n":%d}`, i))
		s, err := b.Seal()
		if err != nil {
			t.Fatal(err)
		}
		if m := s.Manifest; m.Events != 1 || m.Streams[0].Events != 1 || m.Streams[0].Ranges[0].First != i {
			t.Errorf("batch %d: %s", i, s.Header)
		}
	}
}

func TestFits(t *testing.T) {
	b := build(t)
	p := Place{Stream: event.HashKey("x")}
	if !b.Fits(p, 10*MaxRaw) {
		t.Error("one large event must fit an empty batch")
	}
	for i := range uint64(MaxEvents) {
		if !b.Fits(p, 2) {
			t.Fatalf("event %d does not fit", i)
		}
		b.Add(p, i, i+1, []byte("{}"))
	}
	if b.Fits(p, 2) {
		t.Error("more than MaxEvents fit")
	}
	b = build(t)
	for i := range MaxStreams {
		b.Add(Place{Stream: event.HashKey(fmt.Sprint(i))}, 0, 1, []byte("{}"))
	}
	if b.Fits(p, 2) {
		t.Error("more than MaxStreams fit")
	}
}

func TestManifestFaults(t *testing.T) {
	s, err := build(t).Seal()
	if err != nil {
		t.Fatal(err)
	}
	f := func(key string, value any, want string) {
		t.Helper()
		var m map[string]any
		if err := json.Unmarshal(s.Header, &m); err != nil {
			t.Fatal(err)
		}
		m[key] = value
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseManifest(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", key, err, want)
		}
	}
	stream := func(ranges ...any) []any {
		return []any{map[string]any{"id": event.HashKey("x"), "epoch": "1", "events": 0, "ranges": ranges}}
	}
	rng := func(kind string, first, end int) any { return map[string]any{"kind": kind, "first": first, "end": end} }
	f("v", 2, "speaks 1")
	f("agent", "00", "key")
	f("agent", strings.Repeat("0", 32), "must be given")
	f("events", 1, "the streams say 0")
	f("streams", stream(rng("data", 5, 5)), "ranges[0]: [5,5)")
	f("streams", stream(rng("data", 0, 5), rng("data", 4, 6)), "ranges[1]: [4,6)")
	f("streams", stream(rng("dead", 0, 5)), `"dead" is not`)
	f("streams", "x", "manifest:")
}

func TestSlot(t *testing.T) {
	if got := Slot(event.HashKey("agent"), 0); got != "fe" || got == Slot(event.HashKey("agent"), 1) {
		t.Errorf("slot %q: agents would move between queues", got)
	}
}

func BenchmarkSeal(b *testing.B) {
	line := []byte(`{"@timestamp":"2026-11-23T17:54:15.000000Z","event":{"original":"Nov 23 17:54:15 vm sudo: averez"}}`)
	w := build(b)
	p := Place{Stream: event.HashKey("x")}
	b.ReportAllocs()
	for b.Loop() {
		for i := range uint64(MaxEvents) {
			w.Add(p, i, i+1, line)
		}
		if _, err := w.Seal(); err != nil {
			b.Fatal(err)
		}
	}
}

// Whatever is said of bytes, and in whatever order: the ranges are in order, and no byte is in two.
func TestRangesAreInOrder(t *testing.T) {
	f := func(want string, say ...Range) {
		t.Helper()
		var s Stream
		for _, r := range say {
			s.extend(r.Kind, r.First, r.End)
		}
		if got := fmt.Sprint(s.Ranges); got != want {
			t.Errorf("%v: %s, want %s", say, got, want)
		}
	}
	f("[{data 0 20}]", Range{Data, 0, 10}, Range{Data, 10, 20})
	f("[{skipped 0 10} {data 10 20}]", Range{Data, 10, 20}, Range{Skipped, 0, 10})
	f("[{skipped 0 10}]", Range{Skipped, 0, 10}, Range{Skipped, 0, 10})
	f("[{skipped 0 10} {data 10 20}]", Range{Skipped, 0, 10}, Range{Data, 10, 20}, Range{Skipped, 0, 10})
	f("[{data 0 10} {skipped 10 15}]", Range{Data, 0, 10}, Range{Skipped, 5, 15})
	f("[{skipped 0 5} {data 5 10} {skipped 10 15}]", Range{Data, 5, 10}, Range{Skipped, 0, 15})
	f("[{data 0 10}]", Range{Data, 0, 10}, Range{Data, 4, 4})
}
