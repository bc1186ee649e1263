package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// writer adds its own share of some streams, out of order, and unites with the folder as often as it adds. What it
// does depends on its number and the seed alone, so that everybody can tell what must be there in the end.
type writer struct{ number, of, streams, steps int }

var shared = event.HashKey("agent that two speak for")

func (w writer) position(i int) Position {
	return Position{Agent: shared, Stream: event.HashKey(fmt.Sprint(i)), Epoch: 1}
}

// ended streams have a document of their own.
func (w writer) filed(p Position) bool { return p.Stream[0]%2 == 0 }

func (w writer) each(fn func(p Position, kind batch.Kind, first, end uint64)) {
	random := rand.New(rand.NewPCG(uint64(w.number), 1))
	kinds := []batch.Kind{batch.Data, batch.Data, batch.Dead, batch.Dropped, batch.Skipped}
	for _, step := range random.Perm(w.steps) {
		if step%w.of != w.number {
			continue
		}
		fn(w.position(step%w.streams), kinds[step%len(kinds)], uint64(10*step), uint64(10*step+10))
	}
}

func (w writer) run(dir string) error {
	ctx := context.Background()
	s, err := OpenFiles(dir)
	if err != nil {
		return err
	}
	l := New()
	w.each(func(p Position, kind batch.Kind, first, end uint64) {
		err = errors.Join(err, l.Add(p, kind, first, end))
		if w.filed(p) {
			err = errors.Join(err, File(ctx, s, l, p))
		}
		err = errors.Join(err, Unite(ctx, s, l, shared, w.filed))
	})
	return err
}

// check asks for the union of what all writers did, as a new owner reads it.
func check(t interface{ Fatalf(string, ...any) }, dir string, all []writer) {
	want := New()
	for _, w := range all {
		w.each(func(p Position, kind batch.Kind, first, end uint64) {
			if err := want.Add(p, kind, first, end); err != nil {
				t.Fatalf("%v", err)
			}
		})
	}
	s, err := OpenFiles(dir)
	if err != nil {
		t.Fatalf("%v", err)
	}
	got := New()
	if err := Read(context.Background(), s, got, func(a event.Key) bool { return a == shared }); err != nil {
		t.Fatalf("%v", err)
	}
	if got.Len() != want.Len() {
		t.Fatalf("%d positions, want %d", got.Len(), want.Len())
	}
	for _, p := range want.Positions() {
		if !slices.Equal(got.Ranges(p), want.Ranges(p)) {
			t.Fatalf("%s: %v, want %v", p.Stream, got.Ranges(p), want.Ranges(p))
		}
	}
}

// Whoever writes at the same time, nothing of either is lost.
func TestTwoGoroutinesUnite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "ledgers")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		of := rapid.IntRange(1, 3).Draw(t, "writers")
		steps, streams := rapid.IntRange(1, 12).Draw(t, "steps"), rapid.IntRange(1, 4).Draw(t, "streams")
		var all []writer
		var wg sync.WaitGroup
		errs := make([]error, of)
		for n := range of {
			w := writer{n, of, streams, steps}
			all = append(all, w)
			wg.Go(func() { errs[n] = w.run(dir) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		check(t, dir, all)
	})
}

const writerEnv = "BELFRY_LEDGER_WRITER"

func TestTwoProcessesUnite(t *testing.T) {
	all := []writer{{0, 2, 5, 60}, {1, 2, 5, 60}}
	if n, err := strconv.Atoi(os.Getenv(writerEnv)); err == nil {
		if err := all[n].run(os.Getenv("BELFRY_LEDGER_DIR")); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := t.TempDir()
	var wg sync.WaitGroup
	for n := range all {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcessesUnite$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", writerEnv, n), "BELFRY_LEDGER_DIR="+dir)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	check(t, dir, all)
}

func TestSaveRefusesWhatIsNotTheNewest(t *testing.T) {
	s, err := OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n := Name{Agent: shared}
	if err := s.Save(t.Context(), n, []byte("a"), Version{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), n, []byte("b"), Version{}); !errors.Is(err, ErrConflict) {
		t.Errorf("a document that is there was made anew: %v", err)
	}
	doc, v, err := s.Load(t.Context(), n)
	if err != nil || string(doc) != "a" || v.Seq != 1 {
		t.Errorf("%q, %+v, %v", doc, v, err)
	}
}

// What another writer still has in the agent's document is not lost when it moves into one of its own.
func TestUniteFilesWhatItLeavesOut(t *testing.T) {
	s, err := OpenFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := Position{Agent: shared, Stream: event.HashKey("ended")}
	theirs, ours := New(), New()
	if err := errors.Join(theirs.Add(p, batch.Data, 10, 20), ours.Add(p, batch.Data, 0, 10)); err != nil {
		t.Fatal(err)
	}
	never := func(Position) bool { return false }
	if err := Unite(t.Context(), s, theirs, shared, never); err != nil {
		t.Fatal(err)
	}
	if err := Unite(t.Context(), s, ours, shared, func(q Position) bool { return q == p }); err != nil {
		t.Fatal(err)
	}
	got := New()
	if err := Read(t.Context(), s, got, func(event.Key) bool { return true }); err != nil || got.Mark(p) != 20 {
		t.Errorf("%v, %v", got.Ranges(p), err)
	}
}
