package parse

import (
	"math/rand/v2"
	"testing"
)

type heavy struct{ bytes int }

func (h *heavy) weight() int { return h.bytes }

// Whatever is done, what is remembered stays within two generations, and what was used last is among it.
func TestRecent(t *testing.T) {
	const limit, heaviest = 1000, 100
	r := newRecent[int, *heavy](limit)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		key := random.IntN(60)
		v, ok := r.get(key)
		switch {
		case !ok:
			v = &heavy{random.IntN(heaviest)}
			r.put(key, v)
		case random.IntN(4) == 0:
			r.drop(key)
			continue
		default:
			more := random.IntN(heaviest/2) - v.bytes/2
			v.bytes += more
			r.grow(more)
		}
		if got, ok := r.get(key); !ok || got != v {
			t.Fatalf("%d was used last, and is gone", key)
		}
		young, old := 0, 0
		for _, v := range r.young {
			young += v.bytes
		}
		for _, v := range r.old {
			old += v.bytes
		}
		if slack := 2 * heaviest; young > limit+slack || old > limit+slack || r.bytes < 0 {
			t.Fatalf("young %d, old %d, counted %d, limit %d", young, old, r.bytes, limit)
		}
	}
}

func TestIDs(t *testing.T) {
	var s ids
	if s.has("") || s.add("") != 0 || len(s) != 0 {
		t.Error("a line without an id is remembered")
	}
	bytes := 0
	for i := range 3 * maxIDs {
		bytes += s.add(string(rune('A' + i)))
	}
	if len(s) != maxIDs || bytes != maxIDs*idWeight || !s.has(string(rune('A'+3*maxIDs-1))) || s.has("A") {
		t.Errorf("%d ids, %d bytes", len(s), bytes)
	}
}
