package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// bench is an input without a child, whose clock stands still.
type bench struct {
	t   *testing.T
	dir string
	*Input
	got  *receiver
	time time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, dir: t.TempDir(), got: newReceiver(), time: time.Unix(1800000000, 0)}
	b.open()
	return b
}

// open takes up the state, as a new process does.
func (b *bench) open() {
	b.t.Helper()
	in, err := Open(b.dir, Config{Start: StartBeginning}, me, b.got, quiet, metrics.NewSet())
	if err != nil {
		b.t.Fatal(err)
	}
	in.now = func() time.Time { return b.time }
	b.Input = in
	b.begin()
}

// begin starts a child.
func (b *bench) begin() {
	b.child++
	b.at, b.born = b.time, b.time
	b.holes.began(b.time)
}

// show has the child show entries: numbers of series a and b, of a later journald as a' and so on, a second apart.
func (b *bench) show(entries ...string) {
	b.t.Helper()
	for _, name := range entries {
		var number uint64
		var series string
		if _, err := fmt.Sscanf(name, "%1s%d", &series, &number); err != nil {
			b.t.Fatal(err)
		}
		var e entry
		text := export(strings.Repeat(series, 32), number, "MESSAGE="+name, "_MACHINE_ID="+boot1)
		if err := newDecoder(strings.NewReader(text), 100).next(&e); err != nil {
			b.t.Fatal(err)
		}
		b.at = b.time
		if err := b.take(context.Background(), &e); err != nil {
			b.t.Fatal(err)
		}
	}
}

// wait lets time go by, and reports whether the child is to be started anew.
func (b *bench) wait(d time.Duration) bool {
	b.t.Helper()
	b.time = b.time.Add(d)
	err := b.due(context.Background(), b.time, true)
	if err != nil && !errors.Is(err, errAnew) {
		b.t.Fatal(err)
	}
	return err != nil
}

// said compares what was said of numbers without events since the last time.
func (b *bench) said(want ...string) {
	b.t.Helper()
	if got := b.got.said; strings.Join(got, ", ") != strings.Join(want, ", ") {
		b.t.Errorf("said %q, want %q", got, want)
	}
	b.got.said = nil
}

func (b *bench) from() string {
	return strings.TrimPrefix(b.arguments()[len(b.arguments())-1], "--cursor=s=")[:1] + fmt.Sprint(b.startsAt().number)
}

