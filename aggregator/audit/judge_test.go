package audit

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"belfry/shared/batch"
)

const span = 60 // bytes that the models know

// bits are pieces as a model: one bool a byte.
type bits [span]bool

func (b bits) pieces() (all []Piece) {
	for i := range b {
		if b[i] && (i == 0 || !b[i-1]) {
			all = append(all, Piece{uint64(i), uint64(i)})
		}
		if b[i] {
			all[len(all)-1].End = uint64(i) + 1
		}
	}
	return all
}

func drawBits(t *rapid.T, name string) (b bits) {
	for i, x := range rapid.SliceOfN(rapid.Bool(), span, span).Draw(t, name) {
		b[i] = x
	}
	return b
}

func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawBits(t, "a"), drawBits(t, "b")
		var less, both2 bits
		for i := range span {
			less[i], both2[i] = a[i] && !b[i], a[i] && b[i]
		}
		if got := joined(minus(a.pieces(), b.pieces())); !slices.Equal(got, less.pieces()) {
			t.Errorf("%v minus %v: %v", a.pieces(), b.pieces(), got)
		}
		if got := both(a.pieces(), b.pieces()); !slices.Equal(joined(got), both2.pieces()) {
			t.Errorf("%v and %v: %v", a.pieces(), b.pieces(), got)
		}
	})
}

// Judge tells of every byte once, and of each the right thing.
func TestJudge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := []Kind{Held, Dead, Dropped, Skipped, Pending, Missing}
		back := map[Kind]batch.Kind{Held: batch.Data, Dead: batch.Dead, Dropped: batch.Dropped, Skipped: batch.Skipped}
		want := make([]Kind, span)
		var missing bits
		var ranges []batch.Range
		for i, k := range rapid.SliceOfN(rapid.IntRange(0, len(of)-1), span, span).Draw(t, "kinds") {
			want[i] = of[k]
			missing[i] = want[i] == Missing
			if kind, ok := back[want[i]]; ok {
				ranges = append(ranges, batch.Range{Kind: kind, First: uint64(i), End: uint64(i) + 1})
			}
		}
		end := rapid.IntRange(0, span).Draw(t, "end")
		last := 0 // what is accounted for beyond the end that was said shows too
		if n := len(ranges); n > 0 {
			last = int(ranges[n-1].End)
		}
		at := uint64(0)
		for _, p := range Judge(ranges, uint64(end), missing.pieces(), false) {
			if p.First != at || p.End <= p.First {
				t.Fatalf("part %v begins not at %d", p, at)
			}
			for i := p.First; i < p.End; i++ {
				if want[i] != p.Kind {
					t.Errorf("byte %d is %s, want %s", i, p.Kind, want[i])
				}
			}
			at = p.End
		}
		if at != uint64(max(end, last)) {
			t.Errorf("told of %d bytes, want %d", at, max(end, last))
		}
		if got := Judge(ranges, uint64(end), nil, true); len(got) > 1 || at > 0 && got[0] != (Part{Expired, 0, at}) {
			t.Errorf("expired: %v", got)
		}
	})
}
