package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/shared/event"
)

// A state of version 1 says the same to every later program.
func TestStateV1(t *testing.T) {
	text, err := os.ReadFile("testdata/state-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	if err := os.WriteFile(b.path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.open()
	if got := b.from(); got != "a42" || b.since != 1789913600000000 || b.began != 1792505600000000 || b.day != "" {
		t.Errorf("begins at %s, %+v", got, b.Input)
	}
	a, _ := parseSeries([]byte(seriesA))
	s := b.series[a]
	if s.next != 42 || s.confirmed.end != 42 || s.sent != 107 || s.counter.top != 41 || s.counter.run != 2 {
		t.Errorf("%+v, %+v", s, s.counter)
	}
	for number, want := range map[uint64]string{39: "default 2026-10-19", 40: "auth 2026-10-20", 106: "auth 2026-10-20"} {
		if p := s.place(b.stream, number); p.Class+" "+p.Day != want {
			t.Errorf("%d lies in %+v", number, p)
		}
	}
	if err := b.write(); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(b.path); err != nil || string(again) != string(text) {
		t.Errorf("it is written as\n%s", again)
	}
}

// A state that cannot be used is put away, and the journal is read anew: with the same ids, and the tag doubt.
func TestStateCannotBeUsed(t *testing.T) {
	f := func(text string) {
		t.Helper()
		b := newBench(t)
		b.show("a1", "a2")
		if err := os.WriteFile(b.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b.open()
		if bad, err := os.ReadFile(b.path + ".bad"); err != nil || string(bad) != text {
			t.Errorf("%q is not put away: %q, %v", text, bad, err)
		}
		b.show("a1", "a2", "a3")
		if len(b.got.messages()) != 3 || b.way.from().number != 1 {
			t.Errorf("%q", b.got.messages())
		}
		b.got.check(t)
	}
	f("")
	f(`{"v":1,`)
	f(`{"v":2}`)
	f(`{"v":1,"cursor":"x"}`)
	f(`{"v":1,"series":[{"id":"x"}]}`)
}

// Without a state, what was written before carries the tag doubt, after a restart too: it may have been sent before.
func TestDoubt(t *testing.T) {
	b := newBench(t)
	var e entry
	for _, open := range []func(){func() {}, b.open} {
		open()
		if err := newDecoder(strings.NewReader(export(seriesA, 1, "MESSAGE=x")), 100).next(&e); err != nil {
			t.Fatal(err)
		}
		if line := b.enc.encode(&e, 1, b.time, int64(e.at.realtime) < b.began); !strings.Contains(string(line), `"tags":["doubt"]`) {
			t.Errorf("%s", line)
		}
	}
}

// The series that were not used for the longest time are forgotten, but for those that are not confirmed.
func TestForgets(t *testing.T) {
	b := newBench(t)
	id := func(n int) string { return fmt.Sprintf("%032x", n+1) }
	show := func(n int) {
		var e entry
		if err := newDecoder(strings.NewReader(export(id(n), 5, "MESSAGE=x", fmt.Sprint("_MACHINE_ID=", id(n)))), 100).next(&e); err != nil {
			t.Fatal(err)
		}
		if err := b.take(t.Context(), &e); err != nil {
			t.Fatal(err)
		}
	}
	for n := range maxSeries {
		show(n)
		if n > 0 { // the first is not confirmed
			b.got.waiting = b.got.waiting[max(0, len(b.got.waiting)-2):]
			b.got.confirm(b.Input, true)
			b.applyConfirmed()
		}
	}
	for n := range 10 {
		show(maxSeries + n)
	}
	if len(b.series) != maxSeries || len(b.epochs) != maxSeries || len(b.counters) != maxSeries {
		t.Errorf("%d series, %d epochs, %d counters", len(b.series), len(b.epochs), len(b.counters))
	}
	for n := range 12 {
		s, _ := parseSeries([]byte(id(n)))
		if known := b.series[s] != nil; known != (n == 0 || n == 11) {
			t.Errorf("series %d is known: %v", n, known)
		}
	}
	b.wait(time.Second)
	if n := len(b.Ends()); n != 200 {
		t.Errorf("%d ends", n)
	}
}

// An id depends on the agent, the journal, the series and the number, and on nothing else.
func TestIdentity(t *testing.T) {
	open := func(cfg Config, agent string) *Input {
		in, err := Open(filepath.Join(t.TempDir(), "new"), cfg, Source{Agent: event.HashKey(agent)}, newReceiver(), quiet, metrics.NewSet())
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	a := open(Config{}, "x")
	if b := open(Config{Class: "auth", Start: StartEnd}, "x"); a.stream != b.stream || a.stream.IsZero() {
		t.Error("the stream depends on more than the journal")
	}
	streams := map[event.Key]bool{}
	for _, in := range []*Input{a, open(Config{}, "y"), open(Config{Namespace: "n"}, "x"), open(Config{Directory: "/n"}, "x")} {
		streams[in.stream] = true
	}
	if len(streams) != 4 {
		t.Errorf("%d streams of 4 journals", len(streams))
	}
	one, _ := parseSeries([]byte(seriesA))
	if got := epochOf(one); got != 0xc85cf9b0b531 || got>>48 != 0 {
		t.Errorf("epoch %#x", got)
	}
}

func TestValidate(t *testing.T) {
	f := func(cfg Config, want ...string) {
		t.Helper()
		got := ""
		if err := cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != strings.Join(want, "\n") {
			t.Errorf("%+v:\ngot  %s\nwant %s", cfg, got, strings.Join(want, "\n"))
		}
	}
	f(Config{})
	f(Config{Directory: "/d", Start: "36h", Class: "auth_2", MaxMessage: 1 << 20})
	f(Config{Namespace: "web-1", Start: StartEnd})
	f(Config{Namespace: "+web", Start: StartBeginning})
	f(Config{Namespace: "*"})
	f(Config{Directory: "d", Namespace: "a b", Start: "soon", Class: "A", MaxMessage: 1},
		`directory: "d" is not an absolute path`,
		`namespace: "a b" is neither a name, nor + and a name, nor *`,
		`namespace: "a b": a directory is read as a whole, give only one of the two`,
		`start: "soon" is neither beginning nor end nor a length of time such as 30d`,
		`class: "A": use 1 to 32 of a-z, 0-9 and _`,
		`max_message: 1 is not between 256 and 1048576 bytes`)
	for _, name := range []string{"+", "..", "a/b", "a*", "+*", strings.Repeat("x", 223)} {
		f(Config{Namespace: name}, fmt.Sprintf(`namespace: %q is neither a name, nor + and a name, nor *`, name))
	}
}
