package lines

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"
)

// A subject is a configuration and what its contents are made of.
type subject struct {
	name  string
	cfg   Config
	parts []string
	wide  bool // parts are encoded as UTF-16
}

var texts = []string{"\n", "\n", "\r\n", "a\n", " at b\n", "c\\\n", "secret=xyz ", "drop me\n", "ä€😀", "\xc0\x80", "\x00", "\uFEFF",
	"0123456789abcdef0123456789abcdef", strings.Repeat("x", 70), strings.Repeat("\x00", holeSize-1), strings.Repeat("\x00", holeSize)}

const criTime = "2016-10-06T00:17:09.669794202Z "

var cris = []string{criTime + "stdout F a\n", criTime + "stdout P b\n", criTime + "stderr F c\n", criTime + "stderr P d secret=x \n",
	criTime + "stdout P:x  at e\n", criTime + "stderr F  at f\n", criTime + "stdout F drop me\n", criTime + "stdout F\n", "not cri\n", "\n", "cut",
	criTime + "stdout P " + strings.Repeat("y", 60) + "\n", strings.Repeat("\x00", holeSize), criTime + "stdout F \xff\n"}

func dockers() []string {
	f := func(stream, log string) string {
		return fmt.Sprintf(`{"log":%q,"stream":%q,"time":"2016-10-06T00:17:09.669794202+02:00"}`+"\n", log, stream)
	}
	return []string{f("stdout", "a\n"), f("stdout", "b"), f("stderr", "c\n"), f("stderr", "d secret=x "), f("stdout", " at e\n"),
		f("stderr", "drop me\n"), f("stdout", "\u20ac\n"), "{\"log\":\n", "\n", "{", f("none", "x"), f("stdout", strings.Repeat("y", 60)+"\n")}
}

func subjects() []subject {
	rules := Config{Drop: []Rule{{Contains: "drop"}}, Mask: []Rule{{Matches: `secret=(\S+)`}, {Contains: "xyz"}}}
	multi := func(m Multiline) *Multiline { return &m }
	begins := multi(Multiline{Begins: `^\S`, MaxLines: 3, MaxBytes: 40})
	continues := multi(Multiline{Continues: `^\s`, MaxBytes: 200})
	escaped := multi(Multiline{Escaped: true, MaxLines: 4})
	all := []subject{
		{"plain", Config{}, texts, false}, {"rules", rules, texts, false}, {"latin-1", Config{Encoding: Latin1}, texts, false},
		{"begins", Config{Multiline: begins}, texts, false}, {"continues", Config{Multiline: continues}, texts, false},
		{"escaped", Config{Multiline: escaped}, texts, false},
		{"utf-16le", Config{Encoding: UTF16LE}, texts, true}, {"utf-16be", Config{Encoding: UTF16BE, Multiline: begins}, texts, true},
		{"utf-16 odd", Config{Encoding: UTF16LE, Multiline: continues}, texts, false},
		{"auto", Config{Multiline: escaped}, texts, true},
		{"cri", Config{Format: CRI}, cris, false}, {"cri begins", Config{Format: CRI, Multiline: begins}, cris, false},
		{"cri rules", Config{Format: CRI, Multiline: continues, Drop: rules.Drop, Mask: rules.Mask}, cris, false},
		{"docker", Config{Format: DockerJSON}, dockers(), false},
		{"docker escaped", Config{Format: DockerJSON, Multiline: escaped, Drop: rules.Drop, Mask: rules.Mask}, dockers(), false},
	}
	for i := range all {
		all[i].cfg.MaxLine = 50
	}
	return all
}

// content draws what a file holds.
func (s subject) content(t *rapid.T) []byte {
	text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(s.parts), rapid.IntRange(0, 30).Draw(t, "least"), 60).Draw(t, "parts"), "")
	if !s.wide {
		return []byte(text)
	}
	big := s.cfg.Encoding == UTF16BE
	if s.cfg.Encoding == "" {
		big = rapid.Bool().Draw(t, "big")
		text = bom + text
	}
	out := encode16(text, big)
	for range rapid.IntRange(0, 2).Draw(t, "broken") { // lone surrogates among others
		if len(out) > 4 {
			out[rapid.IntRange(2, len(out)-1).Draw(t, "where")] = 0xD8
		}
	}
	return out[:len(out)-min(len(out), rapid.IntRange(0, 1).Draw(t, "odd"))]
}

func encode16(text string, big bool) (out []byte) {
	for _, u := range utf16.Encode([]rune(text)) {
		low, high := byte(u), byte(u>>8)
		if big {
			low, high = high, low
		}
		out = append(out, low, high)
	}
	return out
}

