package syslog

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// chunks reads in pieces of a given size.
type chunks struct {
	r    io.Reader
	size int
}

func (c chunks) Read(b []byte) (int, error) { return c.r.Read(b[:min(c.size, len(b))]) }

type framed struct {
	text     string
	original int
}

// frames cuts a stream that comes from r.
func frames(r io.Reader, most int) (all []framed, empty int, err error) {
	f := framer{max: most, empty: func() { empty++ }}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64), 64) // messages longer than the buffer are the rule
	s.Split(f.split)
	for s.Scan() {
		all = append(all, framed{s.Text(), f.original})
	}
	return all, empty, s.Err()
}

func TestFraming(t *testing.T) {
	f := func(in string, want ...string) {
		t.Helper()
		for _, size := range []int{1, 2, 3, 7, 1000} {
			all, _, err := frames(chunks{strings.NewReader(in), size}, 20)
			var got []string
			for _, m := range all {
				text := m.text
				if m.original != len(m.text) {
					text += fmt.Sprintf(" of %d", m.original)
				}
				got = append(got, text)
			}
			if !slices.Equal(got, want) || err != nil {
				t.Errorf("%q in pieces of %d: %q, %v; want %q", in, size, got, err, want)
			}
		}
	}
	f("")
	f("\n\n\x00\r\n \n")
	f("<1>a\r\n<2>b\n", "<1>a", "<2>b")
	f("<1>a\x00<2>b\n<3>c", "<1>a", "<2>b", "<3>c")
	f("4 <1>a4 <2>b", "<1>a", "<2>b")
	f("4 <1>a\n4 <2>b\n", "<1>a", "<2>b")
	f("5 <1>a\n5 <2>b\n", "<1>a", "<2>b")
	f("4 <1>a<2>line\n4 <3>c", "<1>a", "<2>line", "<3>c")
	f("7 <1>\n\n\n\n<2>x\n", "<1>", "<2>x")
	f("8 <1>a\n\n\nb<2>x\n", "<1>a\n\n\nb", "<2>x")
	f("3 <1>3 <2>", "<1>", "<2>")
	// No count, however much it looks like one.
	f("2026 was a year\n", "2026 was a year")
	f("10 <b>bold</b>\n", "10 <b>bold</b>")
	f("5 <192>x\n", "5 <192>x")
	f("5 <>xx\n", "5 <>xx")
	f("5 <1234>x\n", "5 <1234>x")
	f("2 <1>xx\n", "2 <1>xx")
	f("1048577 <1>xx\n", "1048577 <1>xx")
	f("99999999999 <1>x\n<2>y\n", "99999999999 <1>x", "<2>y")
	f("9223372036854775806 x\n<2>y\n", "9223372036854775806  of 21", "<2>y")
	f("-5 xx\n", "-5 xx")
	f("012 <1>x\n", "012 <1>x")
	f("0 <1>x\n", "0 <1>x")
	f("12", "12")
	f("12 <", "12 <")
	// A count that is too small costs no bytes, and lasts until the next line end.
	f("6 <1>abcdef\n4 <2>b", "<1>abc", "def", "<2>b")
	// Long ones.
	f("30 <1>"+strings.Repeat("x", 27)+"<2>y\n", "<1>"+strings.Repeat("x", 17)+" of 30", "<2>y")
	f(strings.Repeat("z", 50)+"\n<2>y\n", strings.Repeat("z", 20)+" of 50", "<2>y")
	f(strings.Repeat("z", 300), strings.Repeat("z", 20)+" of 300")
	f("<1>"+strings.Repeat("z", 17)+"\n<2>y\n", "<1>"+strings.Repeat("z", 17), "<2>y")
	f("<1>"+strings.Repeat("z", 16)+"é\n", "<1>"+strings.Repeat("z", 16)+" of 21")
	f(strings.Repeat(" ", 21)+"x\n", strings.Repeat(" ", 20)+" of 22")
	f(strings.Repeat(" ", 20) + "\n")
	f("100 <1>cut short", "<1>cut short of 100")
}

