package backoff

import (
	"testing"
	"time"
)

func TestBounds(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 10 * time.Second}
	for series := range 2 {
		for i, bound := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
			if got := b.Next(); got <= 0 || got > bound*time.Second {
				t.Errorf("series %d, wait %d: %v, want at most %v", series, i, got, bound*time.Second)
			}
		}
		b.Reset()
	}
	for range 100 {
		if got := b.Next(); got <= 0 || got > 10*time.Second {
			t.Fatalf("wait %v", got)
		}
	}
}
