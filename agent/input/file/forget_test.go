package file

import (
	"os"
	"testing"
	"time"

	"belfry/shared/event"
)

// What no file has for long is forgotten, wherever it was found by; what lies there is not, however old it is.
func TestForgets(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log+".2.gz", string(gzipped(t, text(numbered(0, 1000)))))
	write(t, log+".1.gz", string(gzipped(t, text(numbered(1000, 2000)))))
	write(t, log, text(numbered(2000, 2010)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 2010)...)
	r.stays(numbered(0, 2010)...)
	stop()
	must(t, os.Remove(log+".2.gz"))
	in := r.open(state, cfg)
	must(t, in.scan())
	in.awaitSync()
	known := len(in.store.contents)
	in.started = time.Now()
	must(t, in.store.rewrite(time.Now().Add(2*forgetAfter)))
	if n := len(in.store.contents); n != known {
		t.Fatalf("%d contents of %d are known a moment after the start", n, known)
	}
	in.started = time.Now().Add(-2 * time.Hour)
	must(t, in.store.rewrite(time.Now().Add(4*forgetAfter)))
	if n := len(in.store.contents); n != known-1 || len(in.handles) != known-1 || len(in.inodes) != known-1 {
		t.Errorf("%d contents, %d handles, %d inodes; want %d", n, len(in.handles), len(in.inodes), known-1)
	}
	for base, all := range in.byBase {
		for _, c := range all {
			if in.store.contents[c.key()] != c {
				t.Errorf("%s is found by %s", c.Path, base)
			}
		}
	}
	in.closeAll()
	must(t, in.Close())
}

// Of the contents that lay in one file, the last one lies there: the epochs of two streams do not tell which that is.
func TestLastContentOfAFile(t *testing.T) {
	t.Parallel()
	_, state, cfg := host(t)
	r := newReceiver(t)
	in := r.open(state, cfg)
	h := Handle{Inode: 7, Birth: 7}
	for i, epoch := range []uint64{9000, 5000, 7000} {
		must(t, in.store.put(&content{Stream: event.HashKey(string(rune('a' + i))), Epoch: epoch, File: h, Path: "/l/x.log", Stem: "/l/x.log"}))
	}
	must(t, in.Close())
	for range 2 {
		in = r.open(state, cfg)
		if got := in.handles[h]; got == nil || got.Epoch != 7000 {
			t.Errorf("the file has %+v", got)
		}
		in.store.last += 10_000 // as after many that are forgotten
		must(t, in.store.rewrite(time.Now()))
		in.store.renumber()
		must(t, in.store.rewrite(time.Now()))
		must(t, in.Close())
	}
}
