package spool

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/shared/conf"
)

func TestConfig(t *testing.T) {
	f := func(c Config, want ...string) {
		t.Helper()
		faults := conf.Split(c.Validate())
		if len(faults) != len(want) {
			t.Errorf("%v, want %q", faults, want)
			return
		}
		for i, e := range faults {
			if !strings.HasPrefix(e.Error(), want[i]) {
				t.Errorf("%v, want %q", e, want[i])
			}
		}
	}
	f(Config{})
	f(Config{MaxBytes: 1 << 20, MinFree: 1, SyncAfter: conf.Duration(100 * time.Millisecond)})
	f(Config{MaxBytes: 1<<20 - 1}, "max_bytes: 1048575 is less than 1048576")
	f(Config{MaxBytes: -1, MinFree: -1, SyncAfter: conf.Duration(101 * time.Millisecond)}, "max_bytes: ", "min_free: ", "sync_after: 101ms is not")
	if n := (Config{}).segment(); n != 16<<20 {
		t.Errorf("segments of %d bytes by default", n)
	}
}

func TestPutNextConfirm(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, Config{})
	all := numbered(0, 1000)
	lsn := r.put(all...)
	r.synced(lsn)
	last := r.want(all...)
	if n := r.Waiting(); n != last.End {
		t.Errorf("%d bytes wait, want %d", n, last.End)
	}
	r.q.Confirm(last.LSN)
	if n := r.Waiting(); n != 0 {
		t.Errorf("%d bytes wait, want none", n)
	}
	r.until("an empty segment", func() bool { return diskBytes(t, dir) < 100 && r.room.held.Load() < 100 })
	if records, syncs := r.metric("records_total"), r.metric("syncs_total"); records != "1000" || syncs == "0" || syncs == "1000" {
		t.Errorf("%s records, %s syncs", records, syncs)
	}
	more := numbered(1000, 1010)
	r.put(more...)
	next := r.want(more...)
	if next.Epoch != last.Epoch || next.LSN != last.LSN+10 {
		t.Errorf("%+v behind %+v", next, last)
	}
	r.end()
	if r.said.count("WARN") > 0 {
		t.Error(r.said.all.String())
	}
}

// What was not confirmed comes again after a restart, with the same places, and what is put then lies behind it.
func TestRestart(t *testing.T) {
	for _, clean := range []bool{true, false} {
		dir := t.TempDir()
		r := start(t, dir, Config{})
		all := numbered(0, 100)
		r.put(all[:60]...)
		first := r.want(all[:40]...)
		r.q.Confirm(first.LSN)
		r.synced(r.put(all[60:80]...))
		r.until("a cursor", func() bool {
			c, err := readCursor(filepath.Join(dir, "q"))
			return err == nil && c.LSN == first.LSN
		})
		if r.stop(); clean {
			must(t, r.Close())
		}
		r = start(t, dir, Config{})
		r.synced(r.put(all[80:]...))
		if n := r.Waiting(); n != uint64(len(strings.Join(all[40:], ""))) {
			t.Errorf("%d bytes wait", n)
		}
		last := r.want(all[40:]...)
		if last.Epoch != first.Epoch || r.q.Reach()[0].Cursor != first.End || last.LSN != 100 {
			t.Errorf("%+v behind %+v, %+v", last, first, r.q.Reach())
		}
		r.q.Confirm(last.LSN)
		r.end()
		r = start(t, dir, Config{})
		r.put("x")
		if rec := r.want("x"); rec.First != last.End || rec.Epoch != last.Epoch {
			t.Errorf("%+v behind %+v", rec, last)
		}
		r.end()
	}
}

// Only what is on the disk leaves.
func TestNextWaitsForTheDisk(t *testing.T) {
	gate := make(chan struct{})
	r := start(t, t.TempDir(), Config{}, func(s *Spool) {
		s.sync = func(sync func() error) error { <-gate; return sync() }
	})
	r.put("a")
	r.nothing()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.q.Synced(ctx, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Synced = %v before the sync", err)
	}
	r.put("b") // not blocked by it
	close(gate)
	r.want("a", "b")
	r.end()
}

func TestEnd(t *testing.T) {
	r := start(t, t.TempDir(), Config{})
	r.put("a", "b")
	r.q.End()
	if _, err := r.q.Put(t.Context(), []byte("c")); !errors.Is(err, ErrEnded) {
		t.Errorf("Put behind End = %v", err)
	}
	r.want("a", "b")
	for range 2 {
		if _, err := r.q.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("Next behind End = %v", err)
		}
	}
	r.end()
	if _, err := r.q.Put(t.Context(), []byte("c")); !errors.Is(err, ErrClosed) {
		t.Errorf("Put behind Close = %v", err)
	}
	if err := r.q.Synced(t.Context(), 3, 3); !errors.Is(err, ErrClosed) {
		t.Errorf("Synced behind Close = %v", err)
	}
	if err := r.q.Synced(t.Context(), 2, 2); err != nil {
		t.Errorf("Synced behind Close = %v", err)
	}
	if _, err := r.q.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Next behind Close = %v", err)
	}
	if _, err := r.Queue("other"); !errors.Is(err, ErrClosed) {
		t.Errorf("Queue behind Close = %v", err)
	}
}

func TestSizes(t *testing.T) {
	r := start(t, t.TempDir(), Config{MaxBytes: 1 << 20})
	large := strings.Repeat("x", 1<<19-recordCost)
	for _, p := range []string{"", large + "x"} {
		if _, err := r.q.Put(t.Context(), []byte(p)); !errors.Is(err, ErrSize) {
			t.Errorf("Put of %d bytes = %v", len(p), err)
		}
	}
	for range 5 {
		r.put(large)
		r.q.Confirm(r.want(large).LSN)
	}
	r.end()
}

func TestQueues(t *testing.T) {
	dir := t.TempDir()
	if names, err := Names(filepath.Join(dir, "none")); err != nil || names != nil {
		t.Errorf("%v, %v", names, err)
	}
	r := start(t, dir, Config{})
	b, err := r.Queue("b.514_udp-x")
	must(t, err)
	same, err := r.Queue("b.514_udp-x")
	if err != nil || same != b {
		t.Errorf("%p, %v; want %p", same, err, b)
	}
	for _, name := range []string{"", ".", "..", "a/b", ".x", "a b", strings.Repeat("x", 201)} {
		if _, err := r.Queue(name); err == nil {
			t.Errorf("a queue is named %q", name)
		}
	}
	r.put("one")
	lsn, err := b.Put(t.Context(), []byte("two"))
	must(t, err)
	must(t, b.Synced(t.Context(), lsn, lsn))
	rec, err := b.Next(t.Context())
	must(t, err)
	if string(rec.Payload) != "two" || rec.Epoch == r.want("one").Epoch || b.Name() != "b.514_udp-x" {
		t.Errorf("%+v", rec)
	}
	if n := r.Waiting(); n != 6 {
		t.Errorf("%d bytes wait", n)
	}
	r.end()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	if names, err := Names(dir); err != nil || strings.Join(names, " ") != "b.514_udp-x q" {
		t.Errorf("%q, %v", names, err)
	}
	r = start(t, dir, Config{}) // b is not open, and has its bytes all the same
	if n := diskBytes(t, dir); r.room.held.Load() != n {
		t.Errorf("%d bytes are held, on the disk are %d", r.room.held.Load(), n)
	}
	_, err = r.Queue("b.514_udp-x")
	must(t, err)
	if n := diskBytes(t, dir); r.room.held.Load() != n {
		t.Errorf("%d bytes are held, on the disk are %d", r.room.held.Load(), n)
	}
	r.end()
}