func (b *bench) startsAt() point {
	p, err := parseCursor([]byte(strings.TrimPrefix(b.arguments()[len(b.arguments())-1], "--cursor=")))
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

const moment = holeGrace + time.Millisecond

func TestFirstStartInTheMiddle(t *testing.T) {
	b := newBench(t)
	b.show("a5", "a6", "a7")
	b.said("skipped 0-5")
	b.show("b8", "a9", "b10", "a11")
	b.said("skipped 0-8", "skipped 8-9", "skipped 9-10", "skipped 10-11")
	if b.wait(moment) || b.lost != 0 {
		t.Errorf("%d lost", b.lost)
	}
	b.got.check(t)
}

// What vacuuming took is declared once, with its size, though two series had a part of it.
func TestVacuumed(t *testing.T) {
	b := newBench(t)
	b.show("a1", "b2", "a3")
	b.said("skipped 0-1", "skipped 0-2", "skipped 2-3")
	b.got.confirm(b.Input, true)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.show("a20", "a21", "b22")
	b.said("skipped 3-22") // a has come to 21
	if b.wait(moment) {
		t.Error("the child began in front of what is missing, and is started anew")
	}
	b.said("dropped 4-20")
	if b.lost != 16 || b.dropped.Get() != 16 {
		t.Errorf("%d lost, %d by the metric", b.lost, b.dropped.Get())
	}
	b.got.check(t)
}

// A hole in what one child shows is looked for by another, which begins in front of it.
func TestMissedByTheChild(t *testing.T) {
	b := newBench(t)
	b.show("a1", "a2", "b3", "a7", "a8")
	b.said("skipped 0-1", "skipped 0-3", "skipped 3-4")
	if b.wait(time.Second) {
		t.Error("it is too early to look for what is missing")
	}
	if !b.wait(moment) {
		t.Error("what is missing is not looked for")
	}
	if got := b.from(); got != "a4" {
		t.Errorf("begins at %s", got)
	}
	b.begin()
	b.show("b3", "a4", "b5", "a7", "a8") // 6 is not there
	if b.wait(moment) {
		t.Error("looked for twice")
	}
	b.said("skipped 4-5", "skipped 5-6", "dropped 6-7")
	if want := "a1 a2 a4 a7 a8 b3 b5"; strings.Join(b.got.messages(), " ") != want {
		t.Errorf("%s, want %s", b.got.messages(), want)
	}
	b.got.check(t)
	b.got.confirm(b.Input, true)
	b.wait(time.Second)
	if len(b.way.legs) != 0 || b.Status().Waiting != 0 {
		t.Errorf("all is confirmed, and %d legs are not: %+v", len(b.way.legs), b.Status())
	}
}

// While a hole is open, the cursor stays in front of it: a process that dies then looks for it again.
func TestDiesWhileOneIsOpen(t *testing.T) {
	b := newBench(t)
	b.show("a1", "a2", "a5", "a6")
	b.got.confirm(b.Input, true)
	b.wait(time.Second + time.Millisecond)
	b.open()
	if got := b.from(); got != "a3" {
		t.Errorf("begins at %s", got)
	}
	b.show("a3", "a4", "a5", "a6")
	if b.wait(moment) || b.lost != 0 {
		t.Errorf("%d lost", b.lost)
	}
	b.got.check(t)
}

// What comes late fills a hole, whichever of the series it belongs to.
func TestLate(t *testing.T) {
	b := newBench(t)
	b.show("a1", "b2", "a4", "b6", "a3", "b5")
	b.said("skipped 0-1", "skipped 0-2", "skipped 2-3", "skipped 3-5")
	if b.wait(moment) || b.lost != 0 || len(b.holes.open) != 0 {
		t.Errorf("%d lost, %d open", b.lost, len(b.holes.open))
	}
	if want := "a1 a3 a4 b2 b5 b6"; strings.Join(b.got.messages(), " ") != want {
		t.Errorf("%s, want %s", b.got.messages(), want)
	}
	b.got.check(t)
}

// A journald that begins to count anew gives numbers that other series have.
func TestCountsAnew(t *testing.T) {
	b := newBench(t)
	b.show("a1", "a2", "b3", "b4", "b5")
	b.show("a3", "a4", "b6", "a7") // journald has died, and its counter with it
	b.show("c1", "c2", "c4")       // it has lost its files: 3 is missing
	if !b.wait(moment) {
		t.Error("what is missing is not looked for")
	}
	b.got.said = nil
	b.begin()
	b.show("c4")
	b.wait(moment)
	b.said("dropped 3-4")
	b.got.check(t)
}

// Three children are started for nothing, then one an hour: somebody has journals that may not be read.
func TestLooksInVain(t *testing.T) {
	b := newBench(t)
	b.show("a1")
	anew := 0
	for n := range 20 {
		b.show(fmt.Sprintf("a%d", 3+2*n))
		for range 3 {
			if b.wait(moment) {
				anew++
				b.begin()
			}
		}
	}
	if anew != maxRetries || b.lost != 20 {
		t.Errorf("%d children for %d that are lost", anew, b.lost)
	}
	b.got.check(t)
	b.wait(retryEvery)
	b.show("a100")
	if !b.wait(moment) {
		t.Error("an hour later it is not looked for")
	}
}

// Holes are bounded.
func TestManyHoles(t *testing.T) {
	b := newBench(t)
	for n := range 3 * maxHoles {
		b.show(fmt.Sprintf("a%d", 1+2*n))
		if n%100 == 0 {
			b.wait(0)
		}
		if len(b.holes.open) > maxHoles+100 {
			t.Fatalf("%d holes are open", len(b.holes.open))
		}
	}
}

func TestMark(t *testing.T) {
	f := func(want string, ranges ...numbers) {
		t.Helper()
		var m mark
		for _, r := range ranges {
			m.add(r.first, r.end)
		}
		if got := fmt.Sprint(m.end, m.ahead); got != want {
			t.Errorf("%v: %s, want %s", ranges, got, want)
		}
	}
	f("3 []", numbers{0, 1}, numbers{1, 3})
	f("0 [{1 3}]", numbers{1, 2}, numbers{2, 3})
	f("0 [{1 3} {5 6}]", numbers{5, 6}, numbers{2, 3}, numbers{1, 2})
	f("0 [{1 9}]", numbers{1, 2}, numbers{3, 4}, numbers{8, 9}, numbers{2, 8})
	f("9 []", numbers{1, 2}, numbers{3, 4}, numbers{8, 9}, numbers{2, 8}, numbers{0, 1})
	f("4 [{8 9}]", numbers{1, 2}, numbers{3, 4}, numbers{8, 9}, numbers{0, 3})
	f("4 []", numbers{0, 4}, numbers{2, 3})
}
