package embedded

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// named is a write of events by their names.
func named(at time.Time, all ...string) index.Write {
	var w index.Write
	for i, name := range all {
		e := sampleEvent(i, at)
		e.Set("event.id", event.HashKey(name).String())
		e.Set("labels.name", name)
		w.Items = append(w.Items, index.Item{Event: e, Named: true})
	}
	return w
}

func TestNamed(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	f := func(all string, want int, known ...int) {
		t.Helper()
		if r := resultHere(t, x, named(x.now(), strings.Fields(all)...)); r.New != want || !slices.Equal(r.Known, known) || r.Repeats != len(known) {
			t.Errorf("%s: %+v, want %d new and %v known", all, r, want, known)
		}
	}
	f("a b", 2)
	f("a b", 0, 0, 1)
	f("b c d c", 2, 0, 3)
	x.makeCheckpointHere()
	f("d e", 1, 0)
	x = openIndex(t, Config{Dir: unclean(t, x)}, nil) // from the file and the log
	f("a e f", 1, 0, 1)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openIndex(t, Config{Dir: x.cfg.Dir}, nil) // from the file alone
	f("f a g", 1, 0, 1)
	if n := len(search(t, x, "", index.Search{Limit: -1})); n != 7 {
		t.Errorf("%d events are found, want 7", n)
	}
}

// An event that went through a broker has a place in a stream as well.
func TestNamedWithPlace(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	f := func(first uint64, want int, known ...int) {
		t.Helper()
		w := data(testPos, first, first+2)
		for i, it := range named(x.now(), "a", "b").Items {
			it.Pos, it.Offset, it.Ranged = testPos, first+uint64(i), true
			w.Items[i] = it
		}
		if r := resultHere(t, x, w); r.New != want || !slices.Equal(r.Known, known) || !x.Held(testPos, first+1) {
			t.Errorf("%+v, want %d new and %v known", r, want, known)
		}
	}
	f(0, 2)
	f(0, 0)       // the message again
	f(2, 0, 0, 1) // the sender again
}

func TestNamesOfTwoDays(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	begin := time.Now().Truncate(24 * time.Hour)
	at := begin.Add(23 * time.Hour)
	f := func(later time.Duration, name string, fresh int, names int64) {
		t.Helper()
		at = at.Add(later)
		x.now = func() time.Time { return at }
		r := resultHere(t, x, named(at, name))
		if r.New != fresh || x.names.count.Load() != names {
			t.Errorf("%s at %v: %+v, %d names; want %d new and %d names", name, at, r, x.names.count.Load(), fresh, names)
		}
		x.makeCheckpointHere()
		old := x.now
		x = openIndex(t, Config{Dir: unclean(t, x)}, nil)
		x.now = old
		if n := x.names.count.Load(); n != names {
			t.Errorf("%d names after a restart, want %d", n, names)
		}
	}
	f(0, "a", 1, 1)
	f(0, "a", 0, 1)
	f(24*time.Hour, "a", 0, 1) // yesterday's
	f(0, "b", 1, 2)
	f(-24*time.Hour, "c", 1, 3) // it was on its way at midnight
	f(48*time.Hour, "b", 0, 1)
	f(0, "a", 1, 2)
	f(100*24*time.Hour, "a", 1, 1)
	files, err := filepath.Glob(filepath.Join(x.cfg.Dir, "names-*"))
	if err != nil || len(files) != 1 {
		t.Errorf("files of names: %v, %v", files, err)
	}
}

// Beyond the bound an event is taken each time, and says so.
func TestTooManyNames(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir(), Names: 2}, nil)
	f := func(name string, fresh int) {
		t.Helper()
		if r := resultHere(t, x, named(x.now(), name)); r.New != fresh {
			t.Errorf("%s: %+v", name, r)
		}
	}
	f("a", 1)
	f("b", 1)
	f("c", 1)
	f("c", 1)
	f("b", 0)
	x = openIndex(t, Config{Dir: unclean(t, x), Names: 2}, nil)
	f("a", 0)
	for _, e := range search(t, x, "", index.Search{Limit: -1}) {
		if got, want := slices.Contains(e.All("tags"), tagNoID), e.Get("labels.name") == "c"; got != want {
			t.Errorf("%s: tagged %v", e.Get("labels.name"), got)
		}
	}
	w := named(x.now(), "d")
	w.Items[0].Event.Set("event.id", "x")
	if err := x.prepare(&pending{w: w}); !errors.Is(err, index.ErrBadWrite) {
		t.Errorf("an id that is no key was taken for a name: %v", err)
	}
}

// Whatever is written, and however often the process ends without a word: each name is there once.
func TestNamedModel(t *testing.T) {
	for range 15 {
		seed := rand.Uint64()
		if got, want := namedRun(t, rand.New(rand.NewPCG(seed, 0))); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d: found %v, want %v", seed, got, want)
		}
	}
}

// namedRun does this and that to an index, and returns how often each name is found, and should be.
func namedRun(t *testing.T, r *rand.Rand) (got, want map[string]int) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	got, want = make(map[string]int), make(map[string]int)
	for range 1 + r.IntN(8) {
		switch r.IntN(4) {
		case 0:
			x.makeCheckpointHere()
		case 1:
			x = openIndex(t, Config{Dir: unclean(t, x)}, nil)
		default:
			var all []string
			for range 1 + r.IntN(6) {
				all = append(all, fmt.Sprint(r.IntN(10)))
				want[all[len(all)-1]] = 1
			}
			resultHere(t, x, named(x.now(), all...))
		}
	}
	for _, e := range search(t, x, "", index.Search{Limit: -1}) {
		got[e.Get("labels.name")]++
	}
	return got, want
}

func TestSpoiltNames(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	resultHere(t, x, named(x.now(), "a", "b"))
	x.makeCheckpointHere()
	f := func(name string, spoil func(path string) error) {
		t.Helper()
		dir := unclean(t, x)
		if err := spoil((&names{dir: dir}).path(dayOf(x.now()))); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{Dir: dir, MinFree: -1}, x.log, nil, nil); err == nil || !strings.Contains(err.Error(), "names-") {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("missing", os.Remove)
	f("cut", func(path string) error { return os.Truncate(path, int64(2*nameSize-1)) })
	f("changed", func(path string) error { return flipByte(path, 0) })
}
