package parse

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

// longest is what no line of the benchmarks is longer than, in bytes: the few of some thousands are no measure.
const longest = 500

// mixedEvents are the events of all lines of the corpus, as agents send them, and when the last of them was read.
func mixedEvents(b *testing.B) (events []*event.Event, now time.Time, bytes int) {
	b.Helper()
	files, err := corpus.Files()
	if err != nil {
		b.Fatal(err)
	}
	r := newReader()
	for _, f := range files {
		if f.Received.After(r.now) {
			r.now = f.Received
		}
	}
	for _, f := range files {
		for _, line := range f.Lines {
			if len(line) < longest {
				r.n++
				events = append(events, r.event(line, r.n))
				bytes += len(line)
			}
		}
	}
	return events, r.now, bytes / len(events)
}

// freshIDs are as many ids as a benchmark needs so that few lines come twice.
const freshIDs = 1 << 19

// BenchmarkMixed parses all lines of the corpus, of all programs, in turn. Each comes often, but seldom under the same id.
func BenchmarkMixed(b *testing.B) {
	events, now, bytes := mixedEvents(b)
	ids := make([]string, freshIDs)
	for i := range ids {
		ids[i] = event.HashKey("mixed", strconv.Itoa(i)).String()
	}
	p := New(Config{}, nil)
	e := &event.Event{Fields: make([]event.Field, 0, 64)}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		e.Reset()
		e.Fields = append(e.Fields, events[n%len(events)].Fields...)
		e.Set("event.id", ids[n%freshIDs])
		p.Parse(e, now)
	}
}

// BenchmarkJSON decodes the same lines as ECS objects, as programs do that get them parsed.
func BenchmarkJSON(b *testing.B) {
	events, now, bytes := mixedEvents(b)
	p := New(Config{}, nil)
	var texts [][]byte
	for _, e := range events {
		p.Parse(e, now)
		texts = append(texts, e.AppendJSON(nil))
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		var object map[string]any
		if err := json.Unmarshal(texts[n%len(texts)], &object); err != nil {
			b.Fatal(err)
		}
	}
}
