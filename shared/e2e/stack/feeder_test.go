package stack

import (
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestFeeder(t *testing.T) {
	Need(t, "gzip")
	f, err := OpenFeeder(t.TempDir(), "web01")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	recorded := []string{"Nov 23 17:54:15 vm sudo:   averez : USER=root ; COMMAND=/usr/bin/su -c id", "\t$second line"}
	if err := f.Replay(t.Context(), recorded, time.Microsecond); err != nil {
		t.Fatal(err)
	}
	if err := f.Rotate(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(f.archive(1))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	z, err := gzip.NewReader(old)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != 6 || f.Numbers() != 4 || f.Rotations() != 1 {
		t.Errorf("%d lines, %d numbers, %d rotations; want 6, 4, 1: %q", len(lines), f.Numbers(), f.Rotations(), lines)
	}
	if !strings.HasSuffix(lines[0], " web01 sudo:   averez : USER=root ; COMMAND=/usr/bin/su -c id") {
		t.Errorf("first line %q", lines[0])
	}
	if n, ok := NumberOf(lines[5]); n != 4 || !ok {
		t.Errorf("number of %q: %d, %v; want 4", lines[5], n, ok)
	}
	if w := f.Written("COMMAND=/usr/bin/su"); len(w) != 1 {
		t.Errorf("%d lines remembered, want 1", len(w))
	}
}
