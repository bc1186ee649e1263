package app

import (
	"errors"
	"strings"
	"testing"

	"belfry/aggregator/index"
)

func TestNearFields(t *testing.T) {
	all := []index.Field{
		{Name: "host.name", Count: 9}, {Name: "process.name", Count: 5}, {Name: "process.pid", Count: 5}, {Name: "source.ip", Count: 1},
		{Name: "destination.ip", Count: 2}, {Name: "host.ip", Count: 3}, {Name: "tags", Count: 1}, {Name: "user.name", Count: 7},
	}
	f := func(name, want string) {
		t.Helper()
		if got := strings.Join(nearFields(name, all), " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f("user.name", "")
	f("usr.name", "user.name")
	f("usre.nmae", "user.name") // two neighbours that changed places
	f("User.Name", "user.name")
	f("user_name", "user.name")
	f("proces.name", "process.name")
	f("pid", "process.pid")
	f("client.ip", "host.ip") // the same last part, and nearest
	f("tag", "tags")
	f("ips", "")
	f("event.action", "")
	f("x", "")
	f(strings.Repeat("long", 100)+".name", "")
	if got := nearFields("user.name", nil); got != nil {
		t.Error(got)
	}
}

// Who misspells a field is told, where nothing was found; who finds something, or asks for what is there, is not.
func TestSearchTellsTheNearField(t *testing.T) {
	r := start(t, t.TempDir(), ages)
	r.town()
	f := func(want string, args ...string) {
		t.Helper()
		_, aside, err := r.belfry(args...)
		if (err == nil) != (want == "found") || err != nil && !errors.Is(err, errNothing) {
			t.Errorf("%q: %v", args, err)
		}
		if want == "found" {
			want = ""
		}
		if strings.TrimSuffix(aside, "\n") != want {
			t.Errorf("%q tells %q, want %q", args, aside, want)
		}
	}
	told := "belfry: nothing found; no event has a field usr.name; did you mean user.name?"
	f(told, "search", "usr.name:averez")
	f(told, "search", "-C", "1", "usr.name:averez AND process.name:sshd")
	f(told, "search", "--count-by", "host.name", "usr.name:averez")
	f(told, "search", "--over", "1h", "usr.name:averez")
	f(told, "erase", "--reason=x", "usr.name:averez")
	f(strings.Replace(told, "event has", "event of that time has", 1), "search", "--from", "2026-11-23", "usr.name:averez")
	f("", "search", "--to", "2026-11-22", "usr.name:averez") // none had any field then
	f("", "search", "user.name:nobody")
	f("", "search", "nothing")
	f("found", "search", "usr.name:averez OR user.name:averez")
}
