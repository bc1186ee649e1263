package file

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"belfry/shared/batch"
)

// early does something before the first event is taken.
type early struct {
	*receiver
	once func()
}

func (e early) Add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error {
	e.once()
	return e.receiver.Add(ctx, p, first, end, line)
}

// What was cut off before it was read is lost, and its stream is said to reach that far: nobody else would know.
func TestCutOffUnread(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	old := text(numbered(0, 100_000)) // more than one turn
	write(t, log, old)
	cut := sync.OnceFunc(func() {
		if err := os.WriteFile(log, []byte("the new one\n"), 0o600); err != nil {
			t.Error(err)
		}
	})
	run := func(until func() bool) []uint64 {
		in := r.open(state, cfg)
		in.sink = early{r, cut}
		stop := r.run(in)
		for end := time.Now().Add(20 * time.Second); !until(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the new content never came")
			}
		}
		stop()
		var ends []uint64
		for _, s := range in.Ends() {
			ends = append(ends, s.End)
			if s.End == uint64(len(old)) && s.Cursor >= s.End {
				t.Errorf("all of it was confirmed: %+v", s)
			}
		}
		return ends
	}
	for range 2 { // again after a restart
		before := r.logged("following file")
		ends := run(func() bool { return r.seen("the new one") == 1 && r.logged("following file") > before })
		if len(ends) != 2 || max(ends[0], ends[1]) != uint64(len(old)) {
			t.Errorf("streams end at %d, want one that ends at %d", ends, len(old))
		}
	}
}

// What was written behind a cut is new, though the file has all the marks that it reaches. What lies between the last of
// them and the cut comes again, in doubt.
func TestCutToAPart(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 5_000)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 5_000)...)
	time.Sleep(4 * usual.idle) // it is marked at its end
	write(t, log, text(numbered(5_000, 20_000)))
	r.want(numbered(0, 20_000)...)
	stop()
	must(t, os.Truncate(log, int64(len(text(numbered(0, 8_000))))))
	write(t, log, text(numbered(20_000, 20_100)))
	stop = r.start(state, cfg)
	r.sees(numbered(20_000, 20_100)...)
	stop()
	if len(r.in.Doubts()) == 0 && r.count() > 20_100 {
		t.Errorf("%d lines came for 20,100, and no doubt is told", r.count())
	}
}
