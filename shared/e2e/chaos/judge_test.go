package main

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

const seed = 7

// indexed is an event of line n of a host, as the index gives it out.
func indexed(host string, n int, tags ...string) []byte {
	line := appendLine(nil, seed, host, "app.log", n, time.Now())
	e := new(event.Event)
	e.Set("event.original", string(bytes.TrimSpace(line)))
	e.Set("event.id", "the same for all: nothing is judged by it")
	for _, tag := range tags {
		e.Add("tags", tag)
	}
	return e.AppendJSON(nil)
}

// An export of two hosts, 100 lines each, is changed, and the judge must say by what.
func TestJudge(t *testing.T) {
	f := func(name string, change func(export [][]byte) [][]byte, want string) {
		t.Helper()
		ta := newTally(map[string]int{"web01": 100, "db01": 100})
		var export [][]byte
		for n := range 100 {
			export = append(export, indexed("web01", n+1), indexed("db01", n+1))
		}
		for _, text := range change(export) {
			if err := ta.add(text); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		v := ta.judge()
		got := fmt.Sprintf("sent=%d indexed=%d lost=%d%v repeated=%d%v gaps=%d doubt=%d strays=%d",
			v.sent, v.indexed, v.lost, v.losses, v.repeated, v.repeats, ta.gaps, ta.doubts, ta.strays)
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	more := func(texts ...[]byte) func([][]byte) [][]byte {
		return func(export [][]byte) [][]byte { return append(export, texts...) }
	}
	f("all once", more(), "sent=200 indexed=200 lost=0[] repeated=0[] gaps=0 doubt=0 strays=0")
	f("nothing", func([][]byte) [][]byte { return nil },
		"sent=200 indexed=0 lost=200[{db01 1 100} {web01 1 100}] repeated=0[] gaps=0 doubt=0 strays=0")
	f("two missing", func(export [][]byte) [][]byte { return append(export[:20:20], export[23:]...) },
		"sent=200 indexed=197 lost=3[{db01 11 11} {web01 11 12}] repeated=0[] gaps=0 doubt=0 strays=0")
	f("doubled and tripled", more(indexed("db01", 5), indexed("web01", 9), indexed("web01", 9)),
		"sent=200 indexed=200 lost=0[] repeated=3[{db01 5 5} {web01 9 9}] gaps=0 doubt=0 strays=0")
	f("in doubt", more(indexed("db01", 5, "doubt"), indexed("db01", 5, "doubt", "more")),
		"sent=200 indexed=200 lost=0[] repeated=0[] gaps=0 doubt=2 strays=0")
	f("in doubt, and the only one", func(export [][]byte) [][]byte {
		return append(export[1:], indexed("web01", 1, "doubt"))
	}, "sent=200 indexed=200 lost=0[] repeated=0[] gaps=0 doubt=1 strays=0")
	f("declared", more([]byte(`{"event":{"dataset":"belfry.gap"}}`), []byte(`{"event":{"dataset":"belfry.doubt"}}`)),
		"sent=200 indexed=200 lost=0[] repeated=0[] gaps=1 doubt=1 strays=0")
	f("of the programs", more([]byte(`{"event":{"dataset":"belfry.heartbeat"},"message":"alive"}`)),
		"sent=200 indexed=200 lost=0[] repeated=0[] gaps=0 doubt=0 strays=0")
	f("cut off, joined, and nobody's", func(export [][]byte) [][]byte {
		export[0] = bytes.Replace(export[0], []byte("sum="), []byte("um="), 1)
		export[1] = bytes.Replace(export[1], []byte("number=1 "), []byte("number=10 "), 1)
		return append(export, indexed("mx01", 1), indexed("web01", 101), indexed("web01", 0))
	}, "sent=200 indexed=198 lost=2[{db01 1 1} {web01 1 1}] repeated=0[] gaps=0 doubt=0 strays=5")
	if err := newTally(nil).add([]byte("{")); err == nil {
		t.Error("an export that is cut off is taken for whole")
	}
}

// What a host writes is each number once, in its order within a file, and but for the times the same for one seed.
func TestHostWritesEachLineOnce(t *testing.T) {
	texts := map[string]string{}
	for run, step := range map[string]int{"first": 150, "second": 37} {
		h, err := newHost(t.TempDir(), "web01", seed, 400)
		if err != nil {
			t.Fatal(err)
		}
		const total = 20_000
		for n := 1; n <= total; {
			if n, err = h.batch(n, min(total, n+step), 400); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.end(); err != nil {
			t.Fatal(err)
		}
		ta := newTally(map[string]int{"web01": total})
		var all strings.Builder
		for _, l := range h.files {
			readFile(t, h, l, ta, &all)
		}
		if v := ta.judge(); v.indexed != total || v.lost+v.repeated+ta.strays > 0 || h.rotations() < 4 {
			t.Errorf("%+v, %d strays, %d rotations", v, ta.strays, h.rotations())
		}
		texts[run] = all.String()
	}
	if texts["first"] != texts["second"] {
		t.Error("two runs of one seed wrote different lines")
	}
}

func TestPlan(t *testing.T) {
	f := func(who cast, seed uint64, length time.Duration) {
		t.Helper()
		p, all := plan(seed, length, who), len(who.kinds())
		if fmt.Sprint(p) != fmt.Sprint(plan(seed, length, who)) {
			t.Fatalf("seed %d: two plans", seed)
		}
		first, others := map[kind]bool{}, max(who.aggregators, who.nodes)
		for i, x := range p {
			if i < all {
				first[x.kind] = true
			}
			if x.at > length || i > 0 && x.at < p[i-1].at || x.length > longEnd || x.agent < 0 || x.agent >= who.agents ||
				x.other < 0 || x.other >= others {
				t.Fatalf("seed %d: entry %d: %+v", seed, i, x)
			}
		}
		if len(first) != all {
			t.Fatalf("seed %d, %v: of %d kinds %d are among the first", seed, length, all, len(first))
		}
	}
	for _, who := range []cast{{3, 1, 0}, {3, 2, 1}, {2, 1, 3}} {
		for s := range uint64(50) {
			for _, length := range []time.Duration{time.Second, time.Minute, 10 * time.Minute} {
				f(who, s, length)
			}
		}
		if fmt.Sprint(plan(1, time.Minute, who)) == fmt.Sprint(plan(2, time.Minute, who)) {
			t.Error("two seeds make one plan")
		}
	}
}

// readFile reads a file with its archives, the oldest first.
func readFile(t *testing.T, h *host, l *logFile, ta *tally, all *strings.Builder) {
	t.Helper()
	paths := []string{l.path}
	for n := 1; n <= l.generation; n++ {
		paths = append([]string{fmt.Sprintf("%s.%d.gz", l.path, n)}, paths...)
	}
	for _, path := range paths {
		text := gunzipped(t, path)
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			host, n, ok := readLine(lines.Bytes())
			c := ta.hosts[string(host)]
			if !ok || c == nil || n < 1 || n > len(c.plain) {
				t.Fatalf("%s: %q", path, lines.Text())
			}
			if r := h.where(n); r.file != l || r.first == n && !bytes.HasPrefix(text[r.offset:], lines.Bytes()) {
				t.Fatalf("%s: number %d is said to be in %s, from byte %d on", path, n, r.file.path, r.offset)
			}
			ta.take(c, n, new(event.Event))
			_, untimed, _ := strings.Cut(lines.Text(), " ")
			untimed, _, _ = strings.Cut(untimed, beforeSum)
			fmt.Fprintln(all, untimed)
		}
	}
}
