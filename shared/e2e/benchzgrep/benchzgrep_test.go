package main

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/e2e/stack"
)

// A short run with the real programs: all ways find what was written, or it is an error, and the last line has its form.
func TestRun(t *testing.T) {
	stack.Need(t, "zgrep", "zcat", "grep", "find", "xargs")
	bin, err := stack.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	o := options{Hosts: 3, Days: 2, Lines: 50, Rounds: 1, Agents: 2, Seed: 1, Bin: bin.Dir}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := regexp.MustCompile(`^bench-zgrep: lines=300 zgrep_s=\d+\.\d\d search_s=\d+\.\d{3} ratio=\d+\.\d$`)
	if !last.MatchString(lines[len(lines)-1]) {
		t.Errorf("last line of\n%s", &out)
	}
	if strings.Contains(out.String(), " su in 0 lines") {
		t.Errorf("there is nothing to find:\n%s", &out)
	}
}

func TestSaysWhatIsMissing(t *testing.T) {
	err := run(t.Context(), options{Bin: t.TempDir()}, os.Stderr)
	for _, want := range []string{"at least 1", "no belfry (make build", "no belfry-agent (make build"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}

// The number of answers is that of the lines which the pattern finds, and a day's lines depend on the seed alone.
func TestLines(t *testing.T) {
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	find := regexp.MustCompile(pattern)
	total := 0
	for host := range 5 {
		for number := range 30 {
			d, again := newDay(7, host, number, begin, 400), newDay(7, host, number, begin, 400)
			found := 0
			for i := range 400 {
				line := slices.Clone(d.next(i))
				if !bytes.Equal(line, again.next(i)) {
					t.Fatalf("line %d of host %d, day %d is drawn twice in two ways", i, host, number)
				}
				if find.Match(bytes.TrimSuffix(line, []byte("\n"))) {
					found++
				}
			}
			if found != len(d.su) || !d.at.Before(begin.AddDate(0, 0, 1)) {
				t.Errorf("host %d, day %d: %d lines are found, %d were drawn; it ends at %v", host, number, found, len(d.su), d.at)
			}
			total += found
		}
	}
	if total < 5 {
		t.Errorf("%d lines to be found in 150 files", total)
	}
}
