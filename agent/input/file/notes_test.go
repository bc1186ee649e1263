package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"belfry/agent/input/file/lines"
	"belfry/shared/event"
)

// Doubts are told once, and those that nobody asks for do not grow without bound.
func TestDoubts(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	in := &Input{now: func() time.Time { return at }}
	c := &content{Stream: event.HashKey("s"), Epoch: 7, Doubt: 10}
	c.Top = 5
	in.doubt(c, "/l/x", "why")
	c.Top = 20
	in.doubt(c, "/l/x", "why")
	want := Doubt{at, "/l/x", c.Stream, 7, 10, "why"}
	got := in.Doubts()
	if len(got) != 2 || got[0] != want || got[1].End != 20 {
		t.Errorf("%+v", got)
	}
	if got := in.Doubts(); len(got) > 0 {
		t.Errorf("told again: %+v", got)
	}
	for range 2 * maxDoubts {
		in.doubt(c, "/l/x", "why")
	}
	if n := len(in.Doubts()); n != maxDoubts {
		t.Errorf("%d are kept", n)
	}
}

func TestMaskKey(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	masks := Config{Config: lines.Config{Mask: []lines.Rule{{Contains: "x"}}}}
	missing := masks
	if missing.MaskKey = filepath.Join(state, "none"); missing.CheckMaskKey() == nil || masks.CheckMaskKey() != nil {
		t.Error("a key file that is not there is no fault, or none at all is one")
	}
	if key, err := maskKey(&Config{}, state); key != nil || err != nil {
		t.Errorf("without a mask: %x, %v", key, err)
	}
	key, err := maskKey(&masks, state)
	if len(key) != maskKeySize || err != nil {
		t.Fatalf("%x, %v", key, err)
	}
	if st, err := os.Stat(filepath.Join(state, "mask.key")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if again, err := maskKey(&masks, state); string(again) != string(key) || err != nil {
		t.Errorf("another key: %x, was %x, %v", again, key, err)
	}
	masks.MaskKey = filepath.Join(state, "own.key")
	f := func(text, want string) {
		t.Helper()
		if text != "" {
			must(t, os.WriteFile(masks.MaskKey, []byte(text), 0o600))
		}
		key, err := maskKey(&masks, state)
		if want == "" && (err != nil || string(key) != text) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %q, %v, want %q", text, key, err, want)
		}
	}
	f("", "no such file")
	f("fifteen bytes..", "has 15 bytes")
	f("sixteen bytes...", "")
}