// pieces feeds a content in pieces, some as holes, and lets time end what is held now and then. With giveUp all that is held
// goes now and then, wherever in a line that is.
func pieces(t *rapid.T, c *Compiled, content []byte, giveUp bool) *trace {
	var out trace
	r := New(c, 0, nil, nil)
	now := start
	for rest := content; len(rest) > 0; {
		n := rapid.OneOf(rapid.IntRange(1, 3), rapid.IntRange(1, 200), rapid.IntRange(1, 9000)).Draw(t, "n")
		b := slices.Clone(rest[:min(n, len(rest))])
		rest = rest[len(b):]
		feed := func() error { return r.Feed(b, now, &out) }
		if isZero(b) && rapid.Bool().Draw(t, "hole") {
			feed = func() error { return r.Hole(uint64(len(b)), now, &out) }
		}
		if err := feed(); err != nil {
			t.Fatal(err)
		}
		clear(b) // nothing may point into it
		now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(t, "wait"))
		if err := r.Expire(now, &out); err != nil {
			t.Fatal(err)
		}
		if giveUp && rapid.IntRange(0, 3).Draw(t, "give up") == 0 {
			if err := r.GiveUp(&out); err != nil {
				t.Fatal(err)
			}
			if r.Begin() != r.At() && r.enc != unknown {
				t.Fatalf("given up at %d, it holds what begins at %d", r.At(), r.Begin())
			}
		}
		if d := r.Deadline(); !d.IsZero() && !d.After(now) {
			t.Fatalf("deadline %v at %v", d, now)
		}
		at := uint64(0)
		for _, s := range out.ranges() {
			if s.first != at && s.first < r.Begin() {
				t.Fatalf("[%d,%d) is missing before %d", at, s.first, r.Begin())
			}
			at = s.end
		}
	}
	if err := r.End(&out); err != nil {
		t.Fatal(err)
	}
	return &out
}

// Any pieces give the same events; so does a restart at any end of a range, with the ends that time decided.
func TestLaw(t *testing.T) {
	t.Parallel()
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				c := compile(t, s.cfg)
				c.window = uint64(rapid.SampledFrom([]int{100, 400, window}).Draw(rt, "window"))
				content := s.content(rt)
				giveUp := rapid.Bool().Draw(rt, "give up")
				got := pieces(rt, c, content, giveUp)
				want := readAll(t, c, content, 0, got.cuts)
				same(t, "in pieces", got.steps, want.steps)
				want.whole(t, len(content))
				if !giveUp && want.skippedHoles() != holes(s, content) {
					t.Fatalf("%d bytes of holes, want %d", want.skippedHoles(), holes(s, content))
				}
				for range min(8, len(want.steps)) {
					known, cursor := want.confirmed(rt)
					from := known.resume(cursor)
					again := readAll(t, c, content, from, got.cuts)
					same(t, fmt.Sprintf("from %d for %d", from, cursor), again.steps, want.from(from))
					var g Groups // as it is after the restart, before the Reader comes to the group
					g.Joined(from, cursor+1)
					if got := g.Resume(cursor); got != from {
						t.Fatalf("after a restart %d, want %d", got, from)
					}
				}
			})
		})
	}
}

// confirmed draws how far a process came before it was killed, and what of that the receiver confirmed. It returns the
// steps until then, and the cursor: how far what was confirmed reaches without a gap.
func (t *trace) confirmed(rt *rapid.T) (known *trace, cursor uint64) {
	known = &trace{steps: t.steps[:rapid.IntRange(0, len(t.steps)).Draw(rt, "steps")]}
	lost := rapid.SliceOfN(rapid.IntRange(0, len(t.steps)), 0, 3).Draw(rt, "lost")
	var confirmed trace
	for i, s := range known.steps {
		if !slices.Contains(lost, i) {
			confirmed.steps = append(confirmed.steps, s)
		}
	}
	for _, s := range confirmed.ranges() {
		if s.first == cursor {
			cursor = s.end
		}
	}
	return known, cursor
}

func (t *trace) skippedHoles() (n int) {
	for _, s := range t.steps {
		if s.what == "skip" && s.text == string(SkipHole) {
			n += int(s.end - s.first)
		}
	}
	return n
}

// holes counts them the simple way, where lines are bytes.
func holes(s subject, content []byte) (n int) {
	if s.wide || s.cfg.Encoding == UTF16LE {
		return (&trace{steps: readAllQuiet(s, content)}).skippedHoles()
	}
	for _, line := range bytes.SplitAfter(content, []byte("\n")) {
		if nuls := len(line) - len(bytes.TrimLeft(line, "\x00")); nuls >= holeSize {
			n += nuls
		}
	}
	return n
}

func readAllQuiet(s subject, content []byte) []step {
	c, _ := Compile(s.cfg, []byte("key"))
	var out trace
	r := New(c, 0, nil, nil)
	_ = r.Feed(content, start, &out)
	_ = r.End(&out)
	return out.steps
}

// An error of the Sink stops the Reader; what a new one hands on from Begin is all that is missing.
func TestSinkFails(t *testing.T) {
	t.Parallel()
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				c := compile(t, s.cfg)
				content := s.content(rt)
				want := readAll(t, c, content, 0, nil)
				out := trace{limit: rapid.IntRange(1, len(want.steps)+1).Draw(rt, "limit")}
				r := New(c, 0, nil, nil)
				err := r.Feed(content, start, &out)
				if err == nil {
					err = r.End(&out)
				}
				if (err != nil) != (out.limit < len(want.steps)) || err != nil && (!errors.Is(err, errFull) || r.Feed([]byte("x"), start, &out) != err) {
					t.Fatalf("%d steps of %d: %v", out.limit, len(want.steps), err)
				}
				same(t, "before", out.steps, want.steps[:len(out.steps)])
				again := readAll(t, c, content, r.Begin(), nil)
				same(t, "after", again.steps, want.from(r.Begin()))
				for _, s := range want.steps[len(out.steps):] {
					if s.first < r.Begin() {
						t.Fatalf("%v was not handed on, and a new reader begins at %d", s, r.Begin())
					}
				}
			})
		})
	}
}
