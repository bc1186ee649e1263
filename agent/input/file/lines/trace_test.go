package lines

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"
)

// start is a time of reading.
var start = time.Unix(1_800_000_000, 0)

// step is one call of a Sink.
type step struct {
	what       string
	first, end uint64
	text       string // of an event: all of it
}

func (s step) String() string { return fmt.Sprintf("%s [%d,%d) %s", s.what, s.first, s.end, s.text) }

// trace is a Sink that notes what it is given.
type trace struct {
	steps []step
	cuts  []uint64
	texts []string
	limit int // steps until it fails; 0 means never
}

var errFull = fmt.Errorf("the trace is full")

func (t *trace) add(s step) error {
	if t.limit > 0 && len(t.steps) == t.limit {
		return errFull
	}
	t.steps = append(t.steps, s)
	return nil
}

func (t *trace) Event(e *Event) error {
	stamp := ""
	if !e.Time.IsZero() {
		stamp = e.Time.Format(time.RFC3339Nano)
	}
	flags := ""
	for _, f := range []struct {
		on   bool
		name string
	}{{e.Partial, "P"}, {e.Truncated, "T"}, {e.Invalid, "I"}, {e.Masked, "M"}, {e.Malformed, "F"}, {e.Split, "S"}} {
		if f.on {
			flags += f.name
		}
	}
	err := t.add(step{"event", e.First, e.End, fmt.Sprintf("%q raw=%x length=%d lines=%d %s%s%s",
		e.Text, e.Raw, e.Length, e.Lines, flags, e.Stream, stamp)})
	if err == nil {
		t.texts = append(t.texts, string(e.Text))
	}
	return err
}

func (t *trace) Covered(first, end uint64) error { return t.add(step{"covered", first, end, ""}) }
func (t *trace) Joined(first, end uint64) error  { return t.add(step{"joined", first, end, ""}) }

func (t *trace) Skip(first, end uint64, why SkipReason) error {
	return t.add(step{"skip", first, end, string(why)})
}

func (t *trace) Cut(offset uint64) error {
	t.cuts = append(t.cuts, offset)
	return nil
}

// ranges returns what was handed on, in order of the content.
func (t *trace) ranges() []span {
	var all []span
	for _, s := range t.steps {
		if s.what != "joined" {
			all = append(all, span{s.first, s.end})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	return all
}

// resume returns where a Reader must begin to go on at a cursor.
func (t *trace) resume(cursor uint64) uint64 {
	var g Groups
	for _, s := range t.steps {
		if s.what == "joined" {
			g.Joined(s.first, s.end)
		}
	}
	return g.Resume(cursor)
}

// from returns the steps that begin at an offset or behind.
func (t *trace) from(at uint64) []step {
	var out []step
	for _, s := range t.steps {
		if s.first >= at {
			out = append(out, s)
		}
	}
	return out
}

func compile(t testing.TB, cfg Config) *Compiled {
	t.Helper()
	c, err := Compile(cfg, []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// readAll takes a whole content at once.
func readAll(t testing.TB, c *Compiled, content []byte, at uint64, cuts []uint64) *trace {
	t.Helper()
	var out trace
	r := New(c, at, cuts, content[:min(4, len(content))])
	if err := r.Feed(content[at:], start, &out); err != nil {
		t.Fatal(err)
	}
	if err := r.End(&out); err != nil {
		t.Fatal(err)
	}
	if r.Begin() != uint64(len(content)) || r.At() != r.Begin() || r.Held() > 8*smallBuffer {
		t.Fatalf("at its end: begin %d, at %d of %d, %d bytes held", r.Begin(), r.At(), len(content), r.Held())
	}
	return &out
}

// same compares two traces.
func same(t testing.TB, what string, got, want []step) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("%s: step %d differs\n got %v\nwant %v", what, i, got[min(i, len(got)):], want[min(i, len(want)):])
		}
	}
}

// whole fails if the ranges do not lie one behind the other from 0 to the end.
func (t *trace) whole(tb testing.TB, size int) {
	tb.Helper()
	at := uint64(0)
	for _, s := range t.ranges() {
		if s.first != at || s.end <= s.first {
			tb.Fatalf("range [%d,%d) at %d: %v", s.first, s.end, at, t.steps)
		}
		at = s.end
	}
	if at != uint64(size) {
		tb.Fatalf("ranges end at %d of %d", at, size)
	}
}

// isZero reports whether a piece can be told as a hole.
func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }
