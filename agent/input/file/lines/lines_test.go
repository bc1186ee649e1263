package lines

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/conf"
)

// show reads a content to its end and returns a line for each step.
func show(t *testing.T, cfg Config, content string) []string {
	t.Helper()
	var out []string
	for _, s := range readAll(t, compile(t, cfg), []byte(content), 0, nil).steps {
		out = append(out, strings.TrimSpace(s.String()))
	}
	return out
}

func want(t *testing.T, cfg Config, content string, steps ...string) {
	t.Helper()
	if got := show(t, cfg, content); !slices.Equal(got, steps) {
		t.Errorf("%+v %.100q\n got %s\nwant %s", cfg, content, strings.Join(got, "\n     "), strings.Join(steps, "\n     "))
	}
}

func TestPlain(t *testing.T) {
	f := func(content string, steps ...string) {
		t.Helper()
		want(t, Config{MaxLine: 16}, content, steps...)
	}
	f("")
	f("\n\r\na\x00b\x1b[31m\n",
		`event [0,1) "" raw= length=0 lines=1`, `event [1,3) "\r" raw= length=1 lines=1`,
		`event [3,12) "a\x00b\x1b[31m" raw= length=8 lines=1`)
	f("cr\ronly", `event [0,7) "cr\ronly" raw= length=7 lines=1 P`)
	f("C0 80: \xc0\x80\n", `event [0,10) "C0 80: \xc0\x80" raw=43302038303a20c080 length=9 lines=1 I`)
	f("0123456789abcdefg\nnext\n",
		`event [0,18) "0123456789abcdef" raw= length=17 lines=1 T`, `event [18,23) "next" raw= length=4 lines=1`)
	f("0123456789abcd€\nnext\n", // no half character
		`event [0,18) "0123456789abcd" raw= length=17 lines=1 T`, `event [18,23) "next" raw= length=4 lines=1`)
	f("\uFEFFbom\n\uFEFFbom\n", `event [0,7) "bom" raw= length=3 lines=1`, `event [7,14) "\ufeffbom" raw= length=6 lines=1`)
	f("\uFEFF", `skip [0,3) header`)
	f("\xff", `event [0,1) "\xff" raw=ff length=1 lines=1 PI`)
}

func TestHoles(t *testing.T) {
	f := func(cfg Config, content string, steps ...string) {
		t.Helper()
		cfg.MaxLine = 16
		want(t, cfg, content, steps...)
	}
	few, many := strings.Repeat("\x00", holeSize-1), strings.Repeat("\x00", holeSize)
	f(Config{}, many+"a\n", `skip [0,4096) hole`, `event [4096,4098) "a" raw= length=1 lines=1`)
	f(Config{}, "x\n"+many, `event [0,2) "x" raw= length=1 lines=1`, `skip [2,4098) hole`)
	f(Config{}, few+"a\n", `event [0,4097) "`+strings.Repeat(`\x00`, 16)+`" raw= length=4096 lines=1 T`)
	f(Config{}, "a"+many+"\n", `event [0,4098) "a`+strings.Repeat(`\x00`, 15)+`" raw= length=4097 lines=1 T`)
	f(Config{Encoding: UTF16BE}, many+"\x00a\x00\n", `skip [0,4096) hole`, `event [4096,4100) "a" raw= length=1 lines=1`)
	f(Config{Multiline: &Multiline{Begins: "^a"}}, "a\nb\n"+many+"c\n",
		`event [0,4) "a\nb" raw= length=3 lines=2`, `skip [4,4100) hole`, `event [4100,4102) "c" raw= length=1 lines=1 S`)
}

// A hole that nobody read is as good as its bytes.
func TestHoleInALine(t *testing.T) {
	for _, encoding := range []string{UTF8, Latin1, UTF16LE} {
		var out trace
		r := New(compile(t, Config{MaxLine: 16, Encoding: encoding}), 0, nil, nil)
		err := errors.Join(r.Feed([]byte("a\x00"), start, &out), r.Hole(1<<40, start, &out), r.Feed([]byte("\n\x00"), start, &out))
		want := "a" + strings.Repeat("\x00", 15)
		if err != nil || len(out.texts) != 1 || out.texts[0] != want {
			t.Errorf("%s: %q, %v", encoding, out.texts, err)
		}
	}
}

