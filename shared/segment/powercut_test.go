package segment_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"belfry/shared/segment"
	"belfry/shared/segment/powercut"
)

var cuts = flag.Int("cuts", 150, "how many power cuts are tried")

// history is what was promised by when.
type history struct {
	disk   *powercut.Disk
	given  []given
	synced []synced
}

type given struct { // a record
	at   int // steps of the journal when it was appended
	lsn  uint64
	body []byte
}

type synced struct { // a promise
	at   int // steps of the journal when it was made
	next uint64
	cut  uint64 // records below may be gone
}

func payload(lsn uint64, size int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%08d", lsn)), size/8+1)
}

// TestPowerCut appends, syncs, rolls, truncates and opens anew, in any order, cuts the power at any moment, and opens
// what may be left: whatever was synced is there, in order and once, nothing else than what was appended, and no number
// that was given is given again to another record that could be read.
func TestPowerCut(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := run(t, r)
		for n := range *cuts / 6 {
			dir := filepath.Join(t.TempDir(), fmt.Sprint(n))
			at := r.IntN(h.disk.Now() + 1)
			if err := h.disk.Cut(r, at, dir); err != nil {
				t.Fatal(err)
			}
			h.check(t, fmt.Sprintf("seed %d, step %d", seed, at), at, filepath.Join(dir, "state", "log"))
		}
	}
}

func run(t *testing.T, r *rand.Rand) *history {
	t.Helper()
	root := t.TempDir()
	h := &history{disk: powercut.New(root)}
	cfg := segment.Config{MaxBytes: 4 << 10, Disk: h.disk}
	open := func() *segment.Log {
		l, err := segment.Open(filepath.Join(root, "state", "log"), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	cut := uint64(1)
	promise := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
		h.synced = append(h.synced, synced{h.disk.Now(), l.Next(), cut})
	}
	for range 120 {
		switch k := r.IntN(20); {
		case k < 12:
			body := payload(l.Next(), r.IntN(1500))
			at := h.disk.Now()
			lsn, err := l.Append(body)
			if err != nil {
				t.Fatal(err)
			}
			h.given = append(h.given, given{at, lsn, body})
		case k < 16:
			promise(l.Sync())
		case k == 16:
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
		case k == 17:
			promise(l.Sync())
			cut = cut + r.Uint64N(l.Next()-cut+1)
			h.synced = append(h.synced, synced{h.disk.Now(), l.Next(), cut}) // from now on they may go
			promise(l.TruncateBefore(cut))
		case k == 18:
			promise(l.Roll())
		default:
			promise(l.Close())
			l = open()
		}
	}
	promise(l.Close())
	return h
}

func (h *history) check(t *testing.T, what string, at int, dir string) {
	t.Helper()
	var promised synced
	for _, s := range h.synced {
		if s.at <= at {
			promised = s
		}
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) && promised.next > 1 {
		t.Errorf("%s: the folder is gone", what)
	}
	l, err := segment.Open(dir, segment.Config{})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	defer l.Close()
	bodies := make(map[uint64][]byte)
	for _, g := range h.given {
		if g.at <= at {
			bodies[g.lsn] = g.body
		}
	}
	got := make(map[uint64]bool)
	last := uint64(0)
	err = l.Read(0, func(lsn uint64, rec []byte) error {
		if lsn <= last || got[lsn] || !bytes.Equal(rec, bodies[lsn]) {
			t.Errorf("%s: record %d behind %d is %.20q, of %d bytes", what, lsn, last, rec, len(rec))
		}
		got[lsn], last = true, lsn
		return nil
	})
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	for lsn := max(promised.cut, 1); lsn < promised.next; lsn++ {
		if !got[lsn] {
			t.Errorf("%s: record %d was synced, and is lost", what, lsn)
			return
		}
	}
	if l.Next() < promised.next || l.Next() <= last {
		t.Errorf("%s: number %d is given again", what, l.Next())
	}
	if lsn, err := l.Append([]byte("more")); err != nil || got[lsn] {
		t.Errorf("%s: append: %d, %v", what, lsn, err)
	}
}

// TestPowerCutReplace cuts the power while a file is replaced again and again.
func TestPowerCutReplace(t *testing.T) {
	root := t.TempDir()
	d := powercut.New(root)
	r := rand.New(rand.NewPCG(3, 4))
	path := filepath.Join(root, "file")
	var done []int // steps behind each version
	version := func(n int) []byte { return payload(uint64(n), 200*n) }
	for n := range 8 {
		if err := segment.ReplaceFileOn(d, path, version(n), 0o600); err != nil {
			t.Fatal(err)
		}
		done = append(done, d.Now())
	}
	for n := range *cuts {
		dir, at := filepath.Join(t.TempDir(), fmt.Sprint(n)), r.IntN(d.Now()+1)
		if err := d.Cut(r, at, dir); err != nil {
			t.Fatal(err)
		}
		least := -1
		for v, by := range done {
			if by <= at {
				least = v
			}
		}
		b, err := os.ReadFile(filepath.Join(dir, "file"))
		ok := err != nil && least < 0
		for v := max(least, 0); v <= least+1 && v < len(done); v++ {
			ok = ok || err == nil && bytes.Equal(b, version(v))
		}
		if !ok {
			t.Errorf("step %d: %d bytes, %v; want version %d, or the next", at, len(b), err, least)
		}
	}
}
