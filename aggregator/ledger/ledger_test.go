package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"belfry/shared/batch"
	"belfry/shared/event"
)

var pos = Position{Agent: event.HashKey("agent"), Stream: event.HashKey("stream"), Epoch: 7}

func TestLateBatch(t *testing.T) {
	l := New()
	add := func(kind batch.Kind, first, end uint64) {
		t.Helper()
		if err := l.Add(pos, kind, first, end); err != nil {
			t.Fatal(err)
		}
	}
	held := func(offset uint64, want bool) {
		t.Helper()
		if got := l.Held(pos, offset); got != want {
			t.Errorf("Held(%d) = %v in %v", offset, got, l.Ranges(pos))
		}
	}
	add(batch.Data, 0, 10)
	add(batch.Data, 20, 30) // its predecessor was refused
	held(9, true)
	held(10, false)
	held(19, false)
	held(20, true)
	held(30, false)
	add(batch.Data, 10, 20)
	held(15, true)
	add(batch.Dead, 30, 40)
	add(batch.Skipped, 40, 50)
	add(batch.Dropped, 50, 60)
	held(30, false)
	held(45, false)
	add(batch.Data, 60, 70)
	held(65, true)
	held(59, false)
	add(batch.Data, 30, 40) // retried
	held(39, true)
	add(batch.Dropped, 0, 70)
	held(5, true)
	want := []batch.Range{{Kind: batch.Data, First: 0, End: 40}, {Kind: batch.Dropped, First: 40, End: 60},
		{Kind: batch.Data, First: 60, End: 70}}
	if got := l.Ranges(pos); !slices.Equal(got, want) {
		t.Errorf("ranges %v, want %v", got, want)
	}
	other := pos
	other.Epoch++
	if l.Held(other, 5) {
		t.Error("another epoch is held too")
	}
}

func TestRefused(t *testing.T) {
	l := New()
	bad := []batch.Range{{First: 0, End: 1}, {Kind: "odd", First: 0, End: 1}, {Kind: batch.Data}, {Kind: batch.Data, First: 2, End: 1}}
	for _, r := range bad {
		if err := l.Add(pos, r.Kind, r.First, r.End); err == nil {
			t.Errorf("Add(%v) = nil", r)
		}
	}
	if l.Len() != 0 {
		t.Error("a refused range left a position")
	}
}

func TestFull(t *testing.T) {
	l := New()
	for i := range uint64(MaxRanges) {
		if err := l.Add(pos, batch.Data, 10*i+5, 10*i+6); err != nil {
			t.Fatal(err)
		}
	}
	before := l.Marshal()
	if err := l.Add(pos, batch.Data, 1e6, 1e6+1); !errors.Is(err, ErrFull) {
		t.Errorf("one range too many: %v", err)
	}
	if !bytes.Equal(before, l.Marshal()) {
		t.Error("a refused range changed the ledger")
	}
	if err := l.Add(pos, batch.Data, 0, 5); err != nil || !l.Held(pos, 0) {
		t.Errorf("filling a hole of a full ledger: %v", err)
	}
	if err := l.Add(pos, batch.Data, 1e6, 1e6+1); err != nil {
		t.Errorf("after a hole was filled: %v", err)
	}
}

