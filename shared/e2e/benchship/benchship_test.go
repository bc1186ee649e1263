package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"belfry/shared/e2e/stack"
)

// The benchmark starts itself as the bare publisher.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "--bare=") {
		main()
		return
	}
	m.Run()
}

// A short run with the real programs: every count agrees, or it is an error, and the last line has its form.
func TestRun(t *testing.T) {
	stack.Need(t, "rabbitmq-server", "taskset")
	stack.NeedSenders(t, theSyslogNG)
	bin, err := stack.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	o := options{Lines: 4000, Rounds: 1, Share: 4, Bin: bin.Dir}
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := regexp.MustCompile(`^bench-ship: events_per_s=[1-9]\d* cpu_us_per_event=\d+\.\d\d rss_mib=[1-9]\d* vs_syslog_ng=\d+\.\d\d vs_bare=\d+\.\d\d$`)
	if !last.MatchString(lines[len(lines)-1]) {
		t.Errorf("last line %q", lines[len(lines)-1])
	}
	for _, who := range []string{theAgent, theBare, theSyslogNG} {
		if n := strings.Count(out.String(), " "+who+" "); n != 2 {
			t.Errorf("%s has %d lines, want its round and its median:\n%s", who, n, &out)
		}
	}
}

func TestSaysWhatIsMissing(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	err := run(t.Context(), options{Lines: 1, Rounds: 1, Share: 2, Bin: t.TempDir()}, os.Stderr)
	for _, want := range []string{"share 2", "no agent (make build", "make deps unpacks"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}

// What was lost or came twice is an error.
func TestExpect(t *testing.T) {
	if expect("events", 3, 3) != nil || expect("events", 2, 3) == nil || expect("events", 4, 3) == nil {
		t.Error("3 of 3 are right, 2 and 4 are not")
	}
}

func TestParcels(t *testing.T) {
	name := filepath.Join(t.TempDir(), "parcels")
	var w strings.Builder
	for _, p := range []parcel{{[]byte("h1"), []byte("b1")}, {nil, []byte("b2")}} {
		if err := writeParcel(&w, p); err != nil {
			t.Fatal(err)
		}
	}
	f := func(text string, want int, ok bool) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readParcels(name)
		if len(got) != want || (err == nil) != ok {
			t.Errorf("%d parcels, %v; want %d", len(got), err, want)
		}
	}
	f(w.String(), 2, true)
	f(w.String()[:w.Len()-1], 0, false)
	f("\xff\xff\xff\xff", 0, false)
	f("", 0, true)
}
