package main

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

// shortJobs is how many at a time: they wait most of the time.
const shortJobs = 12

// TestTortureShort is `make torture-short`: the cheap scenarios with small files.
func TestTortureShort(t *testing.T) {
	stack.Need(t, programs...)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	bin, err := stack.Build(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	err = run(ctx, options{Short: true, Jobs: shortJobs, Bin: bin.Dir}, io.MultiWriter(&printed, t.Output()), t.Output())
	if err != nil {
		t.Errorf("%v", err)
	}
	lines := strings.Split(strings.TrimSpace(printed.String()), "\n")
	last := lines[len(lines)-1]
	if !regexp.MustCompile(`^torture: [1-9]\d+ ok, 0 FAIL, \d+ not run$`).MatchString(last) {
		t.Errorf("the last line is %q", last)
	}
	t.Logf("measured: %s", last)
}
