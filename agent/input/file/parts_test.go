package file

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Some append to one archive again and again, and empty the log.
func TestAppendedArchive(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 1000)))
	defer r.start(state, cfg)()
	r.want(numbered(0, 1000)...)
	for n := 1000; n < 4000; n += 1000 {
		write(t, log+".gz", string(gzipped(t, text(numbered(n-1000, n)))))
		must(t, os.Truncate(log, 0))
		write(t, log, text(numbered(n, n+1000)))
		r.want(numbered(0, n+1000)...)
	}
	r.stays(numbered(0, 4000)...)
}

// What was read from an archive does not come again when others are appended to it.
func TestLengthenedArchive(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 500)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 500)...)
	stop()
	must(t, os.Remove(log))
	write(t, log+".gz", string(gzipped(t, text(numbered(0, 1000)))))
	write(t, log, text(numbered(1000, 2000)))
	defer r.start(state, cfg)()
	r.want(numbered(0, 2000)...)
	write(t, log+".gz", string(gzipped(t, text(numbered(1000, 2000)))))
	must(t, os.Truncate(log, 0))
	write(t, log, text(numbered(2000, 2010)))
	r.want(numbered(0, 2010)...)
	r.stays(numbered(0, 2010)...)
}

// Archives that are joined are none that is new; one in which something is new is read.
func TestJoinedArchives(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	one, two := text(numbered(0, 1000)), text(numbered(1000, 2000))
	write(t, log+".2.gz", string(gzipped(t, one)))
	write(t, log+".1.gz", string(gzipped(t, two)))
	write(t, log, text(numbered(2000, 2010)))
	defer r.start(state, cfg)()
	r.want(numbered(0, 2010)...)
	write(t, log+".old.gz", string(slices.Concat(gzipped(t, one), gzipped(t, two))))
	r.stays(numbered(0, 2010)...)
	write(t, log+".bak.gz", string(slices.Concat(gzipped(t, text(numbered(3000, 4000))), gzipped(t, text(numbered(4000, 4100))))))
	r.want(slices.Concat(numbered(0, 2010), numbered(3000, 4100))...)
}

// "app-1.log.gz" is what "app.log" was, if it has its bytes, and something of its own if not.
func TestPackedUnderAnotherName(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	dir := filepath.Dir(log)
	cfg.Paths = []string{log, filepath.Join(dir, "x-*.log.gz")}
	r := newReceiver(t)
	write(t, log, text(numbered(0, 1000)))
	defer r.start(state, cfg)()
	r.want(numbered(0, 1000)...)
	must(t, os.Remove(log))
	write(t, filepath.Join(dir, "x-1.log.gz"), string(gzipped(t, text(numbered(0, 1000)))))
	write(t, filepath.Join(dir, "x-2.log.gz"), string(gzipped(t, text(numbered(1000, 2000)))))
	write(t, log, text(numbered(2000, 2010)))
	r.want(numbered(0, 2010)...)
	r.stays(numbered(0, 2010)...)
}

// Of a content that two files have at an agent's first look, one is a copy, whatever their names are.
func TestPackedBesideUnpacked(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + "*"}
	r := newReceiver(t)
	write(t, log+".3.unpacked", text(numbered(0, 5000)))
	write(t, log+".3.gz", string(gzipped(t, text(numbered(0, 5000)))))
	write(t, log, text(numbered(5000, 5010)))
	defer r.start(state, cfg)()
	r.want(numbered(0, 5010)...)
	r.stays(numbered(0, 5010)...)
}
