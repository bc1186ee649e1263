package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// blocks checks that nothing more can be put.
func (r *rig) blocks(q *Queue, payload string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := q.Put(ctx, []byte(payload)); !errors.Is(err, context.DeadlineExceeded) {
		r.t.Fatalf("Put = %v, want it to block", err)
	}
}

// fillUp puts until no more can be put, and returns what was put.
func (r *rig) fillUp(size int) (all []string) {
	r.t.Helper()
	for {
		p := fmt.Sprint(len(all), " ", strings.Repeat("x", size))
		ctx, cancel := context.WithTimeout(r.t.Context(), 50*time.Millisecond)
		lsn, err := r.q.Put(ctx, []byte(p))
		cancel()
		if err != nil {
			return all
		}
		if all = append(all, p); len(all)%10 == 0 {
			_ = r.q.Synced(r.t.Context(), lsn, lsn)
		}
	}
}

// The bound holds for all queues together; who waits goes on when the others' records were confirmed.
func TestMaxBytes(t *testing.T) {
	const most = 1 << 20
	dir := t.TempDir()
	r := start(t, dir, Config{MaxBytes: most})
	other, err := r.Queue("other")
	must(t, err)
	all := r.fillUp(1000)
	r.blocks(other, strings.Repeat("x", 2000))
	if n := diskBytes(t, dir); n > most || n < most*9/10 || r.metric("full") != "0" {
		t.Errorf("%d bytes on the disk, full is %s", n, r.metric("full"))
	}
	put := make(chan error)
	go func() {
		_, err := other.Put(t.Context(), []byte(strings.Repeat("x", 2000)))
		put <- err
	}()
	r.until("full", func() bool { return r.metric("full") == "1" })
	for i, p := range all {
		if lsn := r.want(p).LSN; i%100 == 99 || i == len(all)-1 {
			r.q.Confirm(lsn)
		}
	}
	must(t, <-put)
	r.until("room", func() bool { return diskBytes(t, dir) < 10000 && r.room.held.Load() < 10000 })
	if r.said.count("spool is full") != 1 || r.said.count("room again") != 1 || r.metric("blocked_seconds_total") == "0" {
		t.Error(r.said.all.String(), r.metric("blocked_seconds_total"))
	}
	r.end()
}

// A sender that is always faster than the receiver is held up, and everything comes.
func TestBackPressure(t *testing.T) {
	dir := quick(t)
	r := start(t, dir, Config{MaxBytes: 1 << 20})
	const n = 20000
	var most atomic.Int64
	go func() {
		for i := range n {
			if _, err := r.q.Put(t.Context(), fmt.Appendf(nil, "%0*d", 100+i%400, i)); err != nil {
				t.Error(err)
			}
			if i%100 == 0 {
				most.Store(max(most.Load(), r.room.held.Load()))
			}
		}
	}()
	for i := range n {
		if rec := r.want(fmt.Sprintf("%0*d", 100+i%400, i)); i%50 == 0 || i == n-1 {
			r.q.Confirm(rec.LSN)
		}
	}
	if m := most.Load(); m > 1<<20 {
		t.Errorf("%d bytes were held", m)
	}
	r.until("an empty queue", func() bool { return diskBytes(t, dir) <= blockBytes })
	r.end()
	if r.said.count("damaged") > 0 {
		t.Error(r.said.all.String())
	}
}

// The spool stops while others may still write, and goes on by itself when there is room again.
func TestMinFree(t *testing.T) {
	disk := small(t, "16m")
	r := start(t, filepath.Join(disk, "spool"), Config{MinFree: 8 << 20})
	all := r.fillUp(100_000)
	free, err := freeBytes(disk)
	must(t, err)
	if free > 8<<20 || free < 6<<20 || len(all) < 60 || r.metric("full") != "1" {
		t.Errorf("%d bytes are free after %d records, full is %s", free, len(all), r.metric("full"))
	}
	r.blocks(r.q, "x")
	last := r.want(all...)
	r.q.Confirm(last.LSN)
	r.put("behind")
	r.want("behind")
	if r.said.count("spool is full") != 1 || r.said.count("room again") != 1 || r.metric("write_errors_total") != "0" {
		t.Error(r.said.all.String())
	}
	// Somebody else fills the disk.
	ballast := filepath.Join(disk, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 9<<20), 0o600))
	r.fillUp(10)
	r.blocks(r.q, "x")
	must(t, os.Remove(ballast))
	r.put("x")
	r.end()
}

