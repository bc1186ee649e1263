package receive

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

var from = Origin{Sender: "h", Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}

func one(t *testing.T, text string) *event.Event {
	t.Helper()
	all, err := Foreign([]byte(text), from)
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %v, %v", text, all, err)
	}
	return all[0]
}

func TestForeignNames(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		e := one(t, text)
		for i := 0; i < len(want); i += 2 {
			if got := strings.Join(e.All(want[i]), ","); got != want[i+1] {
				t.Errorf("%s: %s = %q, want %q", text, want[i], got, want[i+1])
			}
		}
		if !e.Has("event.id") || !e.Has("event.created") || !e.Has("@timestamp") {
			t.Errorf("%s: %v", text, e.Fields)
		}
	}
	f(`{"category":"demo","hostname":"localhost","severity":"INFO","summary":"This is a test"}`,
		"message", "This is a test", "host.name", "localhost", "log.level", "INFO", "labels.category", "demo",
		"tags", "no_id", "@timestamp", "2026-11-23T12:00:00Z")
	f(`{"summary":"s","processname":"p","processid":"7","source":"authlog","tags":["a","b"],"details":{"x":{"y":1}},"utctimestamp":"2026-11-20T01:02:03+01:00"}`,
		"process.name", "p", "process.pid", "7", "event.provider", "authlog", "tags", "a,b,no_id", "details.x.y", "1",
		"@timestamp", "2026-11-20T00:02:03Z")
	f(`{"@timestamp":"2026-11-20T00:00:00Z","message":"m","host":{"name":"h"},"source":{"ip":"10.0.0.1"}}`,
		"message", "m", "host.name", "h", "source.ip", "10.0.0.1", "@timestamp", "2026-11-20T00:00:00Z")
	f(`{"message":"m","colour":"red","shape":{"sides":3},"host":"h"}`,
		"labels.colour", "red", "details.shape.sides", "3", "labels.host", "h")
	f(`{"message":"m","agent":{"id":"x","name":"y","type":"filebeat"}}`,
		"agent.id", "", "agent.name", "h", "details.agent.id", "x", "details.agent.name", "y", "agent.type", "filebeat")
	f(`{"message":"m","timestamp":1763900000}`, "@timestamp", "2025-11-23T12:13:20Z")
	f(`{"message":"m","timestamp":"yesterday"}`, "labels.log_time", "yesterday", "@timestamp", "2026-11-23T12:00:00Z")
}

func TestForeignShapes(t *testing.T) {
	f := func(text string, want int) {
		t.Helper()
		if all, err := Foreign([]byte(text), from); err != nil || len(all) != want {
			t.Errorf("%q: %d events, %v; want %d", text, len(all), err, want)
		}
	}
	f(`{"a":1}`, 1)
	f("{\"a\":1}\n{\"a\":2}\n\n", 2)
	f("\uFEFF{\"a\":1}", 1)
	f("[{\"a\":1},\n{\"a\":2}]", 2)
	f("{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}", 2)
}

func TestForeignFaults(t *testing.T) {
	f := func(text string, line int) {
		t.Helper()
		all, err := Foreign([]byte(text), from)
		var at *SyntaxError
		if all != nil || !errors.As(err, &at) || at.Line != line {
			t.Errorf("%q: %v, %v; want an error on line %d", text, all, err, line)
		}
	}
	f("", 1)
	f("x", 1)
	f("{\"a\":1}\n{\"a\":\n}\n", 2)
	f("{\"a\":1}\n{\"a\":2}\n{\"a\":3\n{\"a\":4}\n", 3)
	f("{\"a\":1}\n\n17\n", 3)
	f("[{\"a\":1},\n  {\"a\":1},\n  5]", 3)
	f("[{\"a\":1},\n{\"a\"", 2)
	f("[{\"a\":1}]\n{}", 2)
	f("{\"a\":1}\n{\"a\":1", 2)
	f("{}\n{\"message\":\""+strings.Repeat("x", MaxEvent)+"\"}", 2)
	f(`[`+strings.Repeat(`{},`, MaxEvents)+`{}]`, 1)
}

