package token

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLife(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	s := open(t, path)
	made, secret, err := s.Create("filebeat", []string{"ingest", "search"}, time.Time{})
	if err != nil || made.Name != "filebeat" || len(secret) < 43 {
		t.Fatalf("%+v, %v", made, err)
	}
	check := func(s *Store, want bool) {
		t.Helper()
		name, scopes, ok := s.Check(secret)
		if ok != want || want && (name != "filebeat" || !slices.Equal(scopes, []string{"ingest", "search"})) {
			t.Errorf("%q %v %v, want %v", name, scopes, ok, want)
		}
	}
	check(s, true)
	if _, _, ok := s.Check(secret + "x"); ok {
		t.Error("another secret was taken")
	}
	if _, _, ok := s.Check(""); ok {
		t.Error("no secret was taken")
	}
	check(open(t, path), true)
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), secret) || strings.Contains(string(text), strings.TrimPrefix(secret, prefix)) {
		t.Errorf("%v: the file tells the secret: %s", err, text)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if _, _, err := s.Create("filebeat", []string{"admin"}, time.Time{}); !errors.Is(err, ErrExists) {
		t.Errorf("a second token of that name: %v", err)
	}
	if _, err := s.Revoke("nobody"); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if gone, err := s.Revoke(made.ID); err != nil || gone.Name != "filebeat" {
		t.Errorf("%+v, %v", gone, err)
	}
	check(s, false)
	check(open(t, path), false)
}

func TestExpiry(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tokens.json"))
	now := time.Now()
	s.now = func() time.Time { return now }
	_, secret, err := s.Create("a", []string{"ingest"}, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour - 1)
	if _, _, ok := s.Check(secret); !ok {
		t.Error("expired too early")
	}
	now = now.Add(1)
	if _, _, ok := s.Check(secret); ok {
		t.Error("valid for ever")
	}
	if _, _, err := s.Create("a", []string{"ingest"}, time.Time{}); err != nil {
		t.Errorf("its name was not given up: %v", err)
	}
	if all := s.List(); len(all) != 1 {
		t.Errorf("%+v", all)
	}
}

func TestFaults(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "tokens.json"))
	f := func(name, scopes, want string, expires time.Time) {
		t.Helper()
		_, secret, err := s.Create(name, strings.Fields(scopes), expires)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) || secret != "" {
			t.Errorf("%q %q: %q, %v; want %s", name, scopes, secret, err, want)
		}
	}
	f("a b", "ingest", `name: "a b"`, time.Time{})
	f(strings.Repeat("a", 65), "ingest", "name:", time.Time{})
	f("a", "", "scopes:", time.Time{})
	f("a", "ingest root", `"root"`, time.Time{})
	f("a", "ingest ingest", "each once", time.Time{})
	f("a", "ingest", "is over", time.Now().Add(-time.Second))
	for _, text := range []string{"{", `{"version":2}`, `{"version":1,"tokens":[{"sha256":"zz"}]}`} {
		path := filepath.Join(dir, "bad.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
