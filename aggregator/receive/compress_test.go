package receive

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// packers compress, by the name of the encoding; what is behind a + is how it is written.
var packers = map[string]func(io.Writer) io.WriteCloser{
	"gzip":        func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate":     func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"deflate+raw": func(w io.Writer) io.WriteCloser { p, _ := flate.NewWriter(w, 6); return p },
	"zstd":        func(w io.Writer) io.WriteCloser { p, _ := zstd.NewWriter(w, zstd.WithWindowSize(1<<20)); return p },
	"zstd+wide": func(w io.Writer) io.WriteCloser {
		p, _ := zstd.NewWriter(w, zstd.WithWindowSize(2*maxWindow))
		return p
	},
}

func pack(t testing.TB, how string, text []byte) (body []byte, encoding string) {
	t.Helper()
	var b bytes.Buffer
	w := packers[how](&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	encoding, _, _ = strings.Cut(how, "+")
	return b.Bytes(), encoding
}

func TestUnpack(t *testing.T) {
	text := []byte(strings.Repeat(`{"message":"x"}`+"\n", 10_000))
	for how := range packers {
		if how == "zstd+wide" {
			continue
		}
		body, encoding := pack(t, how, text)
		if got, err := Unpack(body, strings.ToUpper(encoding)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes, %v", how, len(got), err)
		}
		if encoding != "deflate" { // which has no mark of its own
			if got, err := Unpack(body, ""); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s, not declared: %d bytes, %v", how, len(got), err)
			}
		}
		if got, err := Unpack(body[:len(body)-3], encoding); err == nil {
			t.Errorf("%s, cut off: %d bytes", how, len(got))
		}
		if got, err := Unpack([]byte("{}"), encoding); err == nil {
			t.Errorf("no %s: %q", how, got)
		}
	}
	for _, encoding := range []string{"", "identity", "none"} {
		if got, err := Unpack([]byte("{}"), encoding); err != nil || string(got) != "{}" {
			t.Errorf("%q: %q, %v", encoding, got, err)
		}
	}
	for _, encoding := range []string{"br", "gzip, gzip", "utf-8"} {
		if _, err := Unpack([]byte("{}"), encoding); !errors.Is(err, ErrEncoding) {
			t.Errorf("%q: %v", encoding, err)
		}
	}
}

// A small body that would fill the memory is cut off, and has not taken much of it.
func TestBombs(t *testing.T) {
	text := make([]byte, MaxText+1)
	for how := range packers {
		body, encoding := pack(t, how, text)
		if _, err := Unpack(body, encoding); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %d bytes: %v", how, len(body), err)
		}
		body, _ = pack(t, how, text[:MaxText])
		got, err := Unpack(body, encoding)
		if wide := errors.Is(err, errWindow); wide != (how == "zstd+wide") || !wide && (err != nil || len(got) != MaxText) {
			t.Errorf("%s: as much as may be: %d bytes, %v", how, len(got), err)
		}
	}
	if _, err := Unpack(text, ""); !errors.Is(err, ErrTooLarge) {
		t.Errorf("not compressed: %v", err)
	}
}

// Memory is asked for before it is taken, and all that is taken is asked for.
func TestReadTextAsks(t *testing.T) {
	asked := 0
	text, err := ReadText(strings.NewReader(strings.Repeat("x", 1<<20)), func(n int) error { asked += n; return nil })
	if err != nil || len(text) != 1<<20 || asked != cap(text) || asked > 3<<20 {
		t.Errorf("%d bytes of %d, asked for %d, %v", len(text), cap(text), asked, err)
	}
	no := errors.New("no")
	asked = 0
	_, err = ReadText(strings.NewReader(strings.Repeat("x", 1<<20)), func(n int) error {
		if asked += n; asked > 1<<18 {
			return no
		}
		return nil
	})
	if !errors.Is(err, no) {
		t.Errorf("%v", err)
	}
}

// Whatever comes, under whatever name: no more than may be, and no panic.
func FuzzUnpack(f *testing.F) {
	for how := range packers {
		body, encoding := pack(f, how, []byte(`{"message":"a text of some length, a text of some length"}`))
		f.Add(body, encoding)
		f.Add(body[:len(body)/2], "")
	}
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		text, err := Unpack(body, encoding)
		if len(text) > MaxText || err != nil && len(text) > 0 {
			t.Fatalf("%d bytes and %v", len(text), err)
		}
	})
}
