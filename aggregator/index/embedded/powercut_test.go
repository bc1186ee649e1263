package embedded

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"belfry/aggregator/index"
	"belfry/shared/segment/powercut"
)

var cuts = flag.Int("cuts", 12, "how many power cuts are tried")

// era is the rows as they were, durable, at a moment.
type era struct {
	at      int    // steps of the journal
	covers  uint64 // all records up to it are in the rows
	folders string
}

// TestPowerCut writes, repeats and makes checkpoints, cuts the power at any moment, and opens what may be left of the
// log, the checkpoint and the names, with the rows as they were at the checkpoint that is left, or at a later moment.
// Whatever was acknowledged is there once, and nothing comes twice when all of it is sent again.
func TestPowerCut(t *testing.T) {
	const seeds = 2
	for seed := range uint64(seeds) {
		h := cutHistory(t, rand.New(rand.NewPCG(seed, 7)))
		r := rand.New(rand.NewPCG(seed, 8))
		for n := range *cuts / seeds {
			at := r.IntN(h.disk.Now() + 1)
			t.Run(fmt.Sprintf("%d/%d", seed, at), func(t *testing.T) { h.cut(t, r, at, filepath.Join(t.TempDir(), fmt.Sprint(n))) })
		}
	}
}

// ack is a write that was acknowledged.
type ack struct {
	begun, at  int // steps of the journal when it was made, and when it was acknowledged
	first, end uint64
	named      bool
}

type powerHistory struct {
	disk *powercut.Disk
	acks []ack
	eras []era
}

func cutHistory(t *testing.T, r *rand.Rand) *powerHistory {
	t.Helper()
	root, eras := t.TempDir(), t.TempDir()
	h := &powerHistory{disk: powercut.New(root)}
	x := openIndex(t, Config{Dir: filepath.Join(root, "index"), disk: h.disk}, nil)
	note := func() {
		e := era{h.disk.Now(), x.Stats().Position, filepath.Join(eras, fmt.Sprint(len(h.eras)))}
		if err := copyRows(x.cfg.Dir, e.folders); err != nil {
			t.Fatal(err)
		}
		h.eras = append(h.eras, e)
	}
	note()
	next := uint64(0)
	for range 40 {
		switch k := r.IntN(8); {
		case k < 6:
			a := ack{begun: h.disk.Now(), first: next - r.Uint64N(min(next, 30)+1), end: next + r.Uint64N(60) + 1, named: r.IntN(3) == 0}
			writeHere(t, x, cutWrite(a.first, a.end, a.named))
			a.at = h.disk.Now()
			h.acks, next = append(h.acks, a), a.end
		default: // the rows are flushed, and perhaps no checkpoint follows
			if err := x.flushStorage(); err != nil {
				t.Fatal(err)
			}
			note()
			if k == 7 {
				x.makeCheckpointHere()
			}
		}
	}
	return h
}

// cutWrite is a Write of events by place, or by name: the even hundreds are named, so that an event is always the same.
func cutWrite(first, end uint64, named bool) index.Write {
	w := data(testPos, first, end)
	if named {
		w = data(testPos, first+1e6, end+1e6)
		w.Ranges = nil
		for i := range w.Items {
			w.Items[i].Ranged, w.Items[i].Named = false, true
		}
	}
	return w
}

// copyRows copies the folders of the storages. One that is open may merge parts meanwhile, and remove what was copied from:
// then it is copied anew.
func copyRows(from, to string) error {
	for range 100 {
		err := copyRowsOnce(from, to)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
	return errors.New("copy rows: parts are merged all the time")
}

func copyRowsOnce(from, to string) error {
	folders, err := filepath.Glob(filepath.Join(from, rowsDir+"*"))
	for _, f := range folders {
		err = errors.Join(err, os.CopyFS(filepath.Join(to, filepath.Base(f)), os.DirFS(f)))
	}
	return err
}

func (h *powerHistory) cut(t *testing.T, r *rand.Rand, at int, to string) {
	if err := h.disk.Cut(r, at, to); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(to, "index")
	covered := uint64(0)
	b, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	switch {
	case err == nil && len(b) > 16:
		covered = binary.LittleEndian.Uint64(b[8:])
	case !errors.Is(err, fs.ErrNotExist):
		t.Fatalf("checkpoint of %d bytes: %v", len(b), err)
	}
	var fits []era
	for _, e := range h.eras {
		if e.at <= at && e.covers >= covered {
			fits = append(fits, e)
		}
	}
	if len(fits) == 0 {
		if _, err := os.Stat(dir); err == nil {
			t.Fatalf("the checkpoint covers %d, and the rows do not", covered)
		}
		return // not even the folder
	}
	if err := copyRowsOnce(fits[r.IntN(len(fits))].folders, dir); err != nil {
		t.Fatal(err)
	}
	if c, err := Check(dir); err != nil || hasBadFault(c) {
		t.Errorf("check: %v, %v", c.Faults, err)
	}
	x, err := Open(Config{Dir: dir, Memory: 64 << 20, MinFree: -1}, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	h.check(t, x, at)
}

// hasBadFault reports whether Check found more than a torn end.
func hasBadFault(c Checked) bool {
	for _, f := range c.Faults {
		if !strings.Contains(f.What, "cut off") && !strings.HasSuffix(f.File, ".seg") {
			return true
		}
	}
	return false
}

func (h *powerHistory) check(t *testing.T, x *Index, at int) {
	t.Helper()
	must, may := make(map[string]bool), make(map[string]bool)
	for _, a := range h.acks {
		for _, it := range cutWrite(a.first, a.end, a.named).Items {
			id := it.Event.Get("event.id")
			must[id] = must[id] || a.at <= at
			may[id] = may[id] || a.begun <= at
		}
	}
	found := counted(t, x)
	for id, n := range found {
		if n != 1 || !may[id] {
			t.Errorf("event %s is found %d times; it was written: %v", id, n, may[id])
		}
	}
	for id, acked := range must {
		if acked && found[id] != 1 {
			t.Errorf("event %s was acknowledged, and is found %d times", id, found[id])
		}
	}
	for _, a := range h.acks {
		writeHere(t, x, cutWrite(a.first, a.end, a.named))
	}
	all := counted(t, x)
	for id, n := range all {
		if n != 1 {
			t.Errorf("event %s is found %d times after all was sent again", id, n)
		}
	}
	if len(all) != len(must) {
		t.Errorf("%d events are found after all was sent again, want %d", len(all), len(must))
	}
}
