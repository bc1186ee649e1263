package elastic

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"belfry/shared/event"
)

func made(m *maker, e *event.Event) string { return string(m.appendDocument(nil, e, 7)) }

func TestDocument(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		e := new(event.Event)
		for i := 0; i < len(pairs); i += 2 {
			e.Append(pairs[i], pairs[i+1])
		}
		m := newMaker()
		for range 2 { // the second time by the plan of the first
			if got := made(m, e); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		}
	}
	f(`{"belfry":{"order":7},"source":{"ip":"10.0.0.1","port":22}}`, "source.port", "22", "source.ip", "10.0.0.1")
	f(`{"belfry":{"order":7,"words":{"message":"failed for root"}},"message":"Failed for ROOT"}`, "message", "Failed for ROOT")
	f(`{"belfry":{"order":7,"words":{"message":["a","b c"]}},"message":["a","b.c"],"tags":["x"]}`,
		"message", "a", "message", "b.c", "tags", "x")
	f(`{"belfry":{"order":7,"rest":{"labels.a":["1"],"labels.b":["x","y"]}},"labels":{"a":"1","b":["x","y"]}}`,
		"labels.a", "1", "labels.b", "x", "labels.b", "y")
	f(`{"belfry":{"order":7,"kept":{"":["v","w"]}},"tags":["x"]}`, "", "v", "tags", "x", "", "w")
	// What is not of its type stays as it was written, and is odd.
	f(`{"belfry":{"order":7,"odd":["source.ip","source.port"]},"source":{"ip":"here","port":"022"}}`,
		"source.port", "022", "source.ip", "here")
	f(`{"belfry":{"order":7,"kept":{"tls.established":["maybe"]},"odd":["tls.established"]},"tls":{"established":null}}`,
		"tls.established", "maybe")
	f(`{"belfry":{"order":7,"words":{"message":""},"odd":["message"]},"message":"…"}`, "message", "…")
	// Names that would meet those of the mapping, or that no server takes.
	f(`{"belfry":{"order":7,"rest":{"source":["x"]},"kept":{"source":["x"]}},"source":{"ip":"::1"}}`, "source", "x", "source.ip", "::1")
	f(`{"belfry":{"order":7,"rest":{"message.x":["1"]},"kept":{"message.x":["1"]}}}`, "message.x", "1")
	f(`{"belfry":{"order":7,"rest":{"a..b":["1"]},"kept":{"a..b":["1"]}}}`, "a..b", "1")
	f(`{"belfry":{"order":7,"rest":{"_id":["1"]},"kept":{"_id":["1"]}}}`, "_id", "1")
	// The object of our own is an event's too.
	f(`{"belfry":{"order":7,"gap":{"id":"3","reason":"r"}},"tags":["x"]}`, "belfry.gap.reason", "r", "belfry.gap.id", "3", "tags", "x")
	f(`{"belfry":{"order":7,"rest":{"belfry.order":["9"]},"kept":{"belfry.order":["9"]}}}`, "belfry.order", "9")
	// A scalar that begins another name.
	f(`{"belfry":{"order":7,"rest":{"a":["1"],"a.b":["2"]}},"a":"1","a.b":"2"}`, "a", "1", "a.b", "2")
	// A place on earth is found by its text too.
	f(`{"belfry":{"order":7,"rest":{"source.geo.location":["1.5,2"]}},"source":{"geo":{"location":"1.5,2"}}}`,
		"source.geo.location", "1.5,2")
	long := strings.Repeat("x", 1025)
	f(`{"belfry":{"order":7,"odd":["user.name"]},"user":{"name":"`+long+`"}}`, "user.name", long)
	f(`{"belfry":{"order":7,"rest":{"labels.x":[]},"odd":["labels.x"]},"labels":{"x":"`+long+`"}}`, "labels.x", long)
	f(`{"belfry":{"order":7,"rest":{"labels.x":["b"]},"odd":["labels.x"]},"labels":{"x":["`+long+`","b"]}}`, "labels.x", long, "labels.x", "b")
}

// Whatever an event holds, its document is JSON, and reads as the event again.
func TestDocumentReads(t *testing.T) {
	name := rapid.OneOf(
		rapid.SampledFrom([]string{"source.ip", "source", "message", "tls.established", "source.port", "tags", "a", "a.b", "a.b.c",
			"labels.x", "belfry.gap.id", "belfry.order", "belfry", "_id", "x..y", "a!b", "event.created", "message.deep"}),
		rapid.StringMatching(`[a-c]{1,2}(\.[a-c !]{0,2}){0,3}`),
	)
	value := rapid.OneOf(rapid.SampledFrom([]string{"1", "true", "10.0.0.1", "007", "2026-11-28T22:00:00Z", "1e5", "-0"}), rapid.StringN(1, 20, -1))
	m := newMaker()
	rapid.Check(t, func(t *rapid.T) {
		e := new(event.Event)
		e.Append("@timestamp", "2026-11-28T22:00:00.5Z")
		for range rapid.IntRange(0, 8).Draw(t, "fields") {
			if n := name.Draw(t, "name"); n != "" {
				e.Append(n, strings.ToValidUTF8(value.Draw(t, "value"), "?"))
			}
		}
		text := m.appendDocument(nil, e, 7)
		if !json.Valid(text) {
			t.Fatalf("%s", text)
		}
		var d event.Decoder
		got, err := readEvent(&d, &hit{Source: text})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, f := range e.Fields {
			if a, b := strings.Join(got.All(f.Name), "\x00"), strings.Join(e.All(f.Name), "\x00"); a != b {
				t.Errorf("%s: %q, want %q; %s", f.Name, a, b, text)
			}
		}
		if len(got.Fields) != len(e.Fields) {
			t.Errorf("%d fields, want %d; %s", len(got.Fields), len(e.Fields), text)
		}
	})
}

func BenchmarkDocument(b *testing.B) {
	m := newMaker()
	e := newStream("b").event(1234)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = m.appendDocument(buf[:0], e, 7)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkAppendJSON(b *testing.B) {
	e := newStream("b").event(1234)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendJSON(buf[:0])
	}
}

// Whoever sends events with ever new names does not fill the memory with plans for them.
func TestPlansAreBounded(t *testing.T) {
	m := newMaker()
	for n := range 50 {
		e := new(event.Event)
		for i := range 1000 {
			e.Append(fmt.Sprintf("labels.n%d_%d", n, i), "v")
		}
		e.Append("labels."+strings.Repeat("n", 1<<20)+fmt.Sprint(n), "v")
		made(m, e)
		size := 0
		for _, p := range m.plans {
			for _, name := range p.shape {
				size += len(name) + perName
			}
		}
		if size > maxCost || size != m.size {
			t.Fatalf("%d plans with %d bytes, counted as %d, at most %d", len(m.plans), size, m.size, maxCost)
		}
	}
}

// A name of nothing but dots costs no more than its bytes: this took minutes.
func TestNameOfDots(t *testing.T) {
	e := new(event.Event)
	e.Append("a"+strings.Repeat(".a", 2<<20), "v")
	if text := made(newMaker(), e); !strings.Contains(text, `"kept":{"a.a.`) {
		t.Errorf("%.200s", text)
	}
}
