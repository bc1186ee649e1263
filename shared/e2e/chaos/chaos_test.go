package main

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

// TestChaosShort is `make chaos-short`: a minute of faults, every kind of them, by a new seed each time. What a failure
// prints names the seed, and the folder with all logs.
func TestChaosShort(t *testing.T) {
	stack.Need(t, "rabbitmq-server", "gzip")
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	bin, err := stack.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	o := options{
		For: time.Minute, Seed: drawSeed(), Rate: 21_000, Index: "embedded", Aggregators: 1, Bin: bin.Dir,
	}
	err = run(ctx, o, io.MultiWriter(&printed, t.Output()))
	if err != nil {
		t.Errorf("%v", err)
	}
	lines := strings.Split(strings.TrimSpace(printed.String()), "\n")
	last := lines[len(lines)-1]
	form := regexp.MustCompile(`^chaos: sent=[1-9]\d{6,} indexed=\d+ lost=0 repeated=0 declared_gaps=\d+ doubt=\d+ kills=[1-9]\d* seed=\d+$`)
	if !form.MatchString(last) {
		t.Errorf("the last line is %q", last)
	}
	t.Logf("measured: %s", last)
}

// gunzipped is what a file holds, decompressed if it is an archive.
func gunzipped(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
