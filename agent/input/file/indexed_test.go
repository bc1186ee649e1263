package file

import (
	"os"
	"testing"
	"time"

	"belfry/shared/batch"
)

// Only what the index has to its last byte may be deleted.
func TestIndexed(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	cfg.Paths = []string{log + "*"}
	r := newReceiver(t)
	lone, whole := text(numbered(0, 50)), text(numbered(100, 200))
	write(t, log, whole)
	write(t, log+".2.gz", string(gzipped(t, lone)))
	stop := r.start(state, cfg)
	defer func() { stop() }()
	r.want(append(numbered(0, 50), numbered(100, 200)...)...)
	write(t, log+".1", whole) // somebody copies it
	r.stays(append(numbered(0, 50), numbered(100, 200)...)...)

	f := func(path string, want bool) {
		t.Helper()
		var got bool
		var err error
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if got, err = r.in.Indexed(path); err == nil && got == want {
				return
			}
		}
		t.Errorf("Indexed(%s) = %v, %v; want %v", path, got, err, want)
	}
	all := []string{log, log + ".1", log + ".2.gz"}
	for _, path := range all {
		f(path, false)
	}
	plain, packed := streamOf(t, r.in, log), streamOf(t, r.in, log+".2.gz")
	n, m := uint64(len(whole)), uint64(len(lone))
	r.in.IndexedTo(plain.stream, plain.epoch, n-1)
	r.in.IndexedRanges(batch.Stream{ID: packed.stream, Epoch: packed.epoch, Ranges: []batch.Range{{First: 1, End: m}}})
	time.Sleep(2 * usual.idle)
	for _, path := range all {
		f(path, false)
	}
	r.in.IndexedTo(plain.stream, plain.epoch, n)
	r.in.IndexedRanges(batch.Stream{ID: packed.stream, Epoch: packed.epoch, Ranges: []batch.Range{{First: 0, End: 1}}})
	for _, path := range all {
		f(path, true)
	}

	write(t, log, "more\n")
	f(log, false)
	write(t, log+".1", "another\n") // the copy is none any more
	f(log+".1", false)
	other := log + ".not"
	must(t, os.WriteFile(other, nil, 0o600))
	cfg.Exclude = []string{other}
	if ok, err := r.in.Indexed(log + ".none"); ok || err == nil {
		t.Errorf("of no file: %v, %v", ok, err)
	}
	r.sees("more", "another")
	stop()
	if ok, err := r.in.Indexed(log); ok || err == nil {
		t.Errorf("while nothing runs: %v, %v", ok, err)
	}
	stop = r.start(state, cfg)
	if ok, err := r.in.Indexed(other); ok || err == nil {
		t.Errorf("of a file that is not followed: %v, %v", ok, err)
	}
	f(log+".2.gz", true) // over a restart too
	f(log, false)
}

// streamOf asks which stream a file has.
func streamOf(t *testing.T, in *Input, path string) contentKey {
	t.Helper()
	var key contentKey
	must(t, in.do(func() {
		st, err := statPath(path)
		if c := in.handles[st.handle]; err == nil && c != nil {
			key = c.key()
		}
	}))
	if key.epoch == 0 {
		t.Fatalf("%s is not followed", path)
	}
	return key
}
