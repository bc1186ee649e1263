package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// spoil changes one byte, counted from the end of a queue's newest segment.
func spoil(t *testing.T, dir string, fromEnd int) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "q", "*.seg"))
	must(t, err)
	b, err := os.ReadFile(slices.Max(all))
	must(t, err)
	b[len(b)-fromEnd] ^= 1
	must(t, os.WriteFile(slices.Max(all), b, 0o600))
}

func TestReach(t *testing.T) {
	r := start(t, t.TempDir(), Config{})
	check := func(end, cursor uint64, since bool) {
		t.Helper()
		p := r.q.Reach()
		if len(p) != 1 || p[0].End != end || p[0].Cursor != cursor || p[0].Since.IsZero() == since || p[0].Epoch == 0 || p[0].Epoch >= 1<<48 {
			t.Errorf("%+v, want end %d, cursor %d, since %v", p, end, cursor, since)
		}
		if n := r.Waiting(); n != end-cursor {
			t.Errorf("%d bytes wait, want %d", n, end-cursor)
		}
	}
	check(0, 0, false)
	r.put("abc", "defg", "hi")
	check(9, 0, true)
	r.want("abc", "defg")
	check(9, 0, true)
	r.q.Confirm(1)
	check(9, 3, true)
	r.q.Confirm(100) // no more than was handed out
	check(9, 7, true)
	r.want("hi")
	r.q.Confirm(3)
	check(9, 9, false)
	r.q.Confirm(2)
	check(9, 9, false)
	r.end()
}

// Damage at the end of the log: a new epoch begins, and the old one is named until all of it that is left was confirmed.
func TestNewEpoch(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, Config{})
	r.put("one", "two", "three")
	r.end()
	spoil(t, dir, 1)
	r = start(t, dir, Config{})
	r.put("four")
	p := r.q.Reach()
	if len(p) != 2 || p[0].Epoch == p[1].Epoch || p[0].End != 11 || p[1].End != 4 || p[0].Since.IsZero() || p[1].Since.IsZero() {
		t.Fatalf("%+v", p)
	}
	if r.metric("damaged_places_total") != "1" || r.metric("damaged_bytes_total") != fmt.Sprint(recordCost+5) || r.said.count("queue is damaged") != 1 {
		t.Error(r.said.all.String())
	}
	old := r.want("one", "two")
	rec := r.next()
	if string(rec.Payload) != "four" || rec.First != 0 || rec.Epoch != p[1].Epoch || old.Epoch != p[0].Epoch {
		t.Errorf("%+v", rec)
	}
	if l := r.q.Reach(); len(l) != 2 || l[0].Epoch != old.Epoch || l[0].End != 11 || l[0].Lost != 5 || r.Waiting() != 10 {
		t.Errorf("%+v, %d bytes wait", l, r.Waiting())
	}
	r.q.Confirm(1)
	if p = r.q.Reach(); len(p) != 2 || p[0].Cursor != 3 || p[1].Cursor != 0 {
		t.Errorf("%+v", p)
	}
	r.q.Confirm(2)
	if p = r.q.Reach(); len(p) != 1 || p[0].Epoch != rec.Epoch || p[0].Cursor != 0 {
		t.Errorf("%+v", p)
	}
	r.end()
	r = start(t, dir, Config{})
	if again := r.want("four"); again.LSN != rec.LSN || again.Epoch != rec.Epoch || again.First != 0 {
		t.Errorf("%+v, was %+v", again, rec)
	}
	r.end()
}

// A damaged record in the middle is a hole in the places, which goes on being counted while the spool is open.
func TestHole(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, Config{})
	r.put("one", "twotwo", "three")
	r.end()
	spoil(t, dir, recordCost+5+1) // the last byte of the second
	r = start(t, dir, Config{})
	r.want("one")
	rec := r.want("three")
	if rec.First != 9 || rec.LSN != 3 || r.Waiting() != 8 {
		t.Errorf("%+v, %d bytes wait", rec, r.Waiting())
	}
	if p := r.q.Reach(); len(p) != 1 || p[0].Lost != 6 || p[0].End != 14 {
		t.Errorf("%+v", p)
	}
	r.q.Confirm(3)
	if r.Waiting() != 0 {
		t.Errorf("%d bytes wait", r.Waiting())
	}
	r.end()
}

// After the machine was off without a clean end a new epoch begins: a disk may have lied about what it had.
func TestEpochAfterPowerCut(t *testing.T) {
	dir := t.TempDir()
	epoch := func(boot string, clean bool) uint64 {
		r := start(t, dir, Config{}, func(s *Spool) { s.boot = boot })
		r.synced(r.put("x"))
		r.q.Confirm(r.want("x").LSN)
		if r.stop(); clean {
			must(t, r.Close())
		} else {
			must(t, r.q.saveCursor(false))
		}
		return r.q.epoch
	}
	a := epoch("1", false)
	b := epoch("1", true)
	c := epoch("2", false)
	d := epoch("3", true)
	if a != b || b != c || c == d {
		t.Error(a, b, c, d)
	}
}

