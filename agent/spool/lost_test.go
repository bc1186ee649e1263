package spool

import (
	"slices"
	"strings"
	"testing"
)

func TestLosses(t *testing.T) {
	var l losses
	f := func(first, last uint64, want bool) {
		t.Helper()
		if got := l.meets(first, last); got != want {
			t.Errorf("%d to %d lost: %v, want %v; %+v", first, last, got, want, l)
		}
	}
	f(1, 1000, false)
	l.add(10, 12)
	l.add(12, 15)
	l.add(15, 15) // nothing
	l.add(20, 21)
	if want := []span{{10, 15}, {20, 21}}; !slices.Equal(l.spans, want) {
		t.Errorf("%v, want %v", l.spans, want)
	}
	f(1, 9, false)
	f(1, 10, true)
	f(1, 1000, true)
	f(14, 14, true)
	f(15, 19, false)
	f(15, 20, true)
	f(21, 1000, false)
	for i := range uint64(maxLost - 1) {
		l.add(100+2*i, 101+2*i)
	}
	f(1, 1, true) // of the first nobody knows any more
	f(14, 14, true)
	f(15, 19, false)
	f(20, 20, true)
	f(21, 99, false)
	f(101, 101, false)
	if len(l.spans) != maxLost {
		t.Errorf("%d losses are known", len(l.spans))
	}
}

// Nothing is removed before the cursor on the disk says that it was confirmed: after a kill it would be told as lost.
func TestRemovesWhatTheCursorSays(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, Config{MaxBytes: 1 << 20})
	large := strings.Repeat("x", 100<<10) // a segment each
	r.put(large, large, large)
	r.want(large, large, large)
	r.stop()
	r.q.Confirm(1)
	r.q.tidying.Lock()
	done := make(chan error)
	go func() { done <- r.q.tidy() }()
	r.until("a cursor", func() bool { return len(each(t, dir, "q")) == 2 })
	r.q.Confirm(3)
	r.q.tidying.Unlock()
	must(t, <-done)
	if n := len(each(t, dir, "q")); n != 2 {
		t.Errorf("%d records are left, and the cursor says that one of three was confirmed", n)
	}
	must(t, r.q.tidy())
	if n := len(each(t, dir, "q")); n != 0 {
		t.Errorf("%d records are left of none", n)
	}
}

// What Append brought to the disk before a sync did may be taken and confirmed before it counts as settled.
func TestAheadOfTheSync(t *testing.T) {
	r := start(t, t.TempDir(), Config{})
	r.stop()
	r.put("one")
	r.q.mu.Lock()
	must(t, r.q.log.Sync())
	r.q.mu.Unlock()
	r.q.Confirm(r.want("one").LSN)
	r.put("two")
	if p := r.q.Reach(); len(p) != 1 || p[0].Cursor != 3 || p[0].End != 6 || p[0].Since.IsZero() {
		t.Errorf("%+v", p)
	}
	must(t, r.q.saveCursor(false))
	c, err := readCursor(r.q.dir)
	must(t, err)
	if c.LSN != 1 || c.Next != 2 || c.Places[0].Cursor != 3 || c.Places[0].End != 3 {
		t.Errorf("%+v", c)
	}
	must(t, r.Close())
}
