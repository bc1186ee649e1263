package app

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What goes is asked for first, is written down before, and is gone then.
func TestErase(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, ages)
	r.town()
	file := filepath.Join(dir, "state", "erasures.ndjson")
	erase := func(in string, args ...string) (string, string, error) {
		t.Helper()
		var out, aside bytes.Buffer
		err := runCLI(t, &CLI{Out: &out, Err: &aside, In: strings.NewReader(in)}, append([]string{"--config", r.path, "erase"}, args...)...)
		return out.String(), aside.String(), err
	}
	fails := func(want, in string, args ...string) {
		t.Helper()
		out, _, err := erase(in, args...)
		if err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
	fails("--reason", "", "user.name:averez")
	fails("--reason", "", "user.name:averez", "--reason", " ")
	fails("query, column 11", "", "user.name:", "--reason", "x")
	fails("the answer was not yes", "y\n", "user.name:averez", "--reason", "x")
	fails("the answer was not yes", "", "user.name:averez", "--reason", "x")
	if _, _, err := erase("", "user.name:nobody", "--reason", "x"); !errors.Is(err, errNothing) {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is written: %v", err)
	}
	r.count(2, "user.name:averez")

	out, aside, err := erase("yes\n", "user.name:averez OR user.name:nobody", "--reason", "he asks for it", "--to", "2026-11-23")
	if err != nil || !strings.HasPrefix(out, "2 events are erased") || !strings.HasPrefix(aside, "2 events would be erased, for good") {
		t.Fatalf("%v, %s, %s", err, out, aside)
	}
	r.count(0, "user.name:averez AND event.action:ssh*")
	r.count(2, "host.name:*")
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), "\n") != 2 || !strings.Contains(string(text), `"state":"begun"`) {
		t.Errorf("%v: %s", err, text)
	}
	list, _, err := r.belfry("erasures")
	if err != nil || strings.Count(list, "\n") != 2 || !strings.Contains(list, "he asks for it") || !strings.Contains(list, "  2       done ") {
		t.Errorf("%v: %s", err, list)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if found, err := r.search("event.dataset:belfry.erase"); err == nil && len(found) == 1 &&
			strings.Contains(found[0], `"gone":"2"`) && strings.Contains(found[0], `"reason":"he asks for it"`) {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%v, %s", err, found)
		}
	}
	// What tells of erasures and searches stays, whoever wants it to go.
	if out, _, err := erase("", "*", "--reason", "all", "--yes"); err != nil || !strings.HasPrefix(out, "2 events are erased") {
		t.Errorf("%v, %s", err, out)
	}
	if found, err := r.search("event.dataset:belfry.erase OR event.dataset:belfry.search"); err != nil || len(found) < 3 {
		t.Errorf("%v, %s", err, found)
	}
}

// Of one whose end is not written nobody knows how far it came, and a torn line is no line.
func TestErasuresFile(t *testing.T) {
	f := &erasures{path: filepath.Join(t.TempDir(), "erasures.ndjson")}
	if all, err := f.list(); err != nil || len(all) > 0 {
		t.Errorf("%v, %v", all, err)
	}
	e := erasure{ID: "a", State: erasureBegun, Reason: "r"}
	if err := f.begin(e); err != nil {
		t.Fatal(err)
	}
	if err := f.begin(erasure{ID: "b"}); !errors.Is(err, errErasing) {
		t.Error(err)
	}
	states := func() (all string) {
		t.Helper()
		list, err := f.list()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			all += e.ID + ":" + e.State + " "
		}
		return all
	}
	if got := states(); got != "a:begun " {
		t.Error(got)
	}
	f.running = "" // the process has ended
	if got := states(); got != "a:interrupted " {
		t.Error(got)
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"id":"torn","sta`); err != nil {
		t.Fatal(err)
	}
	file.Close()
	c := erasure{ID: "c", State: erasureBegun}
	if err := f.begin(c); err != nil {
		t.Fatal(err)
	}
	c.State, c.Gone = erasureDone, 3
	if err := f.end(c); err != nil {
		t.Fatal(err)
	}
	if got := states(); got != "a:interrupted c:done " {
		t.Error(got)
	}
}
