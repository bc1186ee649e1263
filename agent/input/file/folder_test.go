package file

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A folder that cannot be read for a while is no reason to believe that its files are gone.
func TestFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o000, 0o444} { // 0444: names are seen, and nothing else
		log, state, cfg := host(t)
		dir := filepath.Dir(log)
		r := newReceiver(t)
		r.unpriv = true
		in := r.open(state, cfg)
		quick(in)
		write(t, log, text(numbered(0, 10)))
		stop := r.run(in)
		r.want(numbered(0, 10)...)
		becomes(t, in, "the file rests", func() bool { return len(in.open) == 0 })
		must(t, os.Chmod(dir, mode))
		time.Sleep(2 * in.pace.orphan)
		becomes(t, in, "the folder was looked at", func() bool {
			for _, c := range in.store.contents {
				if c.Ended || in.isGone(c) {
					t.Errorf("the file is taken for gone: %+v", c)
				}
			}
			return in.scanned.After(in.now().Add(-time.Minute))
		})
		if r.logged("cannot be") != 1 {
			t.Errorf("%d times it was said that it cannot be read", r.logged("cannot be"))
		}
		must(t, os.Chmod(dir, 0o755))
		write(t, log, text(numbered(10, 20)))
		r.want(numbered(0, 20)...)
		stop()
	}
}

// A folder that was removed and made anew is watched again.
func TestFolderMadeAnewIsWatched(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	dir := filepath.Dir(log)
	r := newReceiver(t)
	in := r.open(state, cfg)
	quick(in)
	defer r.run(in)()
	write(t, log, text(numbered(0, 10)))
	r.want(numbered(0, 10)...)
	must(t, os.RemoveAll(dir))
	must(t, os.Mkdir(dir, 0o755))
	time.Sleep(10 * in.pace.scan) // all events have come
	becomes(t, in, "the new folder is watched", func() bool {
		watched := len(in.folders) == 1 && len(in.watcher.WatchList()) == 1
		if watched {
			in.nextScan = in.now().Add(time.Hour)
		}
		return watched
	})
	write(t, log, text(numbered(10, 20)))
	r.want(numbered(0, 20)...)
}
