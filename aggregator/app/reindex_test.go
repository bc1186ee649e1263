package app

import (
	"os"
	"strings"
	"testing"
)

// Events go from one engine to the other and back; what is moved twice is there once, and what an agent sends again is a
// repeat wherever it is.
func TestReindex(t *testing.T) {
	servers := onServers(t)
	r := start(t, t.TempDir(), strings.TrimSpace(strings.Replace(servers, "index: {", "index: {engine: embedded, ", 1)))
	h := r.newHost("h")
	lines := h.seal("one", "two", "three")
	if err := r.send(lines); err != nil {
		t.Fatal(err)
	}
	want := r.searched()
	r.stop()
	move := func(from, to, wantSum string) {
		t.Helper()
		out := r.wantCLI(0, "reindex: to "+to+": ", "reindex", "--from="+from, "--to="+to)
		if !strings.Contains(out, wantSum) {
			t.Errorf("from %s to %s: %swant %q", from, to, out, wantSum)
		}
	}
	// The question above is an event too.
	move("embedded", "elastic", "4 new, 0 were there already")
	move("embedded", "elastic", "0 new, 4 were there already")
	move("elastic", "embedded", "0 new, 4 were there already")
	r.change("engine: embedded", "engine: elastic")
	r.run()
	if got := r.searched(); got != want {
		t.Errorf("events are\n%s\nwant\n%s", got, want)
	}
	if err := r.send(lines); err != nil {
		t.Error(err)
	}
	if got := r.searched(); got != want {
		t.Error("what the agent sends again is no repeat")
	}
}

// change changes the configuration of an aggregator that does not run.
func (r *rig) change(from, to string) {
	r.t.Helper()
	text, err := os.ReadFile(r.path)
	if err == nil {
		err = os.WriteFile(r.path, []byte(strings.Replace(string(text), from, to, 1)), 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}
