package app

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"belfry/aggregator/dead"
	"belfry/aggregator/mask"
	"belfry/aggregator/parse"
	"belfry/shared/batch"
)

// What is kept of a message that is broken tells no secret either: neither its body, as far as that can be read, nor the
// reason.
func TestMaskBroken(t *testing.T) {
	m, err := mask.New(mask.Config{}, make([]byte, mask.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	open, err := batch.NewOpener()
	if err != nil {
		t.Fatal(err)
	}
	d := &deadLetters{parser: parse.New(parse.Config{Mask: m}, nil), open: open}
	text := "login password=hunter2\n" + strings.Repeat("and more, and more\n", 10_000)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	packed := open.Compress([]byte(text))
	f := func(body []byte, encoding string, whole bool) {
		t.Helper()
		l := dead.New(dead.Message{Body: body, Encoding: encoding}, "x", dead.Undecodable,
			errors.New(`event 0: unparsed: "\"password\":\"hunter2\"}"`))
		d.mask(&l)
		if !strings.HasPrefix(string(l.Body), "login password=[masked:") && encoding == "" {
			t.Errorf("%q: body %.80q", encoding, l.Body)
		}
		if plain, err := d.unpack(&l); err != nil || !strings.HasPrefix(string(plain), "login password=[masked:") {
			t.Errorf("%q: %.80q, %v", encoding, plain, err)
		}
		if l.Whole() != whole || strings.Contains(l.Reason, "hunter2") || l.Headers[dead.MaskedHeader] == "" {
			t.Errorf("%q: whole %v, reason %s, headers %v", encoding, l.Whole(), l.Reason, l.Headers)
		}
	}
	f([]byte(text), "", true)
	f(zipped.Bytes(), "gzip", true)
	f(packed, batch.ContentEncoding, true)
	f(zipped.Bytes()[:zipped.Len()-9], "gzip", false)
	f(zipped.Bytes()[:zipped.Len()-9], "", false)
	f(packed[:len(packed)-2], batch.ContentEncoding, false)
}
