package app

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/event"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func identify(t *testing.T, dir, namespace string, m machine) event.Key {
	t.Helper()
	id, err := loadIdentity(dir, namespace, "agent-h", m, quiet)
	if err != nil || id.IsZero() {
		t.Fatalf("%v, %v", id, err)
	}
	return id
}

func TestIdentity(t *testing.T) {
	one, two := machine{"m1", event.HashKey("f1")}, machine{"m1", event.HashKey("f2")}
	nameless := machine{"", event.HashKey("f3")}
	dir := t.TempDir()
	id := identify(t, dir, "", one)
	f := func(what, dir, namespace string, m machine, same bool) {
		t.Helper()
		if got := identify(t, dir, namespace, m); (got == id) != same {
			t.Errorf("%s: %v, the first was %v", what, got, id)
		}
	}
	f("restart", dir, "", one, true)
	f("state lost", t.TempDir(), "", one, true)
	f("other namespace", t.TempDir(), "blue", one, false)
	if other, err := loadIdentity(t.TempDir(), "", "agent-i", one, quiet); err != nil || other == id {
		t.Errorf("another certificate on a machine of the same image: %v, %v", other, err)
	}
	f("other machine", t.TempDir(), "", machine{"m2", event.HashKey("f4")}, false)
	f("no machine-id", t.TempDir(), "", nameless, false)
	f("state copied to a clone", dir, "", two, false)
	id = identify(t, dir, "", two)
	f("clone again", dir, "", two, true)
	f("back again", dir, "", one, false)
	id = identify(t, dir, "", nameless)
	f("no machine-id, restart", dir, "", nameless, true)
	f("no machine-id, state lost", t.TempDir(), "", nameless, false)
}

// Two clones of one state differ from each other too.
func TestClonesDiffer(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	identify(t, a, "", machine{"m", event.HashKey("first")})
	text, err := os.ReadFile(filepath.Join(a, "identity.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b, "identity.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if identify(t, a, "", machine{"m", event.HashKey("x")}) == identify(t, b, "", machine{"m", event.HashKey("y")}) {
		t.Error("two clones have one id")
	}
}

func TestCloneIsTold(t *testing.T) {
	dir := t.TempDir()
	identify(t, dir, "", machine{"m", event.HashKey("first")})
	var log bytes.Buffer
	if _, err := loadIdentity(dir, "", "agent-h", machine{"m", event.HashKey("x")}, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "another machine") {
		t.Errorf("logged %q", log.String())
	}
}

func TestBrokenIdentity(t *testing.T) {
	f := func(text string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "identity.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadIdentity(filepath.Dir(path), "", "agent-h", machine{}, quiet); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q: it was written over: %q, %v", text, got, err)
		}
	}
	f("")
	f("{")
	f(`{"agent":"xyz"}`)
	f(`{"agent":1}`)
}

func TestThisMachine(t *testing.T) {
	if m := thisMachine(); m != thisMachine() || m.fingerprint.IsZero() {
		t.Errorf("%+v is not steady", m)
	}
}
