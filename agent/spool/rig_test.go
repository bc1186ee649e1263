package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// small mounts a small file system.
func small(t testing.TB, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,size="+size); err != nil {
		t.Skip("only root can mount a small file system: ", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// quick is a folder where a sync costs nothing; who may not mount gets a plain one.
func quick(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,size=64m"); err == nil {
		t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	}
	return dir
}

// said keeps what was logged.
type said struct {
	mu  sync.Mutex
	all strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Write(b)
}

func (s *said) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.all.String(), what)
}

// rig is a running spool with one queue.
type rig struct {
	*Spool
	t    testing.TB
	q    *Queue
	set  *metrics.Set
	said *said
	stop func() // the process is killed: nothing more is written
}

// start opens a spool. before may change it before it runs.
func start(t testing.TB, dir string, cfg Config, before ...func(*Spool)) *rig {
	t.Helper()
	if cfg.MinFree == 0 {
		cfg.MinFree = 1
	}
	r := &rig{t: t, set: metrics.NewSet(), said: &said{}}
	var err error
	r.Spool, err = Open(dir, cfg, slog.New(slog.NewTextHandler(r.said, nil)), r.set)
	must(t, err)
	for _, f := range before {
		f(r.Spool)
	}
	r.q, err = r.Queue("q")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() { cancel(); must(t, <-done) })
	t.Cleanup(r.stop)
	return r
}

// end stops and closes the spool.
func (r *rig) end() {
	r.t.Helper()
	r.stop()
	must(r.t, r.Close())
}

func (r *rig) put(payloads ...string) (lsn uint64) {
	r.t.Helper()
	for _, p := range payloads {
		ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
		var err error
		lsn, err = r.q.Put(ctx, []byte(p))
		cancel()
		if err != nil {
			r.t.Fatalf("%v; bytes %d, waiting %d, reach %+v\n%s", err, r.room.held.Load(), r.Waiting(), r.q.Reach(), r.said.all.String())
		}
	}
	return lsn
}

func (r *rig) synced(lsn uint64) {
	r.t.Helper()
	must(r.t, r.q.Synced(r.t.Context(), lsn, lsn))
}

// next returns the next record with its own payload.
func (r *rig) next() Record {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	rec, err := r.q.Next(ctx)
	if err != nil {
		r.t.Fatalf("%v; waiting %d, reach %+v\n%s", err, r.Waiting(), r.q.Reach(), r.said.all.String())
	}
	rec.Payload = []byte(string(rec.Payload))
	return rec
}

// want takes as many records as there are payloads, which they must have, one behind the other.
func (r *rig) want(payloads ...string) (last Record) {
	r.t.Helper()
	for i, p := range payloads {
		rec := r.next()
		if string(rec.Payload) != p || rec.End-rec.First != uint64(len(p)) {
			r.t.Fatalf("record %+v, want %q", rec, p)
		}
		if i > 0 && (rec.Epoch != last.Epoch || rec.First != last.End) {
			r.t.Fatalf("record %+v behind %+v", rec, last)
		}
		last = rec
	}
	return last
}

// lost takes a record that says that n bytes are lost, from the place first on.
func (r *rig) lost(first, n uint64) Record {
	r.t.Helper()
	rec := r.next()
	if !rec.Lost || len(rec.Payload) > 0 || rec.First != first || rec.End != first+n {
		r.t.Fatalf("record %+v, want %d bytes lost from %d on", rec, n, first)
	}
	return rec
}

// nothing checks that nothing comes.
func (r *rig) nothing() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Millisecond)
	defer cancel()
	if rec, err := r.q.Next(ctx); err == nil {
		r.t.Fatalf("record %+v, want none", rec)
	}
}

// until waits for what must come soon.
func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	for range 2000 {
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.t.Fatalf("%s did not come to be; bytes %d, waiting %d, reach %+v\n%s", what, r.room.held.Load(), r.Waiting(), r.q.Reach(), r.said.all.String())
}

func (r *rig) metric(name string) string {
	var b strings.Builder
	r.set.WritePrometheus(&b)
	for line := range strings.Lines(b.String()) {
		if v, ok := strings.CutPrefix(line, "belfry_agent_spool_"+name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	r.t.Fatalf("no metric %s", name)
	return ""
}

func numbered(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("message %d%s", i, strings.Repeat("-", i%50)))
	}
	return all
}

// diskBytes is what a folder has in segments.
func diskBytes(t testing.TB, dir string) (n int64) {
	t.Helper()
	names, err := Names(dir)
	must(t, err)
	for _, name := range names {
		b, err := bytesBelow(dir + "/" + name)
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return math.MaxInt64
		}
		must(t, err)
		n += b
	}
	return n
}
