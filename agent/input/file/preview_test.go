package file

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"belfry/agent/input/file/lines"
	"belfry/shared/event"
)

// shown is what is to be seen of a previewed event.
type shown struct {
	Event  struct{ Original string }
	Log    struct{ File struct{ Path string } }
	Tags   []string
	Labels map[string]string
	Belfry struct {
		RefTime string `json:"ref_time"`
	}
}

func TestPreview(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("x.log"), "one\ntwo\nhalf")
	write(t, path("x.log.1"), "three\n")
	write(t, path("x.log.2.gz"), string(gzipped(t, "four\nhalf")))
	write(t, path("y.txt"), "drop me\nfive\n")
	cfgs := []Config{
		{Paths: []string{path("*.txt")}, Exclude: []string{path("y*")}},
		{Paths: []string{path("*.log")}, Tags: []string{"x"}, Fields: map[string]string{"team": "core"}},
		{Paths: []string{path("y.*")}, Config: lines.Config{Drop: []lines.Rule{{Contains: "drop"}}}},
	}
	f := func(name string, matched bool, live string, want ...string) []shown {
		t.Helper()
		var all []shown
		got, err := Preview(cfgs, t.TempDir(), path(name), Source{Agent: event.HashKey("agent"), Zone: "UTC"}, func(b []byte) error {
			var s shown
			err := json.Unmarshal(b, &s)
			all = append(all, s)
			return err
		})
		if err != nil || got != matched {
			t.Errorf("%s: matched %v, %v", name, got, err)
		}
		var texts []string
		for _, s := range all {
			texts = append(texts, s.Event.Original)
			if s.Log.File.Path != path(live) {
				t.Errorf("%s: events of %s", name, s.Log.File.Path)
			}
		}
		if !slices.Equal(texts, want) {
			t.Errorf("%s: %q, want %q", name, texts, want)
		}
		return all
	}
	if e := f("x.log", true, "x.log", "one", "two")[0]; !slices.Equal(e.Tags, []string{"x"}) || e.Labels["team"] != "core" || e.Belfry.RefTime != "" {
		t.Errorf("%+v", e)
	}
	f("x.log.1", true, "x.log", "three") // by its live name
	all := f("x.log.2.gz", true, "x.log", "four", "half")
	if e := all[1]; !slices.Equal(e.Tags, []string{"x", "partial_line"}) || e.Belfry.RefTime == "" {
		t.Errorf("the last line of an archive: %+v", e)
	}
	f("y.txt", true, "y.txt", "five")
	cfgs = cfgs[:2]
	f("y.txt", false, "y.txt", "drop me", "five")
}

// What cannot be shown is told, and an error of who looks ends it.
func TestPreviewFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none := func([]byte) error { return nil }
	if _, err := Preview(nil, dir, filepath.Join(dir, "none"), Source{}, none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	write(t, filepath.Join(dir, "x.gz"), "no archive")
	if _, err := Preview(nil, dir, filepath.Join(dir, "x.gz"), Source{}, none); err == nil {
		t.Error("no archive is shown as one")
	}
	write(t, filepath.Join(dir, "x.xz"), "?")
	if _, err := Preview(nil, dir, filepath.Join(dir, "x.xz"), Source{}, none); err == nil {
		t.Error("an archive that cannot be read is shown")
	}
	write(t, filepath.Join(dir, "x.log"), "one\ntwo\n")
	enough, n := errors.New("enough"), 0
	_, err := Preview(nil, dir, filepath.Join(dir, "x.log"), Source{}, func([]byte) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("%d events, %v", n, err)
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 3 {
		t.Errorf("it left something behind: %v, %v", all, err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b.log", "a.log", "a.log.1", "sub/c.log", "sub/deep/d.log", "not.log", "other/e.txt"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		write(t, filepath.Join(dir, name), "x\n")
	}
	cfg := Config{
		Paths:   []string{filepath.Join(dir, "*.log"), filepath.Join(dir, "**", "*.log"), filepath.Join(dir, "{b,a}.log*"), filepath.Join(dir, "none", "*")},
		Exclude: []string{"not*"},
	}
	f := func(i int, want ...string) {
		t.Helper()
		for j := range want {
			want[j] = filepath.Join(dir, want[j])
		}
		if got := cfg.Names(i); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", cfg.Paths[i], got, want)
		}
	}
	f(0, "a.log", "b.log")
	f(1, "a.log", "b.log", "sub/c.log", "sub/deep/d.log")
	f(2, "a.log", "a.log.1", "b.log")
	f(3)
	bad := Config{Paths: []string{"[", "relative"}}
	if got := bad.Names(0); len(got) > 0 {
		t.Errorf("%q", got)
	}
}
