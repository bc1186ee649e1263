package ident

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// noise is n bytes that no other seed makes.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	src := rand.New(rand.NewPCG(seed, 0))
	for i := 0; i < n; i += 8 {
		for j, v := i, src.Uint64(); j < min(i+8, n); j, v = j+1, v>>8 {
			b[j] = byte(v)
		}
	}
	return b
}

// markAt makes the mark of an offset of a content.
func markAt(b []byte, off int) Mark {
	return Mark{Off: uint64(off), Hash: Sum(b[off-min(off, MarkSize) : off])}
}

// known is what is known of a content with marks at some offsets.
func known(b []byte, offs ...int) (e Evidence) {
	e.NoteHead(b[:min(len(b), HeadSize)])
	for _, off := range offs {
		e.Note(markAt(b, off))
	}
	return e
}

func TestLadder(t *testing.T) {
	b := noise(1, HeadSize)
	f := func(n int, rungs ...uint32) {
		t.Helper()
		var e Evidence
		if added := e.NoteHead(b[:n]); added != (len(rungs) > 0) {
			t.Errorf("head of %d bytes: added %v", n, added)
		}
		var got []uint32
		for _, r := range e.Head {
			got = append(got, r.Len)
			if r.Hash != Sum(b[:r.Len]) {
				t.Errorf("head of %d bytes: rung %d has another hash", n, r.Len)
			}
		}
		if !slices.Equal(got, rungs) || e.HeadKnown() != (n >= HeadSize) {
			t.Errorf("head of %d bytes: rungs %v, known %v; want %v", n, got, e.HeadKnown(), rungs)
		}
		if e.NoteHead(b[:n]) {
			t.Errorf("head of %d bytes: noted twice", n)
		}
	}
	f(0)
	f(63)
	f(64, 64)
	f(255, 64)
	f(256, 64, 256)
	f(1023, 64, 256)
	f(1024, 64, 256, 1024)
	f(HeadSize-1, 64, 256, 1024)
	f(HeadSize, 64, 256, 1024, HeadSize)

	e := Evidence{Head: []Rung{{2200, Sum(b[:2200])}}} // of version 1 of the state
	if !e.NoteHead(b) || len(e.Head) != 2 || e.Head[1].Len != HeadSize {
		t.Errorf("a head of any length is not continued: %v", e.Head)
	}
}

// count tells how many marks of each kind there are: on the grid, of steps, of ends.
func count(e *Evidence) (n [3]int) {
	for _, m := range e.Marks {
		n[kindOf(m.Off)]++
	}
	return n
}

func TestMarksAreBounded(t *testing.T) {
	const size = 1500 * Grid
	var e Evidence
	for off := uint64(Step); off <= size; off += Step {
		e.Note(Mark{Off: off})
		e.Note(Mark{Off: off + 7, End: int64(off)})
		if n := count(&e); n[0] > maxGrid || n[1] > maxSteps || n[2] > maxEnds {
			t.Fatalf("at %d: %v marks", off, n)
		}
	}
	n := count(&e)
	if n[0] < maxGrid/2 || n[1] != maxSteps || n[2] != maxEnds || e.Top != size+7 {
		t.Errorf("%v marks, top %d", n, e.Top)
	}
	if !slices.IsSortedFunc(e.Marks, func(a, b Mark) int { return int(a.Off) - int(b.Off) }) {
		t.Error("the marks are not in order")
	}
	// The ends and steps that came last, and a grid over all of it.
	last, gap := uint64(0), uint64(0)
	for _, m := range e.Marks {
		switch kindOf(m.Off) {
		case 0:
			gap = max(gap, m.Off-last)
			last = m.Off
		case 1:
			if m.Off < size-(maxSteps+maxSteps/63)*Step-Grid {
				t.Errorf("a step at %d is kept", m.Off)
			}
		case 2:
			if m.Off < size-maxEnds*Step {
				t.Errorf("an end at %d is kept", m.Off)
			}
		}
	}
	if gap > 4*Grid || last != size {
		t.Errorf("the grid ends at %d and has a gap of %d", last, gap)
	}
}

func TestNoteSameOffset(t *testing.T) {
	var e Evidence
	e.Note(Mark{Off: 100, Hash: Sum([]byte("a")), End: 7})
	e.Note(Mark{Off: 100, Hash: Sum([]byte("b"))})
	e.Note(Mark{Off: 50})
	want := []Mark{{Off: 50}, {Off: 100, Hash: Sum([]byte("b")), End: 7}}
	if diff := cmp.Diff(want, e.Marks); diff != "" || e.Top != 100 {
		t.Errorf("top %d, marks (-want +got)\n%s", e.Top, diff)
	}
}

