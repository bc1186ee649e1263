package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"belfry/agent/input/file/lines"
)

// A preview shows the last event too, for which the agent waits only a while, and leaves nothing behind.
func TestPreviewLastEvent(t *testing.T) {
	dir := t.TempDir()
	f := func(cfg Config, text, want string) {
		t.Helper()
		path, state := filepath.Join(dir, "app.log"), filepath.Join(dir, "state")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg.Paths = []string{path}
		var all []string
		matched, err := Preview([]Config{cfg}, state, path, Source{Host: "web01"}, func(event []byte) error {
			_, text, _ := strings.Cut(string(event), `"original":"`)
			text, _, _ = strings.Cut(text, `"`)
			text, _, _ = strings.Cut(text, "[masked:")
			all = append(all, text)
			return nil
		})
		if got := strings.Join(all, "|"); err != nil || !matched || got != want {
			t.Errorf("%q: %q, %v, %v; want %q", text, got, matched, err, want)
		}
		if _, err := os.Stat(state); err == nil {
			t.Errorf("%q: %s was made", text, state)
		}
	}
	begins := lines.Config{Multiline: &lines.Multiline{Begins: `^\d`}}
	f(Config{}, "a\nb\nno end", "a|b")
	f(Config{Config: begins}, "1 a\n b\n2 c\n d\n", `1 a\n b|2 c\n d`)
	f(Config{Config: begins}, "1 a\n b\n no end", `1 a\n b`)
	f(Config{Config: lines.Config{Mask: []lines.Rule{{Contains: "secret"}}}}, "a secret\n", "a ")
}
