package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"belfry/shared/event"
)

const (
	seriesA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	seriesB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	boot1   = "11111111111111111111111111111111"
)

// cursorOf writes a cursor as journalctl does. The time is the number, in seconds.
func cursorOf(series string, number uint64) string {
	return fmt.Sprintf("s=%s;i=%x;b=%s;m=%x;t=%x;x=8d147012f2924ba3", series, number, boot1, number*1e6, 1790000000e6+number*1e6)
}

// export writes an entry as journalctl does: fields are KEY=VALUE, those with a line end or a NUL in the binary form.
func export(series string, number uint64, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "__CURSOR=%s\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n",
		cursorOf(series, number), 1790000000_000_000+number*1_000_000, number*1_000_000, boot1)
	for _, f := range fields {
		b.WriteString(exportField(f))
	}
	return b.String() + "\n"
}

func exportField(f string) string {
	name, value, _ := strings.Cut(f, "=")
	if !strings.ContainsAny(value, "\n\x00") && utf8.ValidString(value) {
		return f + "\n"
	}
	return name + "\n" + string(binary.LittleEndian.AppendUint64(nil, uint64(len(value)))) + value + "\n"
}

// tell puts what a decoder reads into words: number, message, and what else there is.
func tell(d *decoder) (all []string, err error) {
	var e entry
	for {
		if err = d.next(&e); err != nil {
			return all, err
		}
		s := fmt.Sprintf("%d %.40q", e.at.number, e.get(message))
		if e.length > len(e.get(message)) {
			s += fmt.Sprintf(" of %d", e.length)
		}
		for _, m := range e.more {
			s += fmt.Sprintf(" %s=%.20q", e.bytes(m.name), e.bytes(m.value))
		}
		if e.cut {
			s += " cut"
		}
		if e.damaged {
			s += " damaged"
		}
		all = append(all, s)
	}
}

func TestDecode(t *testing.T) {
	f := func(text, end string, want ...string) {
		t.Helper()
		for name, src := range map[string]io.Reader{"whole": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text))} {
			got, err := tell(newDecoder(src, 100))
			if fmt.Sprint(err) != end || strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s: %.200q:\ngot  %q, %v\nwant %q, %s", name, text, got, err, want, end)
			}
		}
	}
	one, two := export(seriesA, 1, "MESSAGE=one"), export(seriesA, 2, "MESSAGE=two")
	f("", "EOF")
	f(one+two, "EOF", `1 "one"`, `2 "two"`)
	f("\n\n"+one+"\n"+two, "EOF", `1 "one"`, `2 "two"`)
	f(export(seriesA, 255, "MESSAGE=a=b", "EMPTY=", "CODE_LINE=7"), "EOF", `255 "a=b" EMPTY="" CODE_LINE="7"`)
	f(export(seriesA, 1, "MESSAGE=a\nb\x00c\n", "BIN=\n\n__CURSOR=x\n\n"), "EOF", `1 "a\nb\x00c\n" BIN="\n\n__CURSOR=x\n\n"`)
	f(export(seriesA, 1, "MESSAGE=\xff"), "EOF", `1 "\xff"`)
	f(export(seriesA, 1, "MESSAGE="+strings.Repeat("x", 200_000))+two, "EOF", `1 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" of 200000`, `2 "two"`)
	f(export(seriesA, 1, "MESSAGE=\n"+strings.Repeat("x", 200_000))+two, "EOF", `1 "\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" of 200001`, `2 "two"`)
	f(export(seriesA, 1, "A=1", "A=2", "MESSAGE=m", "MESSAGE=n"), "EOF", `1 "m" A="1" A="2" cut`)
	f(export(seriesA, 1, "B="+strings.Repeat("b", 1024)), "EOF", `1 "" B="bbbbbbbbbbbbbbbbbbbb"`)
	f(export(seriesA, 1, "B="+strings.Repeat("b", 1025)), "EOF", `1 "" B="bbbbbbbbbbbbbbbbbbbb" cut`)
	f(export(seriesA, 1, "_CMDLINE="+strings.Repeat("b", 4097)), "EOF", `1 "" cut`)
	f(export(seriesA, 1, strings.Repeat("N", 65)+"=1"), "EOF", `1 "" cut`)
	// one that cannot be read ends without an empty line
	f(strings.TrimSuffix(one, "\n")+two, "EOF", `1 "one" damaged`, `2 "two"`)
	// what ends in the middle
	f(one+two[:len(two)-1], "unexpected EOF", `1 "one"`)
	f(one+"__CUR", "unexpected EOF", `1 "one"`)
	f(one+two[:len(two)-4], "unexpected EOF", `1 "one"`)
	f(one+"__CURSOR="+cursorOf(seriesA, 2)+"\nMESSAGE\n\x05\x00\x00", "unexpected EOF", `1 "one"`)
	f(one+"__CURSOR="+cursorOf(seriesA, 2)+"\nMESSAGE\n\x05\x00\x00\x00\x00\x00\x00\x00abcde", "unexpected EOF", `1 "one"`)
	// what is not of the format
	at := len(one)
	f(one+"-- Boot 1 --\n", fmt.Sprintf(`byte %d: '-' is no part of a field's name`, at), `1 "one"`)
	f(one+strings.Repeat("N", 257), fmt.Sprintf(`byte %d: a field's name of more than 256 bytes`, at), `1 "one"`)
	f(one+"=x\n\n", fmt.Sprintf(`byte %d: a field without a name`, at), `1 "one"`)
	f(one+"MESSAGE=x\n\n", fmt.Sprintf(`byte %d: an entry without a cursor`, at+10), `1 "one"`)
	f("MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff", `byte 8: a field of 18446744073709551615 bytes`)
	f("MESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00ab", `byte 17: no line end behind a value of 1 bytes`)
	f("__CURSOR=x\n", `byte 11: "x": not a cursor`)
	f("__CURSOR=s="+seriesA+";i=0;b="+boot1+"\n", `byte 83: "s=`+seriesA+`;i=0;b=`+boot1+`": not a cursor`)
}

