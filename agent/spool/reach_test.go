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
	hole := r.lost(old.End, 5)
	rec := r.want("four")
	if rec.First != 0 || rec.Epoch != p[1].Epoch || old.Epoch != p[0].Epoch || hole.Epoch != old.Epoch || hole.LSN != 3 {
		t.Errorf("%+v, %+v, %+v", old, hole, rec)
	}
	if l := r.q.Reach(); len(l) != 2 || l[0].Epoch != old.Epoch || l[0].End != 11 || l[0].Lost != 5 || r.Waiting() != 15 {
		t.Errorf("%+v, %d bytes wait", l, r.Waiting())
	}
	r.q.Confirm(1)
	if p = r.q.Reach(); len(p) != 2 || p[0].Cursor != 3 || p[1].Cursor != 0 {
		t.Errorf("%+v", p)
	}
	r.q.Confirm(2)
	if p = r.q.Reach(); len(p) != 2 || p[0].Cursor != 6 || p[0].End != 11 || p[0].Since.IsZero() {
		t.Errorf("%+v", p)
	}
	for range 2 { // until it is confirmed, the loss comes again
		r.end()
		r = start(t, dir, Config{})
		if again := r.lost(old.End, 5); again.Epoch != old.Epoch || r.q.Lost() != 5 {
			t.Errorf("%+v, was %+v", again, hole)
		}
		if again := r.want("four"); again.LSN != rec.LSN || again.Epoch != rec.Epoch || again.First != 0 {
			t.Errorf("%+v, was %+v", again, rec)
		}
	}
	r.q.Confirm(hole.LSN)
	if p = r.q.Reach(); len(p) != 1 || p[0].Epoch != rec.Epoch || p[0].Cursor != 0 || r.Waiting() != 4 || r.q.Lost() != 5 {
		t.Errorf("%+v, %d bytes wait, %d are lost", p, r.Waiting(), r.q.Lost())
	}
	r.end()
	r = start(t, dir, Config{})
	r.want("four")
	r.end()
}

// A queue of which nothing can be read any more tells what is lost, without anything behind it, and again until that is
// confirmed.
func TestAllIsLost(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, Config{})
	r.put("one", "two", "three")
	since := r.q.Reach()[0].Since
	r.end()
	all, err := filepath.Glob(filepath.Join(dir, "q", "*.seg"))
	must(t, err)
	b, err := os.ReadFile(all[0])
	must(t, err)
	b[0] ^= 1 // the segment's header
	must(t, os.WriteFile(all[0], b, 0o600))
	var epoch uint64
	for i := range 3 {
		r = start(t, dir, Config{})
		rec := r.lost(0, 11)
		p := r.q.Reach()
		if len(p) != 2 || p[0].Epoch != rec.Epoch || p[0].End != 11 || p[0].Cursor != 0 || !p[0].Since.Equal(since) || i > 0 && epoch != rec.Epoch {
			t.Errorf("%+v, was put %v; %+v", p, since, rec)
		}
		if epoch = rec.Epoch; i == 2 {
			r.q.Confirm(rec.LSN)
		}
		if r.nothing(); i == 2 {
			r.until("an empty segment", func() bool { return diskBytes(t, dir) < 100 })
		}
		r.end()
	}
	r = start(t, dir, Config{})
	if p := r.q.Reach(); len(p) != 1 || p[0].Epoch == epoch || r.Waiting() != 0 || r.said.count("damaged") > 0 {
		t.Errorf("%+v, %s", p, r.said.all.String())
	}
	r.nothing()
	r.end()
}

// Epochs of which nothing is left are told each on its own, in order, and each is confirmed on its own.
func TestLostEpochs(t *testing.T) {
	dir := t.TempDir()
	boot := 0
	next := func() *rig {
		boot++
		return start(t, dir, Config{}, func(s *Spool) { s.boot = fmt.Sprint(boot) })
	}
	var epochs []uint64
	for i := range 4 {
		r := next()
		r.put(fmt.Sprint(i), fmt.Sprint("and ", i))
		epochs = append(epochs, r.q.epoch)
		r.end()
	}
	all, err := filepath.Glob(filepath.Join(dir, "q", "*.seg"))
	must(t, err)
	b, err := os.ReadFile(all[0])
	must(t, err)
	third := len(b) - 20 // the bytes of the records
	for i := range third - (2*recordCost + 6) {
		b[20+i] ^= 0x55
	}
	must(t, os.WriteFile(all[0], b, 0o600))
	for confirmed := range 4 {
		r := next()
		if p := r.q.Reach(); len(p) != 5-confirmed || p[0].Epoch != epochs[confirmed] {
			t.Fatalf("%d confirmed: %+v of %v", confirmed, p, epochs)
		}
		last := Record{}
		for i := confirmed; i < 3; i++ {
			rec := r.lost(0, 6)
			if rec.Epoch != epochs[i] || rec.LSN <= last.LSN {
				t.Errorf("%+v behind %+v, want epoch %d of %v", rec, last, i, epochs)
			}
			if last = rec; i == confirmed {
				r.q.Confirm(rec.LSN)
			}
		}
		if rec := r.want("3", "and 3"); rec.LSN != 8 || rec.Epoch != epochs[3] || last.LSN >= 7 {
			t.Errorf("%+v behind %+v", rec, last)
		}
		r.nothing()
		r.end()
	}
}

// After an ordered stop and a boot nothing is lost: what waits keeps its places, and what comes then has others, for the
// folder may be an old one that was restored.
func TestBoot(t *testing.T) {
	for _, waits := range []bool{false, true} {
		dir := t.TempDir()
		r := start(t, dir, Config{}, func(s *Spool) { s.boot = "one" })
		r.put("a", "bc", "def")
		last := r.want("a", "bc")
		if r.q.Confirm(last.LSN); !waits {
			last = r.want("def")
			r.q.Confirm(last.LSN)
		}
		r.end()
		r = start(t, dir, Config{}, func(s *Spool) { s.boot = "two" })
		p := r.q.Reach()
		now := p[len(p)-1]
		if now.Epoch == last.Epoch || now.Cursor != 0 || now.End != 0 {
			t.Errorf("%+v behind %+v", p, last)
		}
		if waits {
			if len(p) != 2 || p[0].Epoch != last.Epoch || p[0].Cursor != 3 || p[0].End != 6 || p[0].Since.IsZero() {
				t.Errorf("%+v behind %+v", p, last)
			}
			if rec := r.want("def"); rec.Epoch != last.Epoch || rec.First != last.End {
				t.Errorf("%+v behind %+v", rec, last)
			}
		} else if len(p) != 1 || r.Waiting() != 0 {
			t.Errorf("%+v", p)
		}
		r.put("x")
		rec := r.want("x")
		r.nothing()
		if r.q.Confirm(rec.LSN); rec.Epoch != now.Epoch || rec.First != 0 || r.q.Lost() != 0 || r.Waiting() != 0 || len(r.q.Reach()) != 1 {
			t.Errorf("%+v, %d bytes lost, %+v", rec, r.q.Lost(), r.q.Reach())
		}
		r.end()
	}
}

// A damaged record in the middle is a hole in the places, which goes on being counted while the spool is open.
func TestHole(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, Config{})
	r.put("one", "twotwo", "three")
	r.end()
	spoil(t, dir, recordCost+5+1) // the last byte of the second
	r = start(t, dir, Config{})
	one := r.want("one")
	if rec := r.lost(3, 6); rec.LSN != 2 || rec.Epoch != one.Epoch {
		t.Errorf("%+v", rec)
	}
	rec := r.want("three")
	if rec.First != 9 || rec.LSN != 3 || r.Waiting() != 14 {
		t.Errorf("%+v, %d bytes wait", rec, r.Waiting())
	}
	if p := r.q.Reach(); len(p) != 1 || p[0].Lost != 6 || p[0].End != 14 {
		t.Errorf("%+v", p)
	}
	r.q.Confirm(1)
	r.end()
	r = start(t, dir, Config{})
	r.q.Confirm(r.lost(3, 6).LSN)
	r.end()
	r = start(t, dir, Config{}) // the loss is confirmed, and what is behind it is not
	if r.want("three"); r.q.Lost() != 0 || r.Waiting() != 5 {
		t.Errorf("%d bytes are lost, %d wait", r.q.Lost(), r.Waiting())
	}
	r.q.Confirm(3)
	if r.Waiting() != 0 {
		t.Errorf("%d bytes wait", r.Waiting())
	}
	r.end()
}

// After each boot a new epoch begins: the disk may have lied about what it had, or be that of another time.
func TestEpochAfterBoot(t *testing.T) {
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
	c := epoch("1", false)
	d := epoch("2", true)
	e := epoch("3", true)
	if a != b || b != c || c == d || d == e {
		t.Error(a, b, c, d, e)
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
