package receive

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// brief writes what a bulk request says.
func brief(actions []Action) string {
	var b strings.Builder
	for _, a := range actions {
		fmt.Fprintf(&b, "%s %s/%s", a.Op, a.Index, a.ID)
		if a.Event != nil {
			fmt.Fprintf(&b, " %s", a.Event.Get("message"))
		}
		if (a.Event == nil) == (a.Err == nil) {
			b.WriteString(" BOTH")
		}
		b.WriteString("; ")
	}
	return b.String()
}

func TestBulk(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		got, err := Bulk([]byte(body), "def", from)
		if err != nil || brief(got) != want {
			t.Errorf("%q: %s, %v; want %s", body, brief(got), err, want)
		}
	}
	f("{\"index\":{}}\n{\"message\":\"a\"}\n", "index def/ a; ")
	f("{\"create\":{\"_index\":\"i\",\"_id\":\"1\"}}\r\n{\"message\":\"a\"}\r\n\n \n{\"create\":{\"_id\":7,\"routing\":\"x\",\"dynamic_templates\":{}}}\n{\"message\":\"b\"}\n",
		"create i/1 a; create def/7 b; ")
	f("{\"delete\":{\"_id\":\"1\"}}\n{\"update\":{\"_id\":\"2\"}}\n{\"doc\":{}}\n{\"index\":{\"_id\":null}}\n{\"message\":\"c\"}\n",
		"delete def/1; update def/2; index def/ c; ")
	f("{\"index\":{}}\n{\"message\":\n{\"index\":{}}\n[1]\n{\"index\":{}}\n{}\n{\"index\":{}}\n\n{\"index\":{}}\n{\"message\":\"d\"}\n",
		"index def/; index def/; index def/; index def/; index def/ d; ")
	f("{\"index\":{\"_id\":\""+strings.Repeat("x", MaxName+1)+"\"}}\n{\"message\":\"a\"}\n", "index def/"+strings.Repeat("x", MaxName+1)+"; ")
	f("{\"index\":{}}\n{\"message\":\""+strings.Repeat("x", MaxEvent)+"\"}\n{\"index\":{}}\n{\"message\":\"a\"}\n", "index def/; index def/ a; ")
}

func TestBulkFaults(t *testing.T) {
	f := func(body string, line int, want string) {
		t.Helper()
		got, err := Bulk([]byte(body), "", from)
		var at *SyntaxError
		if got != nil || !errors.As(err, &at) || at.Line != line || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100q: %s, %v; want an error on line %d with %q", body, brief(got), err, line, want)
		}
	}
	good := "{\"index\":{}}\n{\"message\":\"a\"}\n"
	f("", 1, "body is required")
	f("\n\n", 1, "body is required")
	f(good+"{\"index\":{}}\n{\"message\":\"a\"}", 4, "terminated by a newline")
	f(good+"{\"index\":{}}", 3, "terminated by a newline")
	f(good+"{\"index\":{}}\n", 3, "has no document")
	f(good+"{\"frob\":{}}\n{}\n", 3, "Malformed action/metadata line [3], expected one of [create, delete, index, update] but found [\"frob\"]")
	f(good+"{"+strings.Repeat("\"\":1,", maxAction)+"\"index\":{}}\n{}\n", 3, "longer than 16384 bytes")
	f(good+"\n{}\n{}\n", 4, "expected one action but found 0")
	f(good+"{\"index\":{},\"create\":{}}\n{}\n", 3, "found 2")
	f(good+"{\"index\":null}\n{}\n", 3, "expected an object")
	f(good+"{\"index\":{\"_id\":{}}}\n{}\n", 3, "a text is wanted")
	f(good+"x\n", 3, "expected a JSON object")
	f(strings.Repeat(good, MaxEvents)+good, 2*MaxEvents+1, ErrTooMany.Error())
}

// A document keeps its fields, its time, and where it was to go; and what names it, names it for its sender alone.
func TestBulkEvent(t *testing.T) {
	take := func(o Origin, index, id string) (string, bool) {
		t.Helper()
		body := fmt.Sprintf("{\"index\":{\"_index\":%q,\"_id\":%q}}\n"+
			"{\"@timestamp\":\"2026-11-20T00:00:00.5Z\",\"host\":{\"name\":\"h\"},\"labels\":{\"a\":\"b\"},\"message\":\"m\"}\n", index, id)
		all, err := Bulk([]byte(body), "", o)
		if err != nil || len(all) != 1 || all[0].Err != nil {
			t.Fatal(all, err)
		}
		e := all[0].Event
		for name, want := range map[string]string{"@timestamp": "2026-11-20T00:00:00.5Z", "host.name": "h", "labels.a": "b", "labels.index": index, "message": "m"} {
			if e.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, e.Get(name), want)
			}
		}
		return e.Get("event.id"), Named(e)
	}
	first, named := take(from, "i", "1")
	if again, _ := take(from, "i", "1"); again != first || !named {
		t.Errorf("%s, then %s; named %v", first, again, named)
	}
	other := from
	other.Sender = "other"
	for _, id := range []string{
		func() string { id, _ := take(from, "i", "2"); return id }(),
		func() string { id, _ := take(from, "j", "1"); return id }(),
		func() string { id, _ := take(other, "i", "1"); return id }(),
	} {
		if id == first {
			t.Error("two events of one id")
		}
	}
	if id, named := take(from, "i", ""); named || id == "" {
		t.Errorf("an event without a name is named %s", id)
	}
}

// What was written as a bulk request is read as it was meant, item by item, whatever is in the documents.
func TestBulkRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var body strings.Builder
		var want []string
		for range rapid.IntRange(1, 8).Draw(t, "items") {
			op := rapid.SampledFrom(ops).Draw(t, "op")
			id := rapid.StringMatching(`[a-z0-9]{0,6}`).Draw(t, "id")
			text := rapid.StringMatching(`[ -~]{1,20}`).Draw(t, "text")
			fmt.Fprintf(&body, "{%q:{\"_id\":%q}}\n", op, id)
			said := op + " i/" + id
			bad := rapid.Bool().Draw(t, "bad")
			switch {
			case op == "delete":
			case bad:
				fmt.Fprintf(&body, "{%q\n", text)
			default:
				fmt.Fprintf(&body, "{\"message\":%q}\n", text)
				if op != "update" {
					said += " " + text
				}
			}
			want = append(want, said+"; ")
		}
		got, err := Bulk([]byte(body.String()), "i", from)
		if err != nil || brief(got) != strings.Join(want, "") {
			t.Fatalf("%s, %v; want %s\n%s", brief(got), err, want, body.String())
		}
	})
}

// Whatever comes: items, each with an event or a reason, or an error that names a line of the body; and no panic.
func FuzzBulk(f *testing.F) {
	for _, s := range []string{
		"{\"index\":{}}\n{\"message\":\"a\"}\n", "{\"delete\":{\"_id\":1}}\n", "{\"update\":{}}\n\n", "{\"create\":{\"_id\":[]}}\n{}\n", "\n", "{",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := Bulk(body, "i", from)
		var at *SyntaxError
		switch {
		case err != nil && (all != nil || !errors.As(err, &at) || at.Line < 1 || at.Line > 1+strings.Count(string(body), "\n")):
			t.Fatalf("%d items and %v", len(all), err)
		case err == nil && len(all) == 0, len(all) > MaxEvents:
			t.Fatalf("%d items", len(all))
		}
		if strings.Contains(brief(all), "BOTH") {
			t.Fatal(brief(all))
		}
	})
}