// TestSkippedLines is a stream of which a rule skips every other line, for ever.
func TestSkippedLines(t *testing.T) {
	l := New()
	for i := range uint64(5 * MaxRanges) {
		if err := errors.Join(l.Add(pos, batch.Data, 10*i, 10*i+5), l.Add(pos, batch.Skipped, 10*i+5, 10*i+10)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.Ranges(pos)); n > 2*MaxRanges+1 {
		t.Errorf("%d ranges are kept", n)
	}
	if l.Held(pos, 10*5*MaxRanges-1) {
		t.Error("the newest skipped range counts as data")
	}
}

// TestModel holds a state to a map of bytes.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 60
		most := rapid.IntRange(2, 12).Draw(t, "most")
		var s state
		var model [size]rank
		for range rapid.IntRange(1, 60).Draw(t, "adds") {
			r := rapid.SampledFrom([]rank{skipped, dropped, dead, data, data}).Draw(t, "kind")
			first := rapid.Uint64Range(0, size-1).Draw(t, "first")
			end := rapid.Uint64Range(first+1, size).Draw(t, "end")
			before := fmt.Sprint(s)
			grown, err := s.add(kinds[r], first, end, most)
			if fmt.Sprint(s) != before {
				t.Fatalf("add changed the old state from %v to %v", before, s)
			}
			if err != nil {
				if all, _ := s.add(kinds[r], first, end, size); !errors.Is(err, ErrFull) || needed(all) <= most {
					t.Fatalf("add [%d,%d) to %v: %v", first, end, s, err)
				}
				continue
			}
			s = grown
			for i := first; i < end; i++ {
				model[i] = max(model[i], r)
			}
			compare(t, s, model[:], most)
		}
	})
}

// needed returns how many spans of a state may not be forgotten.
func needed(s state) int {
	n := 0
	for _, sp := range s.spans {
		if sp.rank != skipped || sp.end > s.mark {
			n++
		}
	}
	return n
}

func compare(t *rapid.T, s state, model []rank, most int) {
	if len(s.spans) > most {
		t.Fatalf("%d spans, at most %d", len(s.spans), most)
	}
	mark := slices.Index(model, 0)
	if mark < 0 {
		mark = len(model)
	}
	if s.mark != uint64(mark) {
		t.Fatalf("mark %d, want %d: %v", s.mark, mark, s)
	}
	known := make([]rank, len(model))
	at := uint64(0)
	for _, r := range s.list() {
		rank, _ := rankOf(r.Kind)
		if r.First < at || r.First >= r.End {
			t.Fatalf("ranges out of order: %v", s.list())
		}
		for at = r.First; at < r.End; at++ {
			known[at] = rank
		}
	}
	for i, want := range model {
		if want == skipped && known[i] == data && i < mark {
			model[i] = data // forgotten; it must stay so
			want = data
		}
		if known[i] != want || s.held(uint64(i)) != (want == data) {
			t.Fatalf("byte %d is %d, held %v; want %d: %v", i, known[i], s.held(uint64(i)), want, s)
		}
	}
}

// TestOrder adds the same ranges in two orders.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type add struct {
			kind       batch.Kind
			first, end uint64
		}
		gen := rapid.Custom(func(t *rapid.T) add {
			first := rapid.Uint64Range(0, 100).Draw(t, "first")
			return add{rapid.SampledFrom(kinds[1:]).Draw(t, "kind"), first, first + rapid.Uint64Range(1, 30).Draw(t, "n")}
		})
		adds := rapid.SliceOfN(gen, 1, 30).Draw(t, "adds")
		shuffled := rapid.Permutation(adds).Draw(t, "shuffled")
		a, b := New(), New()
		for i := range adds {
			if err := errors.Join(a.Add(pos, adds[i].kind, adds[i].first, adds[i].end),
				b.Add(pos, shuffled[i].kind, shuffled[i].first, shuffled[i].end)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(a.Marshal(), b.Marshal()) {
			t.Fatalf("%v and %v", a.Ranges(pos), b.Ranges(pos))
		}
	})
}

