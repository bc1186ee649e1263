package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCheck spoils an index in all places, and finds each; and nothing in one that is good.
func TestCheck(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	for n := range uint64(3) {
		writeHere(t, x, data(testPos, 50*n, 50*n+50))
		x.makeCheckpointHere()
	}
	w := data(testPos, 150, 160)
	w.Items[3].Named = true
	writeHere(t, x, w)
	first := x.Stats().Checkpoint
	if _, err := Check(x.cfg.Dir); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("check of an index that is open: %v", err)
	}
	if _, err := Check(filepath.Join(x.cfg.Dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("check of nothing: %v", err)
	}
	good, err := Check(unclean(t, x))
	if err != nil || len(good.Faults) > 0 || good.Checkpoint != first || good.Last != first+1 || good.Events != 10 ||
		good.Positions != 1 || fmt.Sprint(good.Classes) != "[default auth net_flow]" || good.Days < 3 || good.Parts < 3 {
		t.Errorf("%+v, %v", good, err)
	}
	one := func(dir string, pattern ...string) string {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(append([]string{dir}, pattern...)...))
		if err != nil || len(all) == 0 {
			t.Fatalf("%v: no such file, %v", pattern, err)
		}
		return all[len(all)-1]
	}
	f := func(want string, at int64, spoil func(path string) error, pattern ...string) {
		t.Helper()
		dir := unclean(t, x)
		path := one(dir, pattern...)
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		got, err := Check(dir)
		if err != nil || len(got.Faults) == 0 {
			t.Errorf("%v: nothing is found, %v", pattern, err)
			return
		}
		if fault := got.Faults[0]; !strings.Contains(fault.String(), want) || at >= 0 && fault.Byte != at || !strings.HasPrefix(fault.File, dir) {
			t.Errorf("%v: %v, want %q at byte %d", pattern, got.Faults, want, at)
		}
	}
	flip := func(at int64) func(string) error {
		return func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[(int64(len(b))+at)%int64(len(b))] ^= 0x55
			return os.WriteFile(path, b, 0o600)
		}
	}
	cut := func(path string) error {
		fi, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, fi.Size()-1)
	}
	f("damaged", 0, flip(9), "checkpoint")
	f("checkpoint", checkpointHeader, flip(-1), "checkpoint")
	f("covers the records up to", -1, os.RemoveAll, "log")
	f("of a write that was cut off", 20, cut, "log", "*")
	f("of a write that was cut off", 20, flip(-3), "log", "*")
	f("no day has this name", -1, func(dir string) error { return os.Rename(dir, dir+"x") }, "rows", daysDir, "*")
	f("is missing", -1, os.RemoveAll, "rows-auth", daysDir, "*", "datadb")
	f("is missing", -1, os.RemoveAll, "rows-auth", daysDir, "*", "indexdb")
	f("no such file", -1, os.Remove, "rows", daysDir, "*", "datadb", "parts.json")
	f("unexpected end", -1, cut, "rows", daysDir, "*", "datadb", "parts.json")
	f("parts.json names it", -1, os.RemoveAll, "rows", daysDir, "*", "datadb", "[0-9A-F]*")
	f("metadata.json says", -1, cut, "rows", daysDir, "*", "datadb", "*", "timestamps.bin")
	f("metadata.json says", -1, os.Remove, "rows", daysDir, "*", "datadb", "*", "index.bin")
	f("begins with record", -1, os.Remove, "checkpoint")
}

// TestCheckNames misses the names of a day.
func TestCheckNames(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	w := numbered(testPos, 0, 5, time.Now())
	for i := range w.Items {
		w.Items[i].Named = true
	}
	writeHere(t, x, w)
	x.makeCheckpointHere()
	dir := unclean(t, x)
	if got, err := Check(dir); err != nil || got.Names != 5 || len(got.Faults) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "names-*"))
	if len(files) != 1 || os.Remove(files[0]) != nil {
		t.Fatalf("names: %v", files)
	}
	if got, err := Check(dir); err != nil || len(got.Faults) != 1 || !strings.Contains(got.Faults[0].What, "missing or damaged") {
		t.Errorf("%+v, %v", got, err)
	}
}
