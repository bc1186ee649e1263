package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

const (
	maxLine  = 1 << 20 // bytes of one line of test output
	maxLines = 400     // lines kept of one test; a test that says more is cut in the middle of its story
)

// Measured marks a line of a passing test that the reader should see.
const measured = "measured: "

// record is one line of `go test -json` (see `go doc test2json`).
type record struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// name is a test, or a package where Test is empty.
type name struct{ Package, Test string }

type tally struct {
	out                     io.Writer
	output                  map[name][]string
	split                   map[name]bool // tests that have subtests
	broken                  map[name]bool // tests and packages with a counted failure inside
	skips                   []string
	passed, failed, skipped int
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, output: map[name][]string{}, split: map[name]bool{}, broken: map[name]bool{}}
}

// read takes records until the end of the input. What is not a record is printed as it is.
func (t *tally) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.Action == "" {
			fmt.Fprintln(t.out, lines.Text())
			continue
		}
		t.take(r)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read test output: %w", err)
	}
	return nil
}

func (t *tally) take(r record) {
	at := name{r.Package, r.Test}
	switch r.Action {
	case "output":
		t.keep(at, r.Output)
	case "build-output":
		fmt.Fprint(t.out, r.Output)
	case "pass", "fail", "skip":
		if r.Test == "" {
			t.endPackage(at, r)
		} else {
			t.endTest(at, r)
		}
		delete(t.output, at)
	}
}

func (t *tally) keep(at name, line string) {
	if i := strings.Index(line, measured); i >= 0 {
		fmt.Fprintf(t.out, "      %s", line[i:])
	}
	if len(t.output[at]) < maxLines {
		t.output[at] = append(t.output[at], line)
	}
}

func (t *tally) endTest(at name, r record) {
	if i := strings.LastIndexByte(at.Test, '/'); i >= 0 {
		t.split[name{at.Package, at.Test[:i]}] = true
	}
	switch r.Action {
	case "pass":
		if !t.split[at] {
			t.passed++
		}
	case "skip":
		t.skipped++
		t.skips = append(t.skips, fmt.Sprintf("%s %s: %s", at.Package, at.Test, t.reason(at)))
	case "fail":
		t.print(at)
		if !t.broken[at] {
			t.failed++
		}
		t.breakAbove(at)
	}
}

// breakAbove marks the parents of a failed test: their failure is this one.
func (t *tally) breakAbove(at name) {
	for at.Test != "" {
		at.Test = at.Test[:max(strings.LastIndexByte(at.Test, '/'), 0)]
		t.broken[at] = true
	}
}

func (t *tally) endPackage(at name, r record) {
	switch {
	case r.Action == "fail" && !t.broken[at]:
		t.print(at)
		for test := range t.output { // a panic, or the end of the time: what ran by then has no end of its own
			if test.Package == at.Package && test.Test != "" {
				t.print(test)
			}
		}
		t.failed++
		fmt.Fprintf(t.out, "FAIL  %s  outside of its tests\n", at.Package)
	case r.Action == "fail":
		fmt.Fprintf(t.out, "FAIL  %s  %.1fs\n", at.Package, r.Elapsed)
	case r.Action == "pass":
		fmt.Fprintf(t.out, "ok    %s  %.1fs\n", at.Package, r.Elapsed)
	}
}

func (t *tally) print(at name) {
	for _, line := range t.output[at] {
		fmt.Fprint(t.out, "    ", line)
	}
}

// reason is the last thing that a skipped test said, without the place in its source.
func (t *tally) reason(at name) string {
	why := "no reason given"
	for _, line := range t.output[at] {
		if _, said, ok := strings.Cut(line, "_test.go:"); ok {
			_, said, _ = strings.Cut(said, ": ")
			why = strings.TrimSpace(said)
		}
	}
	return why
}

// sum prints what was skipped and why, and the last line. It reports whether that is a success.
func (t *tally) sum(skipFails bool) bool {
	for _, s := range t.skips {
		fmt.Fprintln(t.out, "skip ", s)
	}
	if skipFails && t.skipped > 0 {
		fmt.Fprintln(t.out, "CI=true: a skip is a failure")
	}
	fmt.Fprintf(t.out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	return t.failed == 0 && t.passed > 0 && !(skipFails && t.skipped > 0)
}