func TestChange(t *testing.T) {
	l := New()
	if err := l.Add(pos, batch.Data, 0, 10); err != nil {
		t.Fatal(err)
	}
	outer := l.Begin()
	inner := outer.Begin()
	if err := inner.Add(pos, batch.Data, 5, 10); err != nil || !inner.Empty() {
		t.Errorf("Add of what is there: %v, empty %v", err, inner.Empty())
	}
	if err := inner.Add(pos, batch.Data, 10, 20); err != nil || inner.Empty() {
		t.Errorf("Add: %v, empty %v", err, inner.Empty())
	}
	see := func(in, out, led bool) {
		t.Helper()
		if inner.Held(pos, 15) != in || outer.Held(pos, 15) != out || l.Held(pos, 15) != led {
			t.Errorf("held %v %v %v", inner.Held(pos, 15), outer.Held(pos, 15), l.Held(pos, 15))
		}
	}
	see(true, false, false)
	dropped := outer.Begin()
	if err := dropped.Add(pos, batch.Dead, 30, 40); err != nil {
		t.Fatal(err)
	}
	inner.Commit()
	see(true, true, false)
	outer.Commit()
	see(true, true, true)
	if n := len(l.Ranges(pos)); n != 1 {
		t.Errorf("a change that was dropped is there: %v", l.Ranges(pos))
	}
}

func sample(t testing.TB) *Ledger {
	t.Helper()
	l := New()
	for i := range uint64(3) {
		for j := range uint64(2) {
			p := Position{event.HashKey("agent", fmt.Sprint(i)), event.HashKey("stream", fmt.Sprint(j)), i<<60 + j}
			err := errors.Join(l.Add(p, batch.Data, 0, 100*i+1), l.Add(p, batch.Dropped, 1000, 1010),
				l.Add(p, batch.Dead, 1010, 1020), l.Add(p, batch.Skipped, 5000, 6000), l.Add(p, batch.Data, 7000, 8000))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return l
}

func TestSnapshot(t *testing.T) {
	want := sample(t).Marshal()
	l := New()
	if err := l.Unmarshal(want); err != nil || !bytes.Equal(l.Marshal(), want) {
		t.Errorf("Unmarshal = %v, or another ledger", err)
	}
	for i := range want {
		if err := l.Unmarshal(want[:i]); err == nil {
			t.Errorf("a snapshot of %d bytes of %d is taken", i, len(want))
		}
		spoilt := bytes.Clone(want)
		spoilt[i] ^= 4
		if err := l.Unmarshal(spoilt); err == nil {
			t.Errorf("a snapshot with byte %d changed is taken", i)
		}
	}
	if !bytes.Equal(l.Marshal(), want) {
		t.Error("a refused snapshot changed the ledger")
	}
}

// TestOldSnapshot reads a snapshot of the first version.
func TestOldSnapshot(t *testing.T) {
	old, err := os.ReadFile("testdata/v1.snapshot")
	if err != nil {
		t.Fatal(err)
	}
	l := New()
	if err := l.Unmarshal(old); err != nil || !bytes.Equal(l.Marshal(), sample(t).Marshal()) {
		t.Errorf("Unmarshal = %v, or another ledger", err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(sample(f).Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		l := New()
		l.Unmarshal(b)
		if len(b) > 4 {
			binary.LittleEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], castagnoli))
		}
		if l.Unmarshal(b) != nil {
			return
		}
		l.Each(func(p Position, _ []batch.Range) { l.Held(p, 5); l.Add(p, batch.Data, 3, 9) })
	})
}

func fill(l *Ledger, agents, streams int) {
	for i := range agents {
		agent := event.HashKey(fmt.Sprint(i))
		for j := range streams {
			p := Position{agent, event.HashKey(fmt.Sprint(i, j)), uint64(j) << 40}
			l.Add(p, batch.Data, 0, uint64(i*j+1))
		}
	}
}

// BenchmarkMemory reports what a position costs, 1000 agents with 100 files each.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := New()
		fill(l, 1000, 100)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(l.Len()), "bytes/position")
		b.ReportMetric(float64(len(l.Marshal()))/float64(l.Len()), "snapshot-bytes/position")
	}
}

func BenchmarkAddHeld(b *testing.B) {
	l := New()
	fill(l, 1000, 100)
	at := uint64(0)
	for b.Loop() {
		c := l.Begin()
		for i := range uint64(500) {
			if c.Held(pos, at+i*100) {
				b.Fatal("held")
			}
		}
		c.Add(pos, batch.Data, at, at+50000)
		c.Commit()
		at += 50000
	}
}