func TestCoarsen(t *testing.T) {
	var e Evidence
	for i := range uint64(3 * 64) {
		e.Note(Mark{Off: (i + 1) * Step})
	}
	e.Note(Mark{Off: 3*Grid + 5})
	before := slices.Clone(e.Marks)
	e.Coarsen()
	if n := count(&e); n != [3]int{3, fewSteps, 1} {
		t.Fatalf("%v marks stay", n)
	}
	steps := slices.DeleteFunc(before, func(m Mark) bool { return kindOf(m.Off) != 1 })
	if first := e.Marks[slices.IndexFunc(e.Marks, func(m Mark) bool { return kindOf(m.Off) == 1 })]; first != steps[len(steps)-fewSteps] {
		t.Errorf("the first step that stays is at %d", first.Off)
	}
	again := slices.Clone(e.Marks)
	e.Coarsen()
	if !slices.Equal(again, e.Marks) {
		t.Error("done twice, it took more")
	}
}

func TestCutTo(t *testing.T) {
	b := noise(2, 20_000)
	f := func(size uint64, rungs, marks int, top uint64) {
		t.Helper()
		e := known(b, 100, 5000, 20_000)
		e.CutTo(size)
		if len(e.Head) != rungs || len(e.Marks) != marks || e.Top != top {
			t.Errorf("cut to %d: %d rungs, %d marks, top %d; want %d, %d, %d", size, len(e.Head), len(e.Marks), e.Top, rungs, marks, top)
		}
	}
	f(30_000, 4, 3, 20_000)
	f(20_000, 4, 3, 20_000)
	f(19_999, 4, 2, 19_999)
	f(4096, 4, 1, 4096)
	f(4095, 3, 1, 4095)
	f(100, 1, 1, 100)
	f(99, 1, 0, 99)
	f(0, 0, 0, 0)
}

func TestSizeBefore(t *testing.T) {
	var e Evidence
	e.Note(Mark{Off: 10, End: 100})
	e.Note(Mark{Off: 20})
	e.Note(Mark{Off: 30, End: 200})
	f := func(at int64, want uint64) {
		t.Helper()
		if got := e.SizeBefore(at); got != want {
			t.Errorf("before %d: %d, want %d", at, got, want)
		}
	}
	f(0, 0)
	f(100, 0)
	f(101, 10)
	f(200, 10)
	f(201, 30)
}