// Where the cursor is lost, all that is there comes again, in its places.
func TestLostCursor(t *testing.T) {
	for _, how := range []func(path string) error{os.Remove, func(path string) error { return os.WriteFile(path, []byte("belfspool 1 "), 0o600) }} {
		dir := t.TempDir()
		r := start(t, dir, Config{})
		r.put("one", "two", "three")
		last := r.want("one", "two")
		r.q.Confirm(last.LSN)
		r.end()
		must(t, how(filepath.Join(dir, "q", cursorName)))
		r = start(t, dir, Config{})
		if again := r.want("one", "two"); again.LSN != last.LSN || again.Epoch != last.Epoch || again.First != last.First {
			t.Errorf("%+v, was %+v", again, last)
		}
		r.want("three")
		r.put("four")
		if rec := r.want("four"); rec.Epoch == last.Epoch || rec.First != 0 {
			t.Errorf("%+v", rec)
		}
		if r.q.Reach()[0].Lost != 0 {
			t.Errorf("%+v", r.q.Reach())
		}
		r.end()
	}
}

func TestSinceComesAfterRestart(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, Config{})
	r.put("x")
	since := r.q.Reach()[0].Since
	r.end()
	r = start(t, dir, Config{})
	if got := r.q.Reach()[0].Since; !got.Equal(since) {
		t.Errorf("since %v, was %v", got, since)
	}
	r.end()
}

func TestMarks(t *testing.T) {
	var m marks
	begun := time.Unix(1000, 0)
	at := func(lsn uint64) time.Time { return begun.Add(time.Duration(lsn) * 100 * time.Millisecond) }
	const n = 100_000
	for lsn := uint64(1); lsn < n; lsn++ {
		m.add(lsn, at(lsn))
	}
	if len(m.all) > maxMarks {
		t.Errorf("%d marks", len(m.all))
	}
	f := func(lsn uint64, within time.Duration) {
		t.Helper()
		if got := m.since(lsn); got.After(at(lsn)) || at(lsn).Sub(got) > within {
			t.Errorf("record %d is of %v, want %v", lsn, got, at(lsn))
		}
	}
	f(1, 0)
	f(n/2, m.spacing)
	m.drop(n - 1)
	f(n-1, m.spacing)
	if len(m.all) != 1 {
		t.Errorf("%d marks are left", len(m.all))
	}
	if m = (marks{}); !m.since(1).IsZero() {
		t.Error("since without marks")
	}
}

func FuzzParseCursor(f *testing.F) {
	dir := f.TempDir()
	c := cursor{LSN: 1, Next: 2, Places: []place{{Epoch: 3, Cursor: 4, End: 5}}, Boot: "b", Clean: true}
	must(f, c.save(dir))
	good, err := os.ReadFile(filepath.Join(dir, cursorName))
	must(f, err)
	f.Add(good)
	f.Add([]byte("belfspool 1 00000000\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCursor(b)
		if err != nil && !errors.Is(err, errCursor) {
			t.Errorf("error %v", err)
		}
		if err == nil && (c.Next == 0 || len(c.Places) == 0) {
			t.Errorf("%+v", c)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add(append(appendPlace(nil, 7, 8), "payload"...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseRecord(1, b)
		if ok && string(append(appendPlace(nil, r.Epoch, r.First), r.Payload...)) != string(b) {
			t.Errorf("%+v of %q", r, b)
		}
	})
}

// A cursor with any byte spoilt is no cursor.
func TestDamagedCursor(t *testing.T) {
	dir := t.TempDir()
	c := cursor{LSN: 1, Next: 2, Places: []place{{Epoch: 3}}}
	must(t, c.save(dir))
	b, err := os.ReadFile(filepath.Join(dir, cursorName))
	must(t, err)
	for at := range b {
		b[at] ^= 1
		if c, err := parseCursor(b); !errors.Is(err, errCursor) {
			t.Errorf("byte %d: %+v, %v", at, c, err)
		}
		b[at] ^= 1
	}
}

// A queue that cannot be opened is an error, and no panic; the others work.
func TestUnreadableQueue(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "bad", cursorName), 0o700))
	r := start(t, dir, Config{})
	if _, err := r.Queue("bad"); err == nil {
		t.Error("a folder is a cursor")
	}
	r.put("x")
	r.want("x")
	if _, err := Check(dir); err == nil {
		t.Error("a folder is a cursor")
	}
	r.end()
	if _, err := Open(filepath.Join(dir, "q", cursorName), Config{}, slog.New(slog.DiscardHandler), r.set); err == nil {
		t.Error("a file is a folder")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
}