// On a disk that others have filled to its last byte nothing is lost: who puts waits, who waits for the disk waits on, what is
// there leaves, and all goes on when there is room again.
func TestFullDisk(t *testing.T) {
	disk := small(t, "4m")
	ballast := filepath.Join(disk, "ballast")
	r := start(t, filepath.Join(disk, "spool"), Config{MaxBytes: 2 << 20})
	var all []string
	var taken int
	for range 5 {
		if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("the disk is not full: %v", err)
		}
		r.room.low.Store(false) // as if it had been filled a moment after the spool looked
		more := numbered(len(all), len(all)+300)
		put := make(chan error)
		go func() {
			for _, p := range more {
				if _, err := r.q.Put(t.Context(), []byte(p)); err != nil {
					put <- err
					return
				}
			}
			put <- nil
		}()
		r.until("a write that fails", func() bool {
			r.q.mu.Lock()
			defer r.q.mu.Unlock()
			return r.q.bad != nil
		})
		must(t, os.Remove(ballast))
		must(t, <-put)
		all = append(all, more...)
		r.synced(r.q.last)
		rec := r.want(all[taken : len(all)-100]...)
		taken = len(all) - 100
		r.q.Confirm(rec.LSN)
	}
	if r.metric("write_errors_total") == "0" || r.said.count("cannot be written") != 5 || r.said.count("written again") != 5 {
		t.Error(r.metric("write_errors_total"), r.said.all.String())
	}
	r.end()
	r = start(t, filepath.Join(disk, "spool"), Config{MaxBytes: 2 << 20})
	last := r.want(all[taken:]...)
	if n := r.q.Reach()[0]; n.Lost != 0 || n.End != last.End {
		t.Errorf("%+v", n)
	}
	r.end()
}

// An agent that starts on a full disk gives what it has, and takes more when there is room.
func TestStartOnFullDisk(t *testing.T) {
	disk := small(t, "4m")
	dir := filepath.Join(disk, "spool")
	r := start(t, dir, Config{})
	all := numbered(0, 100)
	r.put(all...)
	r.end()
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	r = start(t, dir, Config{})
	last := r.want(all...)
	r.blocks(r.q, "x")
	must(t, os.Remove(ballast))
	r.put("x")
	if rec := r.want("x"); rec.First != last.End || rec.Epoch != last.Epoch {
		t.Errorf("%+v behind %+v", rec, last)
	}
	r.end()
}

