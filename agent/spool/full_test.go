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
			_ = r.q.Synced(r.t.Context(), lsn)
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
		go func() { waits <- r.q.Synced(t.Context(), lsn) }()
	}
	for range 2 {
		if err := <-waits; !errors.Is(err, ErrLost) {
			t.Errorf("Synced = %v", err)
		}
	}
	r.synced(2)
	fails.Store(false)
	r.synced(r.put("five"))
	before := r.want("one", "two")
	after := r.want("five")
	if after.Epoch != before.Epoch || after.First != before.End+uint64(len("threefour")) || after.LSN <= lost {
		t.Errorf("%+v behind %+v", after, before)
	}
	if p := r.q.Reach(); len(p) != 1 || p[0].Lost != 9 || p[0].End != after.End || r.Waiting() != 10 {
		t.Errorf("%+v, %d bytes wait", p, r.Waiting())
	}
	if n := diskBytes(t, dir); r.room.held.Load() != n {
		t.Errorf("%d bytes are held, on the disk are %d", r.room.held.Load(), n)
	}
	// The loss is at the end when the spool is closed: the hole shows all the same.
	fails.Store(true)
	if err := r.q.Synced(t.Context(), r.put("six")); !errors.Is(err, ErrLost) {
		t.Errorf("Synced = %v", err)
	}
	fails.Store(false)
	r.q.Confirm(after.LSN)
	if p := r.q.Reach(); p[0].Lost != 12 || r.Waiting() != 0 || !p[0].Since.IsZero() {
		t.Errorf("%+v, %d bytes wait", p, r.Waiting())
	}
	r.end()
	r = start(t, dir, Config{})
	r.put("seven")
	if rec := r.want("seven"); rec.First != after.End+3 || rec.Epoch != after.Epoch || r.q.Reach()[0].Lost != 3 {
		t.Errorf("%+v behind %+v; %+v", rec, after, r.q.Reach())
	}
	if r.Waiting() != 5 {
		t.Errorf("%d bytes wait", r.Waiting())
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
	done := make(chan struct{})
	const senders, each = 8, 150
	for s := range senders {
		go func() {
			for i := range each {
				lsn, err := r.q.Put(t.Context(), fmt.Appendf(nil, "%d %0*d", s, 1+i*13%300, i))
				if err != nil {
					t.Error(err)
				}
				switch err := r.q.Synced(t.Context(), lsn); {
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
		if rec.First < last.End || rec.LSN <= last.LSN {
			t.Fatalf("%+v behind %+v", rec, last)
		}
		holes += rec.First - last.End
		last = rec
		if out++; out%20 == 0 {
			r.q.Confirm(rec.LSN)
		}
	}
	r.q.Confirm(last.LSN)
	end := r.q.Reach()[0]
	holes += end.End - last.End
	if int64(out) != kept.Load() || kept.Load()+lost.Load() != senders*each || lost.Load() == 0 || end.Lost != holes {
		t.Errorf("%d came, %d were kept, %d lost; lost bytes %d, holes %d", out, kept.Load(), lost.Load(), end.Lost, holes)
	}
	if r.Waiting() != 0 {
		t.Errorf("%d bytes wait", r.Waiting())
	}
	r.end()
}