func TestEmptyMessagesAreCounted(t *testing.T) {
	f := func(in string, want int) {
		t.Helper()
		if _, got, _ := frames(strings.NewReader(in), 20); got != want {
			t.Errorf("%q: %d empty, want %d", in, got, want)
		}
	}
	f("", 0)
	f("\n\x00", 2)
	f("<1>a\n\n<2>b\n", 1)
	f("4 <1>a\n4 <2>b\n", 0) // the line end that some senders put behind a count
	f("4 <1>a\n\n4 <2>b\n", 1)
	f(" \r\n<1>a\n", 1)
}

// The framer gives back a buffer that grew: a thousand quiet connections must not hold 64 KiB each.
func TestLongMessagesLeaveNoMemory(t *testing.T) {
	f := framer{max: maxMessage, empty: func() {}}
	s := bufio.NewScanner(strings.NewReader("<1>" + strings.Repeat("x", maxMessage) + "\n<2>y\n<3>z"))
	s.Buffer(make([]byte, readSmall), readSmall)
	s.Split(f.split)
	for s.Scan() {
		if f.original > maxMessage != (cap(f.head) > readSmall) {
			t.Errorf("after a message of %d bytes: holds %d", f.original, cap(f.head))
		}
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

// What is framed comes out as it was, however framings mix and wherever reads cut.
func TestFramingRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	for range 300 {
		var stream bytes.Buffer
		var want []framed
		for range random.IntN(20) {
			m := fmt.Sprintf("<%d>%s!", random.IntN(192), strings.Repeat("é 1 <", random.IntN(30)))
			switch random.IntN(3) {
			case 0:
				fmt.Fprintf(&stream, "%d %s", len(m), m)
			case 1:
				stream.WriteString(m + "\n")
			case 2:
				stream.WriteString(m + "\x00")
			}
			want = append(want, framed{m, len(m)})
		}
		got, _, err := frames(chunks{&stream, 1 + random.IntN(90)}, 1000)
		if !slices.Equal(got, want) || err != nil {
			t.Fatalf("got %v, %v\nwant %v", got, err, want)
		}
	}
}

// Whatever comes, and in whatever pieces: no panic, the same messages, none empty or over the limit, none from nowhere.
func FuzzFramer(f *testing.F) {
	for _, s := range []string{"<1>a\n", "4 <1>a", "9999999 <", "1 ", "\x00\x00", "30 <1>xxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "<34>",
		"-5 xx", "9223372036854775806 x", "5 <1>a\n\n5 <1>é"} {
		f.Add([]byte(s), uint8(3))
	}
	const most = 20
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		whole, empty, err := frames(bytes.NewReader(in), most)
		pieces, emptyToo, errToo := frames(chunks{bytes.NewReader(in), int(size) + 1}, most)
		if err != nil || errToo != nil {
			t.Fatalf("%v, %v", err, errToo)
		}
		if !slices.Equal(whole, pieces) || empty != emptyToo {
			t.Fatalf("at once %v and %d empty, in pieces %v and %d", whole, empty, pieces, emptyToo)
		}
		broken, _, _ := frames(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(in))), most)
		if len(broken) > 1 {
			t.Fatalf("one byte made %v", broken)
		}
		rest := in
		for _, m := range whole {
			if len(m.text) == 0 || len(m.text) > most || m.original < len(m.text) {
				t.Fatalf("message %q of %d", m.text, m.original)
			}
			i := bytes.Index(rest, []byte(m.text))
			if i < 0 {
				t.Fatalf("%q is not in what is left, %q", m.text, rest)
			}
			rest = rest[i+len(m.text):]
			if utf8.Valid(in) && m.original > len(m.text) && !utf8.ValidString(m.text) && !bytes.ContainsAny(in, "123456789") {
				t.Fatalf("%q: a character was cut", m.text)
			}
		}
	})
}

func BenchmarkFramer(b *testing.B) {
	line := "<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed for lonvick on /dev/pts/8\n"
	f := func(name, frame string) {
		b.Run(name, func(b *testing.B) {
			block := []byte(strings.Repeat(frame, 1000))
			b.SetBytes(int64(len(block)))
			for b.Loop() {
				f := framer{max: defaultMessage, empty: func() {}}
				s := bufio.NewScanner(bytes.NewReader(block))
				s.Buffer(make([]byte, readSmall), readSmall)
				s.Split(f.split)
				for s.Scan() {
				}
			}
			b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "messages/s")
		})
	}
	f("lines", line)
	f("counted", fmt.Sprintf("%d %s", len(line), line))
}