// A sender cannot make an event look like one of Belfry's own, or like one that it has judged; what it claims is kept.
func TestForeignClaims(t *testing.T) {
	f := func(text string, claimed bool, want ...string) {
		t.Helper()
		e := one(t, text)
		for i := 0; i < len(want); i += 2 {
			if got := strings.Join(e.All(want[i]), ","); got != want[i+1] {
				t.Errorf("%s: %s = %q, want %q", text, want[i], got, want[i+1])
			}
		}
		if got := slices.Contains(e.All("tags"), tagClaimed); got != claimed {
			t.Errorf("%s: tags %v", text, e.All("tags"))
		}
	}
	f(`{"event":{"dataset":"belfry.gap","kind":"event"}}`, true, "event.dataset", "", "details.event.dataset", "belfry.gap")
	f(`{"event.dataset":["Belfry.Heartbeat","nginx.access"]}`, true, "event.dataset", "nginx.access", "details.event.dataset", "Belfry.Heartbeat")
	f(`{"event":{"dataset":"belfryx","kind":"pipeline_error"}}`, true, "event.dataset", "belfryx", "event.kind", "event")
	f(`{"tags":["no_id","x","unauthenticated","claimed"]}`, true, "tags", "x,no_id,claimed", "details.tags", "no_id,unauthenticated,claimed")
	f(`{"agent":{"id":"a","version":"8"},"log":{"offset":7,"file":{"path":"/x"}},"event":{"id":"i","created":"c","ingested":"n"}}`, false,
		"agent.id", "", "agent.version", "8", "log.offset", "", "log.file.path", "/x", "event.ingested", "", "event.created", "2026-11-23T12:00:00Z",
		"details.agent.id", "a", "details.log.offset", "7", "details.event.id", "i", "details.event.created", "c", "details.event.ingested", "n")
}

// Each event of a message that has a name is named by its place in it, for its sender alone.
func TestForeignKey(t *testing.T) {
	ids := func(o Origin, text string) (ids []string, named bool) {
		t.Helper()
		all, err := Foreign([]byte(text), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			ids = append(ids, e.Get("event.id"))
			named = Named(e)
		}
		return ids, named
	}
	keyed := from
	keyed.Key = "k"
	first, named := ids(keyed, `[{"a":1},{"a":1}]`)
	again, _ := ids(keyed, "{\"b\":1}\n{\"b\":1}")
	if !named || !slices.Equal(first, again) || first[0] == first[1] {
		t.Errorf("%v, then %v; named %v", first, again, named)
	}
	other := keyed
	other.Sender = ""
	if theirs, _ := ids(other, `{}`); theirs[0] == first[0] {
		t.Error("another sender's event has the same id")
	}
	if some, named := ids(from, `[{},{}]`); named || some[0] == some[1] {
		t.Errorf("without a key: %v, named %v", some, named)
	}
	for sender, want := range map[string]string{"": "unauthenticated", "h": ""} {
		all, _ := Foreign([]byte(`{}`), Origin{Sender: sender, Key: "k", Now: from.Now})
		if got := strings.Join(all[0].All("tags"), ","); got != want || all[0].Get("agent.name") != sender {
			t.Errorf("of %q: tags %s, agent %s", sender, got, all[0].Get("agent.name"))
		}
	}
}

// Whatever comes: events or an error, never both, and no panic.
func FuzzForeign(f *testing.F) {
	for _, s := range []string{`{"summary":"x","timestamp":1e300}`, `[{}]`, "{}\n{}", `{"source":{"":1},"source":2}`,
		`{"event.dataset":"belfry.x","agent":{"id":1},"log.offset":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := Foreign(body, from)
		if (len(all) == 0) == (err == nil) {
			t.Fatalf("%d events and %v", len(all), err)
		}
		for _, e := range all {
			if _, err := time.Parse(time.RFC3339Nano, e.Get("@timestamp")); err != nil {
				t.Fatal(err)
			}
			if e.Has("agent.id") || e.Has("log.offset") || len(e.All("event.id")) != 1 || hasPrefixFold(e.Get("event.dataset"), "belfry.") {
				t.Fatalf("an event that pretends: %v", e.Fields)
			}
		}
	})
}
