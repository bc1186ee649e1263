package segment

import (
	"os"
	"testing"
)

// What was torn at the first look is damage if it is as it was, or if something good lies behind it.
func TestStays(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Config{})
	add(t, l, 3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := files(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := len(whole)
	last := n - recordHeader - len(payload(3)) // where it begins
	f := func(before, after []byte, want bool) {
		t.Helper()
		write(before)
		_, damage := examine(t, dir)
		if len(damage) != 1 || !damage[0].Torn {
			t.Fatalf("damage %v", damage)
		}
		write(after)
		if got, err := damage[0].Stays(); got != want || err != nil {
			t.Errorf("%v stays: %v, %v; want %v", damage[0], got, err, want)
		}
	}
	for size := last + 1; size < n; size++ {
		f(whole[:size], whole[:size], true)
		f(whole[:size], whole[:min(size+1, n)], false)
		f(whole[:size], whole, false)
		f(whole[:size], whole[:last], false)
	}
	spoilt := append([]byte(nil), whole...)
	spoilt[last-1] ^= 1 // the second
	f(spoilt[:last], spoilt, true)
	f(spoilt[:last], whole, false)
	spoilt[n-1] ^= 1
	f(spoilt, spoilt, true)
	write(whole[:n-1])
	_, damage := examine(t, dir)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, err := damage[0].Stays(); got || err != nil {
		t.Errorf("damage of a file that is gone stays: %v, %v", got, err)
	}
}
