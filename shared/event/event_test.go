package event

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestFields(t *testing.T) {
	var e Event
	e.Set("a", "1")
	e.Append("tags", "x")
	e.Add("tags", "y")
	e.Add("tags", "x")
	e.Default("a", "2")
	e.Set("empty", "")
	if d := cmp.Diff([]Field{{"a", "1"}, {"tags", "x"}, {"tags", "y"}}, e.Fields); d != "" {
		t.Error(d)
	}
	e.Set("tags", "z")
	e.Delete("a")
	if d := cmp.Diff([]Field{{"tags", "z"}}, e.Fields); d != "" {
		t.Error(d)
	}
}

func TestEncode(t *testing.T) {
	f := func(want string, fields ...Field) {
		t.Helper()
		e := Event{Fields: fields}
		if got := string(e.AppendJSON(nil)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f(`{}`)
	f(`{"a":{"b":{"c":"1"},"d":"2"},"e":"3"}`, Field{"e", "3"}, Field{"a.d", "2"}, Field{"a.b.c", "1"})
	f(`{"tags":["x"]}`, Field{"tags", "x"})
	f(`{"labels":{"x":["1","2"]}}`, Field{"labels.x", "1"}, Field{"labels.x", "2"})
	f(`{"ldap":{"tls":true},"process":{"pid":12},"source":{"port":"http"}}`,
		Field{"process.pid", "12"}, Field{"source.port", "http"}, Field{"ldap.tls", "true"})
	f(`{"log":{"offset":[7,"007","+7","-0",-7,9223372036854775807,"9223372036854775808"]}}`,
		Field{"log.offset", "7"}, Field{"log.offset", "007"}, Field{"log.offset", "+7"}, Field{"log.offset", "-0"},
		Field{"log.offset", "-7"}, Field{"log.offset", "9223372036854775807"}, Field{"log.offset", "9223372036854775808"})
	f(`{"a":"1","a.b":"2","a.b.c":"3","ab":"4"}`, Field{"a", "1"}, Field{"a.b", "2"}, Field{"a.b.c", "3"}, Field{"ab", "4"})
	f(`{"x":{"a":"1","a.b":"2","c":"3"}}`, Field{"x.c", "3"}, Field{"x.a", "1"}, Field{"x.a.b", "2"})
	f(`{"m":"\"\\\n\r\t\u0000\u001b\u007f\u009b\u2028ž\ufffd"}`, Field{"m", "\"\\\n\r\t\x00\x1b\x7f\u009b\u2028ž\xff"})
}

func TestDecode(t *testing.T) {
	f := func(in string, want ...Field) {
		t.Helper()
		var d Decoder
		e, err := d.Decode([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			return
		}
		if d := cmp.Diff(want, e.Fields, cmp.Transformer("nil", func(f []Field) []Field { return append([]Field{}, f...) })); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
	f(`{}`)
	f(`{"a":{"b":"1","c":null,"d":""},"e.f":2}`, Field{"a.b", "1"}, Field{"e.f", "2"})
	f(`{"n":1e400,"t":true,"l":["x",1,null,""]}`, Field{"n", "1e400"}, Field{"t", "true"}, Field{"l", "x"}, Field{"l", "1"})
	f(`{"l":[{"a":1},2]}`, Field{"l", `[{"a":1},2]`})
	f("{\"m\":\"\xff\\u0000\"}", Field{"m", "\ufffd\x00"})
}

func TestDecodeFaults(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		var d Decoder
		if _, err := d.Decode([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want an error with %q", in, err, want)
		}
	}
	f(`[1]`, "not a JSON object but array")
	f(`{"a"`, "not JSON")
	f(strings.Repeat(`{"a":`, 40)+`1`+strings.Repeat("}", 40), "nested deeper")
	f(`{"a":[`+strings.Repeat("1,", MaxFields)+`1]}`, "list too long")
}

func TestIDDependsOnItsPlaceAlone(t *testing.T) {
	a, s := HashKey("a"), HashKey("s")
	id := ID(a, s, 1, 2)
	// A changed value here would give every event that is on the way a second id.
	if want := "a0e1a7a7e873a154ad102893dc30f697"; id.String() != want {
		t.Errorf("id %s, want %s", id, want)
	}
	for _, other := range []Key{ID(s, a, 1, 2), ID(a, s, 2, 1), ID(a, s, 1, 3)} {
		if id == other {
			t.Errorf("two places have the id %s", id)
		}
	}
	back, err := ParseKey(id.String())
	if err != nil || back != id {
		t.Errorf("ParseKey: %v, %v", back, err)
	}
}

// Whatever is decoded is encoded as valid JSON that decodes to the same fields again.
func FuzzRoundTrip(f *testing.F) {
	f.Add(`{"a":{"b":"x\u0000"},"a.b":[1,2],"tags":"t","@timestamp":"2026-11-23T17:54:15Z"}`)
	f.Add(`{"":{"":1},"a":1,"a.b":2,"a.b.c":[[]]}`)
	f.Fuzz(func(t *testing.T, in string) {
		var d Decoder
		e, err := d.Decode([]byte(in))
		if err != nil {
			return
		}
		text := e.AppendJSON(nil)
		if !json.Valid(text) || !utf8.Valid(text) {
			t.Fatalf("not JSON: %s", text)
		}
		if _, err := d.Decode(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

// An error quotes nothing of the text: it is kept, logged and told where secrets must not be.
func TestDecodeErrorQuotesNothing(t *testing.T) {
	for _, text := range []string{`{"a" "password":"hunter2"}`, `{"a":hunter2}`, `{"a":"b","hunter2`, `hunter2`, `{"a":1hunter2}`,
		`{"a":"b"}hunter2`, `{hunter2:1}`, `["hunter2"]`} {
		var d Decoder
		if _, err := d.Decode([]byte(text)); err == nil || strings.Contains(err.Error(), "unter") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
