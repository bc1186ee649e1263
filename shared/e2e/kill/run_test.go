package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"belfry/shared/e2e/elastic"
	"belfry/shared/e2e/stack"
)

// A short run with each engine, at a pace that leaves little to wait for on a machine that does much else meanwhile.
func TestRun(t *testing.T) {
	bin, err := stack.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	last := regexp.MustCompile(`^kill: 5 runs, [1-9]\d{3,} events, 0 lost, 0 repeated$`)
	f := func(t *testing.T, engine string) {
		t.Helper()
		var out strings.Builder
		o := options{Runs: 5, Index: engine, Rate: 8_000, Seed: uint64(time.Now().UnixNano()), Bin: bin.Dir}
		if err := run(t.Context(), o, &out); err != nil {
			t.Fatalf("%v\n%s", err, &out)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if !last.MatchString(lines[len(lines)-1]) {
			t.Errorf("last line of\n%s", &out)
		}
		t.Logf("%s", &out)
	}
	t.Run("embedded", func(t *testing.T) { f(t, "embedded") })
	t.Run("elastic", func(t *testing.T) {
		stack.NeedElastic(t, elastic.Elasticsearch)
		f(t, "elastic")
	})
}