func TestEncodings(t *testing.T) {
	f := func(encoding, content string, steps ...string) {
		t.Helper()
		want(t, Config{Encoding: encoding, MaxLine: 16}, content, steps...)
	}
	wide := func(s string, big bool) string { return string(encode16(s, big)) }
	f(Latin1, "caf\xe9\n", `event [0,5) "café" raw= length=5 lines=1`)
	f(Latin1, "0123456789abcde\xe9\n", `event [0,17) "0123456789abcde" raw= length=17 lines=1 T`)
	f(UTF16LE, wide("Ċ\n😀\r\n", false), `event [0,4) "Ċ" raw= length=2 lines=1`, `event [4,12) "😀\r" raw= length=5 lines=1`)
	f(UTF16BE, wide("Ċ\n", true), `event [0,4) "Ċ" raw= length=2 lines=1`)
	f(Auto, wide("\uFEFFa\n\uFEFFb", false), `event [0,6) "a" raw= length=1 lines=1`, `event [6,10) "\ufeffb" raw= length=4 lines=1 P`)
	f(Auto, wide("\uFEFFa\n", true), `event [0,6) "a" raw= length=1 lines=1`)
	f(Auto, wide("\uFEFF", true), `skip [0,2) header`)
	f(UTF8, wide("\uFEFFa\n", false), `event [0,5) "\xff\xfea\x00" raw=fffe6100 length=4 lines=1 I`, `event [5,6) "\x00" raw= length=1 lines=1 P`)
	f(UTF16LE, "\x00\xd8a\x00\n\x00", `event [0,6) "�a" raw=00d86100 length=4 lines=1 I`) // a high surrogate before another character,
	f(UTF16LE, "a\x00\x00\xdc\n\x00", `event [0,6) "a�" raw=610000dc length=4 lines=1 I`) // a low one,
	f(UTF16LE, "\x00\xd8\n\x00", `event [0,4) "�" raw=00d8 length=3 lines=1 I`)           // one before a line end,
	f(UTF16LE, "\x00\xd8\x00\xd8\x00\xdc\n\x00", `event [0,8) "�𐀀" raw=00d800d800dc length=7 lines=1 I`)
	f(UTF16LE, "a\x00b", `event [0,3) "a�" raw=610062 length=4 lines=1 PI`) // and half a unit
	f(UTF16LE, wide(strings.Repeat("😀", 9), false)+"\n\x00", `event [0,38) "😀😀😀😀" raw= length=36 lines=1 T`)
}

func TestMultiline(t *testing.T) {
	f := func(m Multiline, content string, steps ...string) {
		t.Helper()
		m.MaxLines = 3
		want(t, Config{Multiline: &m, MaxLine: 16}, content, steps...)
	}
	begins, continues := Multiline{Begins: `^\S`}, Multiline{Continues: `^\s+at .*x$`}
	f(begins, "a\n b\nc\n", `event [0,5) "a\n b" raw= length=4 lines=2`, `event [5,7) "c" raw= length=1 lines=1`)
	f(begins, " b\nc\n", `event [0,3) " b" raw= length=2 lines=1 S`, `event [3,5) "c" raw= length=1 lines=1`)
	f(begins, "a\n b\n c\n d\ne\n", `event [0,8) "a\n b\n c" raw= length=7 lines=3 S`,
		`event [8,11) " d" raw= length=2 lines=1 S`, `event [11,13) "e" raw= length=1 lines=1`)
	f(begins, "01234567\n 0123456\nb\n", `event [0,9) "01234567" raw= length=8 lines=1 S`,
		`event [9,18) " 0123456" raw= length=8 lines=1 S`, `event [18,20) "b" raw= length=1 lines=1`)
	f(continues, "a\r\n at x\r\nb", `event [0,10) "a\r\n at x\r" raw= length=9 lines=2`, `event [10,11) "b" raw= length=1 lines=1 P`)
	escaped := Multiline{Escaped: true}
	f(escaped, "a\\\nb\\\r\nc\nd\n", `event [0,9) "a\\\nb\\\r\nc" raw= length=8 lines=3`, `event [9,11) "d" raw= length=1 lines=1`)
	f(escaped, "a\\\nb\\\nc\\\nd\n", `event [0,9) "a\\\nb\\\nc\\" raw= length=8 lines=3 S`, `event [9,11) "d" raw= length=1 lines=1`)
	f(escaped, "0123456789abcdefghi\\j\nx\n", `event [0,22) "0123456789abcdef" raw= length=21 lines=1 T`, `event [22,24) "x" raw= length=1 lines=1`)
	f(escaped, "a\\", `event [0,2) "a\\" raw= length=2 lines=1 P`)
	wide := string(encode16("a\n \xff\n", false))
	wide = strings.Replace(wide, "\xfd\xff", "\x00\xd8", 1)
	want(t, Config{Multiline: &begins, Encoding: UTF16LE}, wide, `event [0,10) "a\n �" raw=61000a00200000d8 length=6 lines=2 I`)
}

