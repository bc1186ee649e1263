package file

import (
	"context"
	"testing"
	"time"

	"belfry/agent/input/file/lines"
)

// A rotated file that ends in NULs, as a power cut leaves them, is waited for no longer than any other.
func TestHoleAtTheEndOfARotatedFile(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	in := r.open(state, cfg)
	quick(in)
	defer r.run(in)()
	write(t, log, text(numbered(0, 10)))
	r.want(numbered(0, 10)...)
	write(t, log, string(make([]byte, 3*4096)))
	rename(t, log, log+".1")
	write(t, log, text(numbered(10, 20)))
	r.want(numbered(0, 20)...)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r.mu.Lock()
		skipped := r.skipped
		r.mu.Unlock()
		if skipped == 3*4096 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d bytes were passed over, want %d", skipped, 3*4096)
		}
	}
}

// Likewise what is handed on when its file is gone: no file is being read then.
func TestHoleOfAFileThatIsGone(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	in := r.open(state, cfg)
	defer func() { must(t, in.Close()) }()
	c := &content{Path: log, Stem: log, Days: []step{{0, "2026-11-28"}}}
	c.reader = lines.New(in.cfgs[0].lines, 0, nil, nil)
	must(t, c.reader.Feed(make([]byte, 3*4096), in.now(), &follower{content: c, in: in}))
	in.renewTick(t.Context())
	must(t, in.handOnRest(context.Background(), c))
	if r.skipped != 3*4096 {
		t.Errorf("%d bytes were passed over, want %d", r.skipped, 3*4096)
	}
}
