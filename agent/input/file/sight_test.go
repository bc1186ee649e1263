package file

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file that was renamed out of sight is opened once to be read to its end, and again only when it grows.
func TestFileOutOfSightRests(t *testing.T) {
	t.Parallel()
	if !canReopen(t.TempDir()) {
		t.Skip("files cannot be found by their handles here")
	}
	log, state, cfg := host(t)
	far := filepath.Join(filepath.Dir(filepath.Dir(log)), "far")
	must(t, os.Mkdir(far, 0o755))
	r := newReceiver(t)
	in := r.open(state, cfg)
	quick(in)
	defer r.run(in)()
	write(t, log, text(numbered(0, 10)))
	r.want(numbered(0, 10)...)
	rename(t, log, filepath.Join(far, "put-away"))
	write(t, filepath.Join(far, "put-away"), text(numbered(10, 20)))
	r.want(numbered(0, 20)...)
	becomes(t, in, "it rests", func() bool { return len(in.open) == 0 })
	time.Sleep(6 * in.pace.park)
	if n := r.logged("following file"); n > 3 {
		t.Errorf("it was opened %d times", n)
	}
	write(t, filepath.Join(far, "put-away"), text(numbered(20, 30)))
	r.want(numbered(0, 30)...)
}
