package main

import (
	"fmt"
	"strings"
	"testing"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// fake is an agent of our own, whose faults are known.
type fake struct {
	t      *truth
	r      *record
	agent  event.Key
	width  int
	offset map[string]uint64 // of the next line, by stream
	rules  rules
}

const (
	fakeHost  = "t0"
	fakeLines = 10 // of each file
)

func newFake() *fake {
	f := &fake{t: newTruth(fakeHost), r: newRecord(), agent: event.HashKey("agent"), width: 20, offset: map[string]uint64{}}
	for _, path := range []string{"/a", "/b"} {
		f.t.wrote(f.t.begin(path, f.width), fakeLines)
	}
	return f
}

// sent is one event of a stream at an offset.
type sent struct {
	stream string
	offset uint64
	text   string
	tags   string // as JSON, with a comma in front
	id     string // instead of the right one
}

// batch takes events and ranges of one stream.
func (f *fake) batch(stream string, ranges []batch.Range, events ...sent) {
	m := &batch.Manifest{ID: event.RandomKey(), Agent: f.agent, Streams: []batch.Stream{{
		ID: event.HashKey(stream), Epoch: 1, Events: len(events), Ranges: ranges,
	}}}
	var body [][]byte
	for _, e := range events {
		id := event.ID(f.agent, event.HashKey(stream), 1, e.offset).String()
		if e.id != "" {
			id = e.id
		}
		body = append(body, fmt.Appendf(nil, `{"event":{"id":%q,"original":%q},"log":{"offset":%d,"file":{"path":%q}}%s}`,
			id, e.text, e.offset, "/"+stream, e.tags))
	}
	f.r.take(m, body)
}

// line is a numbered line as the next of a stream.
func (f *fake) line(stream string, m mark) sent {
	text := strings.TrimSuffix(string(appendLine(nil, fakeHost, f.width, m)), "\n")
	e := sent{stream: stream, offset: f.offset[stream], text: text}
	f.offset[stream] += uint64(len(text) + 1)
	return e
}

// ship sends events of one stream with the ranges that they have.
func (f *fake) ship(events ...sent) {
	for _, e := range events {
		end := e.offset + uint64(len(e.text)) + 1
		f.batch(e.stream, []batch.Range{{Kind: batch.Data, First: e.offset, End: end}}, e)
	}
}

// all sends both files whole, but for one line of the second.
func (f *fake) all(but int) {
	for seq := range fakeLines {
		f.ship(f.line("a", mark{1, seq}))
	}
	for seq := range fakeLines {
		e := f.line("b", mark{2, seq})
		if seq != but {
			f.ship(e)
		}
	}
}

const none = -1

func TestJudge(t *testing.T) {
	f := func(name, fault string, play func(f *fake)) {
		t.Helper()
		x := newFake()
		play(x)
		v := judge(x.t, x.r, x.rules)
		got := strings.Join(v.faults, "; ")
		if fault == "" && got != "" || !strings.Contains(got, fault) {
			t.Errorf("%s: faults %q, want %q; %v", name, got, fault, v)
		}
	}
	last := fakeLines - 1
	length := func(f *fake, seq int) uint64 { return uint64(f.t.length(f.t.numbers[1], seq)) }
	drop := func(f *fake, first, end uint64) {
		f.batch("b", []batch.Range{{Kind: batch.Dropped, First: first, End: end}})
	}

	f("all is well", "", func(f *fake) { f.all(none) })
	f("a batch comes twice", "", func(f *fake) {
		e := f.line("a", mark{1, 0})
		f.ship(e, e)
		f.offset["a"] = 0
		f.all(none)
	})
	f("a line is lost", "1 lines", func(f *fake) { f.all(last) })
	f("a line in the middle is lost and leaves a hole", "has holes", func(f *fake) { f.all(3) })
	f("a loss is declared", "", func(f *fake) {
		f.all(last)
		drop(f, f.offset["b"]-length(f, last), f.offset["b"])
	})
	f("a loss is declared too small", "bytes are declared", func(f *fake) {
		f.all(last)
		drop(f, f.offset["b"]-length(f, last), f.offset["b"]-1)
	})
	f("too small, where it may be", "", func(f *fake) {
		f.rules.lossAtLeast = true
		f.all(last)
		drop(f, f.offset["b"]-length(f, last), f.offset["b"]-1)
	})
	f("not at all, where it may be too small", "0 bytes are declared", func(f *fake) {
		f.rules.lossAtLeast = true
		f.all(last)
	})
	f("a loss is declared too big", "bytes are declared as lost", func(f *fake) {
		f.rules.lossAtLeast = true
		f.all(last)
		drop(f, f.offset["b"]-length(f, last), f.offset["b"]+1)
	})
	f("a loss is declared that is none", "bytes are declared as lost", func(f *fake) {
		f.all(none)
		drop(f, f.offset["b"], f.offset["b"]+5)
	})
	f("what was declared lost arrives", "", func(f *fake) {
		drop(f, 0, 10)
		f.all(none)
	})
	f("skipped", "skipped", func(f *fake) {
		f.all(none)
		f.batch("b", []batch.Range{{Kind: batch.Skipped, First: f.offset["b"], End: f.offset["b"] + 5}})
	})
	f("a line comes by a second id", "by another id", func(f *fake) {
		f.all(none)
		f.ship(f.line("c", mark{1, 4}))
	})
	f("the same, in doubt", "in doubt", func(f *fake) {
		f.all(none)
		e := f.line("c", mark{1, 4})
		e.tags = `,"tags":["doubt"]`
		f.ship(e)
	})
	f("the same, where doubt may be", "", func(f *fake) {
		f.rules.doubt = true
		f.all(none)
		e := f.line("c", mark{1, 4})
		e.tags = `,"tags":["doubt"]`
		f.ship(e)
	})
	f("two lines have one id", "two texts have the id", func(f *fake) {
		f.all(last)
		e := f.line("b", mark{2, last})
		e.offset = 0
		f.ship(e)
	})
	f("an id of its own making", "event.id is", func(f *fake) {
		f.all(last)
		f.offset["b"] -= length(f, last)
		e := f.line("b", mark{2, last})
		e.id = event.HashKey("x").String()
		f.ship(e)
	})
	f("a spoilt line", "no line that was written", func(f *fake) {
		f.all(last)
		f.offset["b"] -= length(f, last)
		e := f.line("b", mark{2, last})
		e.text = e.text[:len(e.text)-2] + "#."
		f.ship(e)
	})
	f("half a line", "no line that was written", func(f *fake) {
		f.all(none)
		e := f.line("b", mark{2, 3})
		e.text = e.text[:12]
		f.ship(e)
	})
	f("half a line, where a rotation tears", "", func(f *fake) {
		f.rules.torn = true
		f.all(none)
		e := f.line("b", mark{2, 3})
		e.text, e.tags = e.text[:12], `,"tags":["partial_line"]`
		f.ship(e)
	})
	f("a line that nobody wrote", "was not written", func(f *fake) {
		f.all(none)
		f.ship(f.line("b", mark{2, fakeLines}))
	})
	f("a file that nobody wrote", "nobody wrote", func(f *fake) {
		f.all(none)
		f.ship(f.line("c", mark{3, 0}))
	})
	f("a step back in a stream", "steps back", func(f *fake) {
		one, two := f.line("a", mark{1, 0}), f.line("a", mark{1, 1})
		f.ship(two, one)
		f.offset["a"] = 0
		f.all(none)
	})
	f("lines in a wrong order at rising offsets", "steps back", func(f *fake) {
		f.all(last)
		f.offset["b"] -= length(f, last)
		f.t.wrote(f.t.numbers[1], fakeLines+1)
		f.ship(f.line("b", mark{2, last + 1}), f.line("b", mark{2, last}))
	})
	f("a text that is expected", "", func(f *fake) {
		f.t.expect("hello", 2)
		f.all(none)
		f.ship(sent{stream: "c", text: "hello"}, sent{stream: "c", text: "hello", offset: 6})
	})
	f("a text that is expected comes once only", "1 times, not 2", func(f *fake) {
		f.t.expect("hello", 2)
		f.all(none)
		f.ship(sent{stream: "c", text: "hello"})
	})
	f("an identity too many", "2 identities", func(f *fake) {
		f.all(last)
		f.offset["b"] -= length(f, last)
		f.agent = event.HashKey("clone")
		f.ship(f.line("b", mark{2, last}))
	})
	f("a loss, where only what is behind it is unknown", "1 lines", func(f *fake) {
		f.rules.unknown = true
		f.all(last)
	})
	f("an excused line is lost", "", func(f *fake) {
		f.t.numbers[1].excused = map[int]bool{last: true}
		f.all(last)
	})
	f("an excused line is declared lost", "", func(f *fake) {
		f.t.numbers[1].excused = map[int]bool{last: true}
		f.all(last)
		drop(f, f.offset["b"]-length(f, last), f.offset["b"])
	})
	f("second ids where they may be, and one more", "2 lines came again", func(f *fake) {
		f.rules.again = 1
		f.all(none)
		f.ship(f.line("c", mark{1, 4}), f.line("c", mark{1, 5}))
	})
	f("nothing is lost, and should be", "nothing was lost", func(f *fake) {
		f.rules.mustLose = true
		f.all(none)
	})
}