func TestLike(t *testing.T) {
	b := noise(3, 50_000)
	e := known(b, 10_000, 30_000, 50_000)
	f := func(name string, file []byte, equal bool, reach uint64, marks int) {
		t.Helper()
		got, err := e.Like(bytes.NewReader(file), uint64(len(file)))
		if want := (Likeness{equal, reach, marks}); got != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	spoilt := func(at int) []byte {
		c := slices.Clone(b)
		c[at] ^= 1
		return c
	}
	f("the same", b, true, 50_000, 3)
	f("longer", append(slices.Clone(b), "more"...), true, 50_000, 3)
	f("shorter by one", b[:49_999], true, 30_000, 2)
	f("a part of the head", b[:100], true, 64, 0)
	f("less than a rung", b[:63], false, 0, 0)
	f("empty", nil, false, 0, 0)
	f("another head", spoilt(0), false, 0, 0)
	f("another end", spoilt(49_999), false, 0, 0)
	f("first byte of a mark", spoilt(30_000-MarkSize), false, 0, 0)
	f("a byte that no mark covers", spoilt(30_000-MarkSize-1), true, 50_000, 3)
	var nothing Evidence
	if l, err := nothing.Like(bytes.NewReader(b), 50_000); l.Equal || err != nil {
		t.Errorf("of nothing everything is equal: %+v, %v", l, err)
	}
	if l, err := e.Like(bytes.NewReader(b[:20_000]), 50_000); l.Equal || err != nil {
		t.Errorf("it became shorter meanwhile: %+v, %v", l, err)
	}
	if _, err := e.Like(broken{}, 50_000); err == nil {
		t.Error("an error of the file is not told")
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, fmt.Errorf("it cannot be read") }

func TestLastHolding(t *testing.T) {
	b := noise(4, 50_000)
	e := known(b, 10_000, 30_000, 50_000)
	f := func(name string, file []byte, limit, want uint64) {
		t.Helper()
		if got := e.LastHolding(bytes.NewReader(file), uint64(len(file)), limit); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	c := slices.Clone(b)
	c[29_999] ^= 1
	f("all", b, 90_000, 50_000)
	f("at the limit", b, 30_000, 30_000)
	f("below it", b, 29_999, 10_000)
	f("below the first", b, 9_999, 0)
	f("shorter", b[:30_000], 90_000, 30_000)
	f("what is behind a wrong mark does not count", c, 90_000, 10_000)
	c[0] ^= 1
	f("another head", c, 90_000, 0)
}

func TestJSON(t *testing.T) {
	b := noise(5, 10_000)
	e := known(b, 5000, 10_000)
	e.Marks[1].End = 1_795_862_526_000_000_001
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var got Evidence
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Error(diff)
	}
	want := fmt.Sprintf(`[5000,"%x",0]`, e.Marks[0].Hash)
	if !bytes.Contains(text, []byte(want)) {
		t.Errorf("%s is not in %s", want, text)
	}
	f := func(text string) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), new(Evidence)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
	f(`{"head":[[64,"00"]]}`)
	f(`{"head":[[64,"zz0000000000000000000000"]]}`)
	f(`{"marks":[[-1,"000000000000000000000000",0]]}`)
	f(`{"marks":{}}`)
}

// A file that lies there and the same bytes as a stream are judged alike, however the stream comes.
func TestProbeIsLike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		contents, evidence := draw(t)
		file := contents[rapid.IntRange(0, len(contents)-1).Draw(t, "of")]
		file = slices.Clone(file[:rapid.IntRange(0, len(file)).Draw(t, "cut")])
		for range rapid.IntRange(0, 2).Draw(t, "changed") {
			if len(file) > 0 {
				file[rapid.IntRange(0, len(file)-1).Draw(t, "at")] ^= 1
			}
		}
		file = append(file, noise(9, rapid.SampledFrom([]int{0, 1, 5000}).Draw(t, "more"))...)
		p := NewProbe(evidence)
		for rest := file; len(rest) > 0; {
			n := min(len(rest), rapid.SampledFrom([]int{1, 63, 64, 4095, 4096, 4097, 100_000, Grid, 3 * Grid}).Draw(t, "n"))
			p.See(rest[:n])
			rest = rest[n:]
			if n == 1 && len(rest) > 5000 { // not all of it byte by byte
				p.See(rest[:5000])
				rest = rest[5000:]
			}
		}
		if p.Size() != uint64(len(file)) {
			t.Fatalf("%d bytes seen of %d", p.Size(), len(file))
		}
		for i, got := range p.Likes() {
			want, err := evidence[i].Like(bytes.NewReader(file), uint64(len(file)))
			if err != nil || got != want {
				t.Fatalf("content %d: the stream is %+v, the file %+v, %v", i, got, want, err)
			}
			head := file[:min(len(file), HeadSize)]
			if want.Equal && !evidence[i].HeadLike(head, uint64(len(file))) {
				t.Fatalf("content %d: the file is equal, and its head is not like it", i)
			}
		}
		own := p.Own()
		if l, err := own.Like(bytes.NewReader(file), uint64(len(file))); err != nil || l.Equal != (len(file) > 0) || own.Top != uint64(len(file)) {
			t.Fatalf("it is not like itself: %+v, top %d, %v", l, own.Top, err)
		}
	})
}

// draw makes contents, some of which begin alike, and what is known of each.
func draw(t *rapid.T) (contents [][]byte, evidence []Evidence) {
	most := rapid.SampledFrom([]int{70, 5000, 50_000, 2*Grid + 1}).Draw(t, "most")
	for i := range rapid.IntRange(1, 3).Draw(t, "contents") {
		b := noise(uint64(i), rapid.IntRange(1, most).Draw(t, "size"))
		if i > 0 {
			copy(b, contents[0][:rapid.IntRange(0, len(contents[0])).Draw(t, "common")])
		}
		var e Evidence
		e.NoteHead(b[:rapid.IntRange(0, min(len(b), HeadSize)).Draw(t, "head")])
		for _, off := range rapid.SliceOfN(rapid.IntRange(1, len(b)), 0, 5).Draw(t, "marks") {
			e.Note(markAt(b, off))
		}
		e.Top = max(e.Top, uint64(rapid.IntRange(0, len(b)).Draw(t, "top")))
		contents, evidence = append(contents, b), append(evidence, e)
	}
	return contents, evidence
}
