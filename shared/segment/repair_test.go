package segment

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// examine returns the numbers of the good records in a folder, and the damage, and checks that nothing was changed.
func examine(t interface{ Fatalf(string, ...any) }, dir string) ([]uint64, []Damage) {
	before := content(t, dir)
	var got []uint64
	damage, err := Examine(dir, func(lsn uint64, rec []byte) error {
		if !bytes.Equal(rec, payload(lsn)) {
			return fmt.Errorf("record %d has another payload", lsn)
		}
		got = append(got, lsn)
		return nil
	})
	if err != nil {
		t.Fatalf("Examine: %v", err)
	}
	if after := content(t, dir); after != before {
		t.Fatalf("Examine has changed the folder")
	}
	return got, damage
}

func content(t interface{ Fatalf(string, ...any) }, dir string) string {
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var s strings.Builder
	for _, e := range all {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatalf("%v", err)
		}
		fmt.Fprintf(&s, "%s %q\n", e.Name(), b)
	}
	return s.String()
}

func copyDir(t interface{ Fatalf(string, ...any) }, from string) string {
	to, err := os.MkdirTemp("", "segment")
	if err == nil {
		err = os.CopyFS(to, os.DirFS(from))
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return to
}

func TestExamine(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Config{MaxBytes: 1000})
	add(t, l, 30)
	got, damage := examine(t, dir) // beside
	checkRun(t, got, 1, 31)
	if damage != nil {
		t.Errorf("damage %v in a sound log", damage)
	}
	l.Close()
	last := slices.Max(files(t, dir))
	b, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(last, b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	spoil(t, files(t, dir)[0], fileHeader+recordHeader)
	got, damage = examine(t, dir)
	if len(damage) != 2 || damage[0].Torn || !damage[1].Torn || damage[1].File != last {
		t.Errorf("damage %v", damage)
	}
	checkRun(t, got, 2, 30)
	stop := errors.New("stop")
	if _, err := Examine(dir, func(uint64, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Examine = %v, want the error of its func", err)
	}
}

// TestRepair damages a log anywhere and repairs it, and crashes at each step: no good record is lost, each keeps its number,
// and no number that may have been given is given again.
func TestRepair(t *testing.T) {
	src := t.TempDir()
	cfg := Config{MaxBytes: 1500}
	l := open(t, src, cfg)
	add(t, l, 30)
	l.Close()
	rapid.Check(t, func(t *rapid.T) {
		dir := copyDir(t, src)
		defer os.RemoveAll(dir)
		for range rapid.IntRange(1, 6).Draw(t, "places") {
			damageFile(t, dir)
		}
		good, damage := examine(t, dir)
		opened := copyDir(t, dir)
		defer os.RemoveAll(opened)
		l, err := Open(opened, cfg)
		if err != nil {
			t.Fatal(err)
		}
		next := l.Next()
		l.Close()
		var crashes []string
		r := &repairer{dir, func() { crashes = append(crashes, copyDir(t, dir)) }}
		found, err := r.all()
		if err != nil || !slices.Equal(found, damage) {
			t.Fatalf("Repair = %v, %v; want %v", found, err, damage)
		}
		aside, _ := filepath.Glob(filepath.Join(dir, "*"+damagedSuffix+"*"))
		if spoilt := slices.CompactFunc(slices.Clone(damage), func(a, b Damage) bool { return a.File == b.File }); len(aside) != len(spoilt) {
			t.Fatalf("%d files put aside, %d were damaged", len(aside), len(spoilt))
		}
		repaired(t, dir, cfg, good, next)
		for i, c := range crashes {
			if got, _ := examine(t, c); !slices.Equal(got, good) {
				t.Fatalf("after step %d there is %v, want %v", i, got, good)
			}
			if rapid.Bool().Draw(t, "again") {
				if _, err := Repair(c); err != nil {
					t.Fatal(err)
				}
				repaired(t, c, cfg, good, next)
			} else {
				opens(t, c, cfg, good, next)
			}
			os.RemoveAll(c)
		}
	})
}

func damageFile(t *rapid.T, dir string) {
	all, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	path := rapid.SampledFrom(all).Draw(t, "file")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := rapid.IntRange(0, max(len(b)-1, 0)).Draw(t, "at")
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
	case len(b) == 0 || kind == 0:
		b = b[:at]
	case kind == 1:
		clear(b[at:min(at+100, len(b))])
	default:
		b[at] ^= 1
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// repaired checks a log that was repaired.
func repaired(t *rapid.T, dir string, cfg Config, good []uint64, next uint64) {
	got, damage := examine(t, dir)
	if !slices.Equal(got, good) || len(damage) > 0 {
		t.Fatalf("repaired: %v, want %v; damage %v", got, good, damage)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+runSuffix)); len(left) > 0 {
		t.Fatalf("left over: %v", left)
	}
	opens(t, dir, cfg, good, next)
}

// opens checks that a log gives what is good, and gives no number that one before next may have had.
func opens(t *rapid.T, dir string, cfg Config, good []uint64, next uint64) {
	l, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Next() != next {
		t.Fatalf("next lsn is %d, and was %d before the repair", l.Next(), next)
	}
	var got []uint64
	if err := l.Read(0, func(lsn uint64, _ []byte) error { got = append(got, lsn); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, good) {
		t.Fatalf("opened: %v, want %v", got, good)
	}
}

func FuzzParseRun(f *testing.F) {
	f.Add(newRun("000000000000002a.seg", 43).path)
	f.Add("000000000000002a.seg.run")
	f.Add(".run")
	f.Fuzz(func(t *testing.T, name string) {
		if r, ok := parseRun(name); ok && !strings.EqualFold(newRun(r.origin, r.first).path, name) {
			t.Errorf("%q is read as %q, %d", name, r.origin, r.first)
		}
	})
}
