package file

import (
	"slices"
	"strings"
	"testing"

	"belfry/agent/input/file/ident"
)

// A file whose end was seen before it was read has marks on the way as well: of it too it can be said what surely is as it was.
func TestMarksOfWhatWasThere(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	const size = 3*ident.Grid + 5000
	write(t, log, strings.Repeat(strings.Repeat("x", 999)+"\n", size/1000))
	stop := r.start(state, cfg)
	write(t, log, "last\n")
	r.sees("last")
	stop()
	var got []uint64
	for _, c := range r.in.store.contents {
		for _, m := range c.Marks {
			if m.Off%ident.Grid == 0 {
				got = append(got, m.Off)
			}
		}
	}
	if want := []uint64{ident.Grid, 2 * ident.Grid, 3 * ident.Grid}; !slices.Equal(got, want) {
		t.Errorf("marks at %d, want %d", got, want)
	}
}