// More than max_line may be joined, but a line that is cut stands alone.
func TestMultilineOfLongLines(t *testing.T) {
	cfg := Config{MaxLine: 16, Multiline: &Multiline{Begins: `^\S`, MaxBytes: 40}}
	want(t, cfg, "0123456789\n 123456789\n 123456789\nb\n",
		`event [0,33) "0123456789\n 123456789\n 123456789" raw= length=32 lines=3`, `event [33,35) "b" raw= length=1 lines=1`)
	want(t, cfg, "a\n 0123456789abcdefg\n b\n", `event [0,2) "a" raw= length=1 lines=1 S`,
		`event [2,21) " 0123456789abcde" raw= length=18 lines=1 TS`, `event [21,24) " b" raw= length=2 lines=1 S`)
}

func TestTimeout(t *testing.T) {
	c := compile(t, Config{Multiline: &Multiline{Begins: `^\S`, Timeout: conf.Duration(3 * time.Second)}})
	var out trace
	r := New(c, 0, nil, nil)
	feed := func(text string, at time.Duration) {
		if err := r.Feed([]byte(text), start.Add(at), &out); err != nil {
			t.Fatal(err)
		}
	}
	expire := func(at time.Duration, begin uint64, texts ...string) {
		t.Helper()
		if err := r.Expire(start.Add(at), &out); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out.texts, texts) || r.Begin() != begin {
			t.Errorf("after %v: %q, and begin %d; want %q and %d", at, out.texts, r.Begin(), texts, begin)
		}
	}
	if !r.Deadline().IsZero() {
		t.Error("a deadline, and nothing is held")
	}
	feed("a\n b\n", 0)
	feed(" half", time.Second)
	expire(2*time.Second, 0)
	expire(3*time.Second, 5, "a\n b")
	expire(time.Hour, 5, "a\n b") // the half line waits for its end
	feed(" c\nd\n", time.Hour)
	expire(time.Hour, 13, "a\n b", " half c")
	if !slices.Equal(out.cuts, []uint64{5}) {
		t.Errorf("cuts %d, want 5", out.cuts)
	}
	again := readAll(t, c, []byte("a\n b\n half c\nd\n"), 0, out.cuts)
	if !slices.Equal(again.texts, []string{"a\n b", " half c", "d"}) {
		t.Errorf("read again: %q", again.texts)
	}
}

// The bytes of a line that has no end are counted, not kept; what holds nothing has no buffer.
func TestMemory(t *testing.T) {
	const mib = 1 << 20
	for _, cfg := range []Config{{}, {Encoding: Latin1}, {Encoding: UTF16LE}, {Mask: []Rule{{Contains: "xy"}}}, {Format: CRI}, {Format: DockerJSON}} {
		var out trace
		r := New(compile(t, cfg), 0, nil, nil)
		b := bytes.Repeat([]byte("x\xd8"), mib/2)
		for range 32 {
			if err := r.Feed(b, start, &out); err != nil {
				t.Fatal(err)
			}
			if r.Held() > mib {
				t.Fatalf("%+v: %d bytes are held of %d", cfg, r.Held(), r.At())
			}
		}
		if err := r.Hole(1<<40, start, &out); err != nil {
			t.Fatal(err)
		}
		if err := r.Feed([]byte("\n\x00a\x00\n\x00"), start, &out); err != nil {
			t.Fatal(err)
		}
		if err := r.End(&out); err != nil || r.Held() > 4*smallBuffer {
			t.Errorf("%+v: %d bytes are held at the end, %v", cfg, r.Held(), err)
		}
		if len(out.steps) < 2 || out.steps[0].end < 1<<40 {
			t.Errorf("%+v: %.200v", cfg, out.steps)
		}
	}
}
