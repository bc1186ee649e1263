package archive

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func openPoints(t testing.TB, dir string) *Points {
	t.Helper()
	s, err := OpenPoints(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// at makes a point that is told apart by its window.
func at(content uint64) Point {
	return Point{Kind: Gzip, File: 1, Content: content, inside: true, window: fmt.Append(nil, content)}
}

func save(t testing.TB, s *Points, key string, offsets ...uint64) {
	t.Helper()
	for _, o := range offsets {
		if err := s.Save(key, at(o)); err != nil {
			t.Fatal(err)
		}
	}
}

func before(t testing.TB, s *Points, key string, offset, want uint64, ok bool) {
	t.Helper()
	p, got := s.Before(key, offset)
	if got != ok || ok && (p.Content != want || string(p.window) != fmt.Sprint(want)) {
		t.Errorf("before %d of %q: %d, %v; want %d, %v", offset, key, p.Content, got, want, ok)
	}
}

func TestPointsBefore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "points")
	s := openPoints(t, dir)
	const odd = "../ a.b/%\x00é"
	save(t, s, odd, 100, 200, 300, 250, 200)
	save(t, s, "other", 150)
	for range 2 {
		before(t, s, odd, 99, 0, false)
		before(t, s, odd, 100, 100, true)
		before(t, s, odd, 199, 100, true)
		before(t, s, odd, 299, 250, true)
		before(t, s, odd, 1<<63, 300, true)
		before(t, s, "other", 1<<63, 150, true)
		before(t, s, "none", 1<<63, 0, false)
		if keys := s.Keys(); !slices.Equal(keys, []string{odd, "other"}) {
			t.Errorf("keys %q", keys)
		}
		s = openPoints(t, dir)
	}
}

func TestPointsForget(t *testing.T) {
	dir := t.TempDir()
	s := openPoints(t, dir)
	save(t, s, "a", 1, 2)
	save(t, s, "b", 3)
	save(t, s, "c", 4)
	if err := s.Forget("a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget("none"); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(func(key string) bool { return key == "c" }); err != nil {
		t.Fatal(err)
	}
	if keys := s.Keys(); !slices.Equal(keys, []string{"c"}) {
		t.Errorf("keys %q, want c", keys)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files, want 1", len(files))
	}
}

// However many points were saved, a key has 8 files of bounded size, and one is near whatever is asked for: no further
// away than a few times the way from there to the newest.
func TestPointsAreThinned(t *testing.T) {
	dir := t.TempDir()
	s := openPoints(t, dir)
	const spacing, n = 1000, 200
	for i := range uint64(n) {
		save(t, s, "a", (i+1)*spacing)
		newest := (i + 1) * spacing
		for lag := uint64(0); lag < newest; lag += spacing / 2 {
			p, ok := s.Before("a", newest-lag)
			if newest-lag-p.Content > 3*(lag+spacing) || !ok && lag < 3*spacing && newest > 4*spacing {
				t.Fatalf("newest %d: %d, %v is the last before %d", newest, p.Content, ok, newest-lag)
			}
		}
	}
	files, _ := os.ReadDir(dir)
	if len(files) != keptPoints {
		t.Errorf("%d files, want %d", len(files), keptPoints)
	}
}

// What a crash or a power cut left is passed over.
func TestPointsDamaged(t *testing.T) {
	dir := t.TempDir()
	save(t, openPoints(t, dir), "a", 100, 200, 300, 400, 500)
	path := func(at uint64) string { return filepath.Join(dir, pointName("a", at)) }
	good, err := os.ReadFile(path(500))
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(path(500), nil, 0o600)
	os.WriteFile(path(400), good[:len(good)-1], 0o600)
	os.WriteFile(path(300), good, 0o600) // another one's
	os.Remove(path(200))
	os.WriteFile(path(600)+unfinished, good[:10], 0o600)
	os.WriteFile(path(700), bytes.Repeat(good, 10_000), 0o600)
	os.WriteFile(filepath.Join(dir, "README"), nil, 0o600)
	s := openPoints(t, dir)
	before(t, s, "a", 1000, 100, true)
	if _, err := os.Stat(path(600) + unfinished); !os.IsNotExist(err) {
		t.Errorf("a file that was not finished is still there: %v", err)
	}
	save(t, s, "a", 500)
	before(t, s, "a", 1000, 500, true)
	if err := s.Forget("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "README")); err != nil {
		t.Errorf("what is none of its files is gone: %v", err)
	}
}

// A disk that takes no more is an error, and what was there stays.
func TestPointsOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := openPoints(t, dir)
	save(t, s, "a", 100)
	// A folder in the way stands for the full disk: root could write all the same.
	if err := os.MkdirAll(filepath.Join(dir, pointName("a", 200)+unfinished, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Save("a", at(200)); err == nil {
		t.Error("saved where nothing can be")
	}
	before(t, s, "a", 1000, 100, true)
	for _, key := range []string{"", strings.Repeat("k", 201)} {
		if err := s.Save(key, at(1)); err == nil {
			t.Errorf("saved with a key of %d bytes", len(key))
		}
	}
	os.RemoveAll(dir)
	if err := s.Save("a", at(300)); err == nil {
		t.Error("saved in a folder that is gone")
	}
	if _, ok := s.Before("a", 1000); ok {
		t.Error("a point that is gone")
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPoints(dir); err == nil {
		t.Error("opened a file as a folder")
	}
}
