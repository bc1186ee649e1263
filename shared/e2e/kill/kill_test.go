package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestSaysWhatIsMissing(t *testing.T) {
	err := run(t.Context(), options{Index: "embedded", Bin: t.TempDir()}, os.Stderr)
	for _, want := range []string{"nothing would be shown", "no belfry (make build", "no belfry-agent (make build"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}

// What is lost, what comes twice and what nobody wrote is seen, whatever the event says of itself.
func TestJudge(t *testing.T) {
	f := func(want verdict, strays int, numbers ...int) {
		t.Helper()
		tl := newTally(map[string]int{"web01": 3})
		for _, n := range numbers {
			line := strings.TrimSuffix(string(appendLine(nil, "web01", n, time.Unix(0, 0))), "\n")
			if err := tl.add([]byte(`{"event":{"original":"` + line + `","id":"1"}}`)); err != nil {
				t.Fatal(err)
			}
		}
		if got := tl.judge(t.Logf); got != want || tl.stray != strays {
			t.Errorf("%v: %+v and %d strays, want %+v and %d", numbers, got, tl.stray, want, strays)
		}
	}
	f(verdict{3, 0, 0}, 0, 2, 1, 3)
	f(verdict{3, 1, 0}, 0, 1, 3)
	f(verdict{3, 1, 2}, 0, 1, 3, 3, 3)
	f(verdict{3, 0, 0}, 1, 1, 2, 3, 4)
	f(verdict{3, 3, 0}, 1, 0)
}

func TestLines(t *testing.T) {
	f := func(text, host string, number int, ok bool) {
		t.Helper()
		if h, n, got := readLine([]byte(text)); got != ok || ok && (h != host || n != number) {
			t.Errorf("%q: %s, %d, %v", text, h, n, got)
		}
	}
	whole := strings.TrimSuffix(string(appendLine(nil, "web01", 17, time.Now())), "\n")
	f(whole, "web01", 17, true)
	f(whole[:len(whole)-1], "", 0, false)
	f(whole[1:], "web01", 17, true) // its time is not what it is known by
	f("", "", 0, false)
}