// After a failed sync nothing is believed that was not synced before: who waits is told, and the hole shows.
// A queue that a kill left with a torn end needs a new segment: on a disk that others have filled it has the ballast's room.
func TestTornEndOnFullDisk(t *testing.T) {
	disk := small(t, "8m")
	dir := filepath.Join(disk, "spool")
	r := start(t, dir, Config{})
	all := numbered(0, 100)
	r.put(all...)
	r.end()
	segments, err := filepath.Glob(filepath.Join(dir, "*", "*.seg"))
	must(t, err)
	f, err := os.OpenFile(segments[len(segments)-1], os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.Write(make([]byte, 30))
	must(t, errors.Join(err, f.Close()))
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 16<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	r = start(t, dir, Config{})
	r.want(all...)
	if r.Stuck() == "" {
		t.Error("nobody is told that nothing is taken")
	}
	must(t, os.Remove(filler))
	r.put("x")
	r.want("x")
	r.end()
}

func TestFailedSync(t *testing.T) {
	var fails atomic.Bool
	dir := t.TempDir()
	hook := func(s *Spool) {
		s.sync = func(sync func() error) error {
			if fails.Load() {
				return unix.EIO
			}
			return sync()
		}
	}
	r := start(t, dir, Config{}, hook)
	r.synced(r.put("one", "two"))
	fails.Store(true)
	lost := r.put("three", "four")
	waits := make(chan error)
	for lsn := lost - 1; lsn <= lost; lsn++ {
		go func() { waits <- r.q.Synced(t.Context(), lsn, lsn) }()
	}
	for range 2 {
		if err := <-waits; !errors.Is(err, ErrLost) {
			t.Errorf("Synced = %v", err)
		}
	}
	r.synced(2)
	fails.Store(false)
	r.synced(r.put("five"))
	if n := r.q.Lost(); n != 9 { // it is known before Next comes to it
		t.Errorf("%d bytes lost", n)
	}
	before := r.want("one", "two")
	hole := r.lost(before.End, uint64(len("threefour")))
	after := r.want("five")
	if after.Epoch != before.Epoch || after.First != hole.End || after.LSN <= lost || hole.LSN <= before.LSN || hole.LSN >= after.LSN {
		t.Errorf("%+v, %+v behind %+v", after, hole, before)
	}
	if p := r.q.Reach(); len(p) != 1 || p[0].Lost != 9 || r.q.Lost() != 9 || p[0].End != after.End || r.Waiting() != 19 {
		t.Errorf("%+v, %d bytes wait", p, r.Waiting())
	}
	if n := diskBytes(t, dir); r.room.held.Load() != n {
		t.Errorf("%d bytes are held, on the disk are %d", r.room.held.Load(), n)
	}
	// The loss is at the end when the spool is closed: the hole shows all the same.
	fails.Store(true)
	six := r.put("six")
	if err := r.q.Synced(t.Context(), six, six); !errors.Is(err, ErrLost) {
		t.Errorf("Synced = %v", err)
	}
	fails.Store(false)
	r.q.Confirm(after.LSN)
	if p := r.q.Reach(); p[0].Lost != 12 || r.Waiting() != 3 || p[0].Since.IsZero() || p[0].Since.After(time.Now()) {
		t.Errorf("%+v, %d bytes wait", p, r.Waiting())
	}
	r.lost(after.End, 3)
	r.end()
	r = start(t, dir, Config{}) // nobody has confirmed it
	if p := r.q.Reach(); p[0].End != after.End+3 || p[0].Cursor != after.End || p[0].Since.IsZero() || r.q.Lost() != 0 {
		t.Errorf("%+v, %d bytes lost", p, r.q.Lost())
	}
	rec := r.lost(after.End, 3)
	if r.q.Confirm(rec.LSN); rec.Epoch != after.Epoch || r.Waiting() != 0 || !r.q.Reach()[0].Since.IsZero() || r.q.Lost() != 3 {
		t.Errorf("%+v behind %+v; %+v, %d bytes lost", rec, after, r.q.Reach(), r.q.Lost())
	}
	r.end()
	r = start(t, dir, Config{})
	r.put("seven")
	if rec := r.want("seven"); rec.First != after.End+3 || rec.Epoch != after.Epoch || r.q.Lost() != 0 || r.Waiting() != 5 {
		t.Errorf("%+v behind %+v; %+v, %d bytes wait", rec, after, r.q.Reach(), r.Waiting())
	}
	r.end()
}

// One who has put two records, of which a failed sync took the first, is told. So is whoever asks for what nobody knows.
func TestSyncedOfMany(t *testing.T) {
	fails := make(chan error, 1)
	r := start(t, quick(t), Config{}, func(s *Spool) {
		s.sync = func(sync func() error) error {
			select {
			case err := <-fails:
				return err
			default:
				return sync()
			}
		}
	})
	f := func(first, last uint64, want error) {
		t.Helper()
		if err := r.q.Synced(t.Context(), first, last); !errors.Is(err, want) {
			t.Errorf("Synced from %d to %d = %v, want %v", first, last, err, want)
		}
	}
	r.synced(r.put("one"))
	fails <- unix.EIO
	gone := r.put("lost")
	f(gone, gone, ErrLost)
	kept := r.put("kept", "kept too") - 1
	f(kept, kept+1, nil)
	f(gone, kept, ErrLost)
	f(1, kept, ErrLost)
	f(1, 1, nil)
	for range maxLost {
		fails <- unix.EIO
		lsn := r.put("lost")
		f(lsn, lsn, ErrLost)
		kept = r.put("kept")
		f(kept, kept, nil)
	}
	f(gone, gone, ErrLost) // it is forgotten
	f(1, 1, ErrLost)       // who knows
	f(gone+1, gone+1, nil)
	r.end()
	f(kept, kept, nil)
}

// What Close could not bring to the disk is lost, and told at the next start.
func TestCloseFails(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, Config{})
	r.synced(r.put("one"))
	r.stop()
	lsn := r.put("two")
	r.q.mu.Lock()
	r.q.fail(unix.EIO, true)
	r.q.mu.Unlock()
	if err := r.Close(); !errors.Is(err, unix.EIO) {
		t.Errorf("Close = %v", err)
	}
	if err := r.q.Synced(t.Context(), 1, lsn); !errors.Is(err, ErrLost) {
		t.Errorf("Synced = %v", err)
	}
	r = start(t, dir, Config{})
	rec := r.want("one")
	r.lost(rec.End, 3)
	r.put("three")
	r.want("three")
	r.end()
}

