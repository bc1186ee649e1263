package file

import (
	"os"
	"testing"
	"time"
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
