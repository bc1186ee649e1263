package parse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"belfry/shared/event"
)

// events runs Lines over a text and decodes what it wrote.
func events(t *testing.T, r io.Reader, opts Options) ([]*event.Event, error) {
	t.Helper()
	if opts.Received.IsZero() {
		opts.Received = readAt
	}
	var out bytes.Buffer
	err := Lines(r, &out, opts)
	var all []*event.Event
	var d event.Decoder
	for line := range strings.Lines(out.String()) {
		e, err := d.Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all, err
}

func TestLines(t *testing.T) {
	f := func(text string, opts Options, want ...string) {
		t.Helper()
		all, err := events(t, iotest.OneByteReader(strings.NewReader(text)), opts)
		if err != nil || len(all) != 1 {
			t.Fatalf("%q: %d events, %v", text, len(all), err)
		}
		check(t, all[0], want...)
	}
	const line = "Nov 23 17:54:31 sshd[1]: Accepted password for averez from 192.0.2.7 port 4 ssh2"
	f(line, Options{Host: "web01"}, "event.original="+line, "host.name=web01", "event.action=ssh-login-attempt",
		"@timestamp=2026-11-23T17:54:31Z", "event.created=2026-11-23T18:54:31Z", "event.timezone=UTC", "-tags",
		"-log.original_length")
	f(line+"\n", Options{}, "event.original="+line, "-host.name")
	f(line+"\r\n", Options{}, "event.original="+line)
	f("Nov 23 17:54:31 vm x: y", Options{Host: "web01"}, "host.name=vm")
	f("Nov 23 17:54:31 vm x: y", Options{TZ: "Europe/Prague"}, "@timestamp=2026-11-23T16:54:31Z",
		"event.timezone=Europe/Prague")
	f("Nov 23 17:54:31 vm x: y", Options{Received: time.Date(2019, 11, 24, 0, 0, 0, 0, time.UTC)},
		"@timestamp=2019-11-23T17:54:31Z")
	f("Nov 23 1994 17:54:31 vm x: y", Options{}, "@timestamp=1994-11-23T17:54:31Z",
		"-tags") // an archive may be as old as it likes
	// Bytes that are no text are kept beside.
	f("caf\xe9 \xff\n", Options{}, "event.original=caf\uFFFD \uFFFD", "labels.raw_base64=Y2Fm6SD/", "tags=invalid_utf8")
	// A line that is too long is cut.
	long := strings.Repeat("0123456789abcdef", maxLine/16+1)
	f(long, Options{}, "event.original="+long[:maxLine], fmt.Sprintf("log.original_length=%d", len(long)),
		"tags=truncated")
	f(long[:maxLine]+"\n", Options{}, "event.original="+long[:maxLine], "-log.original_length", "-tags")
}

// Each line is one object, in the order of the lines, whatever is between them.
func TestLinesOrder(t *testing.T) {
	var in strings.Builder
	var want []string
	for i := range 1000 {
		line := fmt.Sprintf("line %d", i)
		switch i % 100 {
		case 50:
			line = strings.Repeat("x", maxLine+i)
		case 51:
			line = ""
		}
		want = append(want, line[:min(len(line), maxLine)])
		fmt.Fprintln(&in, line)
	}
	all, err := events(t, strings.NewReader(in.String()), Options{})
	if err != nil || len(all) != len(want) {
		t.Fatalf("%d events, want %d: %v", len(all), len(want), err)
	}
	ids := map[string]bool{}
	for i, e := range all {
		if e.Get("event.original") != want[i] {
			t.Fatalf("line %d: %.100q, want %.100q", i, e.Get("event.original"), want[i])
		}
		ids[e.Get("event.id")] = true
	}
	if len(ids) != len(want) {
		t.Errorf("%d ids, want %d", len(ids), len(want))
	}
}

// Lines joins what spans lines, and what was read before an error is written.
func TestLinesError(t *testing.T) {
	broken := errors.New("broken")
	in := io.MultiReader(strings.NewReader("Nov 23 17:54:31 vm a: b\nNov 23 17:54:31 vm a: c"),
		iotest.ErrReader(broken))
	all, err := events(t, in, Options{})
	if !errors.Is(err, broken) || len(all) != 2 {
		t.Errorf("%d events, %v", len(all), err)
	}
	if _, err := events(t, strings.NewReader(""),
		Options{TZ: "No/Where"}); err == nil || !strings.HasPrefix(err.Error(), "time zone: ") {
		t.Errorf("unknown zone: %v", err)
	}
	if err := Lines(strings.NewReader("x\n"), fullDisk{}, Options{}); !errors.Is(err, errFull) {
		t.Errorf("full disk: %v", err)
	}
	if all, err := events(t, strings.NewReader(""), Options{}); err != nil || len(all) != 0 {
		t.Errorf("nothing: %d events, %v", len(all), err)
	}
}

// A line is written before the next one is waited for, be it that a part of that is there, or that it is shorter than what
// an entry of the journal begins with.
func TestLinesAtOnce(t *testing.T) {
	for _, first := range []string{"a\n", "a\nhalf", "__CURSOR\nhalf", "__REALTIME\n", "Nov 23 17:54:31 vm a: b\nhalf"} {
		var out bytes.Buffer
		reads := 0
		in := readerFunc(func(p []byte) (int, error) {
			switch reads++; reads {
			case 1:
				return copy(p, first), nil
			case 2:
				if bytes.Count(out.Bytes(), []byte("\n")) != 1 {
					t.Errorf("%q: what is written is %q", first, out.String())
				}
				return copy(p, "rest of it, and more\n"), nil
			}
			return 0, io.EOF
		})
		if err := Lines(in, &out, Options{}); err != nil || bytes.Count(out.Bytes(), []byte("\n")) != 2 {
			t.Errorf("%q: %v, %q", first, err, out.String())
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }
