package lines

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The samples in testdata are as the runtimes write them.
func TestSamples(t *testing.T) {
	f := func(format string, steps ...string) {
		t.Helper()
		b, err := os.ReadFile("testdata/" + format + ".log")
		if err != nil {
			t.Fatal(err)
		}
		want(t, Config{Format: format}, string(b), steps...)
	}
	f(CRI,
		`event [0,49) "starting" raw= length=8 lines=1 stdout2026-11-03T08:15:02.100000001Z`,
		`joined [49,142)`,
		`event [91,142) "warning: disk" raw= length=13 lines=1 stderr2026-11-03T08:15:02.3Z`,
		`joined [49,221)`,
		`covered [142,221)`,
		`event [49,91) "a long line in three" raw= length=20 lines=3 stdout2026-11-03T08:15:02.2Z`,
		`event [221,253) "" raw= length=0 lines=1 stdout2026-11-03T08:15:02.6Z`,
		`event [253,298) "2026-11-03T08:15:02.7Z stdout X what is this" raw= length=44 lines=1 F`,
		`event [298,342) "never ended" raw= length=11 lines=1 Pstdout2026-11-03T08:15:02.8Z`)
	f(DockerJSON,
		`event [0,79) "starting" raw= length=8 lines=1 stdout2026-11-03T08:15:02.100000001Z`,
		`joined [79,272)`,
		`event [168,272) "warning: \"disk\"\r" raw= length=16 lines=1 stderr2026-11-03T08:15:02.3Z`,
		`joined [79,337)`,
		`covered [272,337)`,
		`event [79,168) "a \x1b[31mlong\x1b[0m line" raw= length=20 lines=2 stdout2026-11-03T08:15:02.2Z`,
		`event [337,400) "" raw= length=0 lines=1 stdout2026-11-03T08:15:02.5Z`,
		`event [400,438) "{\"log\":\"no time\\n\",\"stream\":\"stdout\"}" raw= length=37 lines=1 F`,
		`event [438,510) "never ended" raw= length=11 lines=1 Pstderr2026-11-03T08:15:02.8Z`)
}

func TestNotOfTheFormat(t *testing.T) {
	f := func(format, line string) {
		t.Helper()
		c := compile(t, Config{Format: format})
		if e := readAll(t, c, []byte(line+"\n"), 0, nil); !strings.HasSuffix(e.steps[0].text, " F") || e.texts[0] != line {
			t.Errorf("%s %q: %v", format, line, e.steps)
		}
	}
	for _, line := range []string{"", "x", criTime, criTime + "stdout", criTime + "stdin F x", "today stdout F x", criTime + "stdout f x",
		"  stdout F x", criTime + "stdout F:" + strings.Repeat("x", criHeader) + " x"} {
		f(CRI, line)
	}
	for _, line := range []string{"", "x", "{}", "[]", `{"log":1,"stream":"stdout","time":"2016-10-06T00:17:09Z"}`,
		`{"log":"x","stream":"stdout","time":"today"}`, `{"log":"x","stream":"in","time":"2016-10-06T00:17:09Z"}`,
		`{"log":"x","stream":"stdout","time":"2016-10-06T00:17:09Z"} ` + "x"} {
		f(DockerJSON, line)
	}
}

// The rules for lines of several streams: each has its own event that waits.
func TestMultilineOfTwoStreams(t *testing.T) {
	f := func(lines ...string) string {
		return criTime + strings.Join(lines, "\n"+criTime) + "\n"
	}
	content := f("stdout F panic", "stderr F log", "stdout F  at x", "stderr F log", "stdout F ok")
	got := readAll(t, compile(t, Config{Format: CRI, Multiline: &Multiline{Begins: `^\S`}}), []byte(content), 0, nil)
	if !slices.Equal(got.texts, []string{"log", "panic\n at x", "log", "ok"}) {
		t.Errorf("%q", got.texts)
	}
}

// A piece that never ends is given up when it reaches too far, and so are many gaps.
func TestWindow(t *testing.T) {
	c := compile(t, Config{Format: CRI})
	first := criTime + "stdout P begun\n"
	other := criTime + "stderr F " + strings.Repeat("x", 32<<10) + "\n"
	got := readAll(t, c, []byte(first+strings.Repeat(other, 2*window/len(other))+criTime+"stdout F end\n"), 0, nil)
	i := slices.Index(got.texts, "begun")
	if at := i * len(other); at < window*9/10 || at > window || got.texts[len(got.texts)-1] != "end" {
		t.Errorf("given up after %d lines of %d bytes", i, len(other))
	}
	gap := criTime + "stdout P a\n" + criTime + "stderr F b\n"
	got = readAll(t, c, []byte(strings.Repeat(gap, 100)+criTime+"stdout F end\n"), 0, nil)
	joined := strings.Repeat("a", maxGaps+1)
	if !slices.Contains(got.texts, joined) || got.texts[len(got.texts)-1] != strings.Repeat("a", 100-len(joined))+"end" {
		t.Errorf("%q", got.texts)
	}
}

// What JSON makes longer is no longer a line.
func TestEscapedJSON(t *testing.T) {
	line := `{"log":"` + strings.Repeat(`\u0001`, 64) + `\n","stream":"stdout","time":"2016-10-06T00:17:09Z"}`
	got := readAll(t, compile(t, Config{Format: DockerJSON, MaxLine: 64}), []byte(line+"\n"), 0, nil)
	if !slices.Equal(got.texts, []string{strings.Repeat("\x01", 64)}) {
		t.Errorf("%v", got.steps)
	}
}

func TestGroups(t *testing.T) {
	var g Groups
	f := func(cursor, want uint64) {
		t.Helper()
		if got := g.Resume(cursor); got != want {
			t.Errorf("resume for %d: %d, want %d", cursor, got, want)
		}
	}
	g.Joined(10, 20)
	g.Joined(10, 30)
	g.Joined(50, 60)
	f(10, 10)
	f(25, 10)
	f(30, 30)
	f(40, 40)
	f(55, 50)
	f(60, 60)
	if len(g.spans) > 0 {
		t.Errorf("%v is remembered", g.spans)
	}
}