// More fields than are kept cost nothing.
func TestManyFields(t *testing.T) {
	fields := []string{"MESSAGE=m"}
	for i := range 50_000 {
		fields = append(fields, fmt.Sprintf("F%d=%d", i, i))
	}
	var e entry
	if err := newDecoder(strings.NewReader(export(seriesA, 1, fields...)), 100).next(&e); err != nil {
		t.Fatal(err)
	}
	if len(e.more) != maxFields || !e.cut || len(e.buf) > 1000 {
		t.Errorf("%d fields in %d bytes, cut %v", len(e.more), len(e.buf), e.cut)
	}
}

func TestCursor(t *testing.T) {
	f := func(text string, want string) {
		t.Helper()
		p, err := parseCursor([]byte(text))
		if err != nil && want != "" || err == nil && p.String() != want {
			t.Errorf("%s: %s, %v, want %s", text, p, err, want)
		}
	}
	whole := "s=" + seriesA + ";i=1f;b=" + boot1 + ";m=3e9;t=65bfeda25e3e8"
	f(whole+";x=8d147012f2924ba3", whole)
	f(whole+";x=1;z=9", whole)
	f("s="+seriesA+";i=1f", "")
	f("s="+seriesA+";b="+boot1, "")
	f("s="+seriesA[:31]+";i=1;b="+boot1, "")
	f("s="+seriesA+";i=1g;b="+boot1, "")
	f("s="+seriesA+";i=11111111111111111;b="+boot1, "")
	f("s="+seriesA+";i=ffffffffffffffff;b="+boot1, "")
	f("", "")
	p, err := parseCursor([]byte(whole))
	if got, want := p.cursor(), "s="+seriesA+";i=1f;b="+boot1+";m=0;t=65bfed6925ce8"; err != nil || got != want {
		t.Errorf("begins at %s, want %s", got, want)
	}
}

// Whatever comes, and in whatever pieces: nothing panics, the same is read, memory is bounded, and events are JSON.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(export(seriesA, 1, "MESSAGE=one", "PRIORITY=3")+export(seriesA, 2, "MESSAGE=a\nb", "_PID=7", "X=1", "X=2")), 7)
	f.Add([]byte("__CURSOR="+cursorOf(seriesA, 1)+"\n"+export(seriesB, 2, "MESSAGE=\xff\x00")), 1)
	f.Add([]byte("-- Boot --\n"), 100)
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		whole, end := tell(newDecoder(bytes.NewReader(text), 100))
		d := newDecoder(&pieces{text, max(1, min(piece, 1000))}, 100)
		parts, end2 := tell(d)
		if strings.Join(whole, "\n") != strings.Join(parts, "\n") || end.Error() != end2.Error() {
			t.Errorf("whole: %q, %v; in pieces: %q, %v", whole, end, parts, end2)
		}
		var bad *malformedError
		if errors.As(end, &bad) && bad.at > int64(len(text)) {
			t.Errorf("%v, but there are %d bytes", end, len(text))
		}
		c := newEncoder(Source{Host: "h"}, event.Key{}, false)
		d = newDecoder(bytes.NewReader(text), 100)
		for e := new(entry); d.next(e) == nil; {
			if most := maxFields*(maxCustom+maxCustomName) + int(fields)*maxKnown; len(e.buf) > most {
				t.Errorf("%d bytes of memory, at most %d", len(e.buf), most)
			}
			if line := c.encode(e, 1, time.Time{}, false); !json.Valid(line) {
				t.Errorf("not JSON: %s", line)
			}
		}
	})
}

// pieces gives a text in pieces.
type pieces struct {
	text []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.text)
	p.text = p.text[n:]
	return n, nil
}
