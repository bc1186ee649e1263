package conf

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

type keeping struct {
	Keep Durations `yaml:"keep"`
}

func (keeping) Validate() error { return nil }

func TestDurations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.yaml")
	f := func(text string, longest time.Duration, names int, want string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var k keeping
		err := Load(path, &k)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if want != "" {
			want = path + ":" + want
		}
		if got != want || time.Duration(k.Keep.Longest()) != longest || len(k.Keep) != names {
			t.Errorf("%q: %v, %q; want %v, %d names, %q", text, k.Keep, got, longest, names, want)
		}
	}
	const day = 24 * time.Hour
	f("keep: 90d", 90*day, 1, "")
	f("keep: {auth: 400d, default: 90d}", 400*day, 2, "")
	f("{}", 0, 0, "")
	f("keep: long", 0, 0, `1: keep: "long" is not a length of time such as 10s, 5m or 90d`)
	f("keep: [1d]", 0, 0, `1: keep: a list is neither a length of time such as 90d nor a table of them`)
	f("keep:\n  auth: 4d\n  web: x", 0, 0, `3: keep.web: "x" is not a length of time such as 10s, 5m or 90d`)
	f("keep:\n  auth: 4d\n  auth: 5d", 0, 0, `3: keep.auth: stands twice, first on line 2`)
}
