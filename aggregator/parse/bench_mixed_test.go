package parse

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

// longest is what no line of the benchmarks is longer than, in bytes: the few of some thousands are no measure.
const longest = 500

// share is how many lines the mix has of each program: the same of all, be there many in the corpus or few.
const share = 400

// mixedEvents are the events of the mix, as agents send them, and when the last of them was read.
func mixedEvents(b *testing.B) (events []*event.Event, now time.Time, bytes int) {
	b.Helper()
	files, err := corpus.Files()
	if err != nil {
		b.Fatal(err)
	}
	r := newReader()
	var programs []string
	byProgram := make(map[string][]string)
	for _, f := range files {
		if f.Received.After(r.now) {
			r.now = f.Received
		}
		if !slices.Contains(programs, f.Program) {
			programs = append(programs, f.Program)
		}
		for _, line := range f.Lines {
			if len(line) < longest {
				byProgram[f.Program] = append(byProgram[f.Program], line)
			}
		}
	}
	for _, program := range programs {
		lines := byProgram[program]
		for n := range share {
			line := lines[n%len(lines)]
			r.n++
			events = append(events, r.event(line, r.n))
			bytes += len(line)
		}
	}
	return events, r.now, bytes / len(events)
}

// freshIDs are as many ids as a benchmark needs so that few lines come twice.
const freshIDs = 1 << 19

// BenchmarkMixed parses lines of all programs of the corpus, each with the same share. Each line comes often, but seldom under
// the same id.
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
