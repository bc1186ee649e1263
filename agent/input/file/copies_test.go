package file

import (
	"os"
	"testing"
	"time"
)

// Between the copy and the cut of copytruncate a busy writer goes on for long. What was read then is not in the copy, and the
// copy is one all the same, packed too.
func TestCutLongAfterTheCopy(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	write(t, log, text(numbered(0, 60_000)))
	stop := r.start(state, cfg)
	r.want(numbered(0, 60_000)...)
	aside, before := state+".copy", time.Now().Add(-time.Minute)
	write(t, aside, text(numbered(0, 20_000)))
	must(t, os.Chtimes(aside, before, before))
	rename(t, aside, log+".1")
	must(t, os.Truncate(log, 0))
	write(t, log, text(numbered(60_000, 60_010)))
	r.want(numbered(0, 60_010)...)
	r.stays(numbered(0, 60_010)...)
	stop()
	defer r.start(state, cfg)()
	gzipFile(t, log+".1")
	r.stays(numbered(0, 60_010)...)
}