// Before anything more is put, the cursor on the disk says what a failed sync has taken: it is told after a kill, too.
func TestKilledBehindALoss(t *testing.T) {
	dir := t.TempDir()
	fails := make(chan error, 1)
	r := start(t, filepath.Join(dir, "a"), Config{}, func(s *Spool) {
		s.sync = func(sync func() error) error {
			select {
			case err := <-fails:
				return err
			default:
				return sync()
			}
		}
	})
	r.synced(r.put("one"))
	fails <- unix.EIO
	lsn := r.put("two")
	if err := r.q.Synced(t.Context(), lsn, lsn); !errors.Is(err, ErrLost) {
		t.Errorf("Synced = %v", err)
	}
	r.put("three")
	must(t, os.CopyFS(filepath.Join(dir, "b"), os.DirFS(filepath.Join(dir, "a"))))
	r.end()
	r = start(t, filepath.Join(dir, "b"), Config{})
	rec := r.want("one")
	r.lost(rec.End, 3)
	r.end()
}

// Losses one behind the other, each told before the next, count once.
func TestLostTwice(t *testing.T) {
	fails := make(chan error, 1)
	r := start(t, quick(t), Config{}, func(s *Spool) {
		s.sync = func(sync func() error) error {
			select {
			case err := <-fails:
				return err
			default:
				return sync()
			}
		}
	})
	r.synced(r.put("one"))
	rec := r.want("one")
	for i := range uint64(4) {
		fails <- unix.EIO
		lsn := r.put("lost")
		if err := r.q.Synced(t.Context(), lsn, lsn); !errors.Is(err, ErrLost) {
			t.Errorf("Synced = %v", err)
		}
		if i%2 == 1 { // the one before was told already, or not
			r.lost(rec.End+4*(i-1), 8)
		}
		if n := r.q.Lost(); n != 4*(i+1) {
			t.Errorf("%d bytes lost after %d times 4", n, i+1)
		}
	}
	r.end()
}

// A disk that fails again and again, while many put, wait, take and confirm: in = out + lost.
func TestFailsAgainAndAgain(t *testing.T) {
	var n atomic.Uint64
	r := start(t, quick(t), Config{MaxBytes: 8 << 20}, func(s *Spool) {
		s.sync = func(sync func() error) error {
			if n.Add(1)%7 == 0 {
				return unix.EIO
			}
			return sync()
		}
	})
	var lost, kept atomic.Int64
	var bytes atomic.Uint64
	done := make(chan struct{})
	const senders, each = 8, 150
	for s := range senders {
		go func() {
			for i := range each {
				p := fmt.Appendf(nil, "%d %0*d", s, 1+i*13%300, i)
				lsn, err := r.q.Put(t.Context(), p)
				if err != nil {
					t.Error(err)
				}
				bytes.Add(uint64(len(p)))
				switch err := r.q.Synced(t.Context(), lsn, lsn); {
				case errors.Is(err, ErrLost):
					lost.Add(1)
				case err != nil:
					t.Error(err)
				default:
					kept.Add(1)
				}
			}
			done <- struct{}{}
		}()
	}
	go func() {
		for range senders {
			<-done
		}
		r.q.End()
	}()
	out, holes, last := 0, uint64(0), Record{}
	for {
		rec, err := r.q.Next(t.Context())
		if err != nil {
			break
		}
		if rec.First != last.End || rec.LSN <= last.LSN {
			t.Fatalf("%+v behind %+v", rec, last)
		}
		last = rec
		if rec.Lost {
			holes += rec.End - rec.First
		} else {
			out++
		}
		if out%20 == 0 {
			r.q.Confirm(rec.LSN)
		}
	}
	r.q.Confirm(last.LSN)
	if int64(out) != kept.Load() || kept.Load()+lost.Load() != senders*each || lost.Load() == 0 || r.q.Lost() != holes {
		t.Errorf("%d came, %d were kept, %d lost; lost bytes %d, holes %d", out, kept.Load(), lost.Load(), r.q.Lost(), holes)
	}
	if end := r.q.Reach()[0]; last.End != bytes.Load() || end.End != last.End || end.Cursor != last.End {
		t.Errorf("%d bytes were put, the last is %+v, %+v", bytes.Load(), last, end)
	}
	if r.Waiting() != 0 {
		t.Errorf("%d bytes wait", r.Waiting())
	}
	r.end()
}
