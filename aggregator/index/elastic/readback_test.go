package elastic

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

// oddNames are names of fields that a document has a hard time with, beside those of all types.
var oddNames = []string{
	"message", "event.original", "user.name", "source.ip", "source.port", "sudo.run_time", "ldap.tls", "event.created", "tags",
	"process.args", "related.ip", "host.ip", "source.geo.location", "belfry.gap.id", "belfry.gap.reason", "belfry.silence.hosts",
	"belfry.order", "belfry.odd", "belfry.words", "belfry.words.message", "belfry.rest.x", "belfry.kept", "belfry.kept.x", "belfry",
	"belfry.other", "user", "user.name.first", "user.name.first.letter", "source", "source.ip.x", "labels", "labels.a", "labels.a.b",
	"labels.a.b.c", "labels.a c", "labels.", ".labels", "", "a..b", "_id", "_source", "labels.Größe", "details", "details.overflow", "x",
	`quo"te`, `back\slash`, "new\nline", "order", "kept", "*", "labels.*", "ldap.tls.x", strings.Repeat("n", 1000), strings.Repeat("d.", 20) + "d",
}

var oddValues = []string{
	"x", "y", "1", "1.50", "1e3", "-0", "007", "true", "TRUE", "null", "[]", `["a"]`, `{"a":1}`, "10.0.0.1", "2001:DB8::1",
	"2026-11-23T17:54:15.123456789Z", "2026-11-23T17:54:15Z", "1969-01-01T00:00:00Z", "yesterday", "52.5,13.4", "  ", "\x00", "\x1b[0m",
	"\u2028", "ǅ ß", "...", `"`, `\`, `"}`, `},"belfry":{"order":1}`, strings.Repeat("long ", 300), strings.Repeat("w", 300),
	strings.Repeat("x", 40_000), "9223372036854775807", "9223372036854775808",
}

func drawEvent(t *rapid.T) *event.Event {
	e := new(event.Event)
	at := testDay.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "time")))
	e.Append("@timestamp", at.Format(time.RFC3339Nano))
	name := rapid.OneOf(rapid.SampledFrom(oddNames), rapid.SampledFrom(oddNames), rapid.StringMatching(`[a-z._@ ]{1,12}`))
	value := rapid.OneOf(rapid.SampledFrom(oddValues), rapid.StringN(1, 20, 80))
	for range rapid.IntRange(0, 30).Draw(t, "fields") {
		n := name.Draw(t, "name")
		for range rapid.SampledFrom([]int{1, 1, 1, 2, 5}).Draw(t, "values") {
			if n != "@timestamp" && n != "event.id" {
				e.Append(n, value.Draw(t, "value"))
			}
		}
	}
	return e
}

// text is an event as text, whatever the order of its fields.
func text(e *event.Event) string {
	lines := make(map[string]bool)
	for _, f := range e.Fields {
		lines[fmt.Sprintf("%q = %q", f.Name, e.All(f.Name))] = true
	}
	all := make([]string, 0, len(lines))
	for l := range lines {
		all = append(all, l)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// TestReadBack writes drawn events to a real node: each comes back as it was, and a decoder's largest does too.
func TestReadBack(t *testing.T) {
	l := load(t, elasticsearchNode.Open(t).URLs...)
	draw := rapid.Custom(drawEvent)
	wrote := make(map[string]string)
	var events []*event.Event
	for i := range 300 {
		e := draw.Example(i)
		e.Append("event.id", fmt.Sprintf("drawn-%d", i))
		events = append(events, e)
	}
	wide := numbered(1, testDay)
	for i := len(wide.Fields); i < event.MaxFields; i++ {
		wide.Append(fmt.Sprint("labels.n", i), "v")
	}
	for _, e := range append(events, wide) {
		wrote[e.Get("event.id")] = text(e)
		l.put(t, "default", dayOf(testDay), e)
	}
	for _, e := range l.find(t, index.Search{Limit: -1}) {
		id := e.Get("event.id")
		if got := text(e); got != wrote[id] {
			t.Errorf("%s: read\n%.3000s\nwrote\n%.3000s", id, got, wrote[id])
		}
		delete(wrote, id)
	}
	if len(wrote) > 0 {
		t.Errorf("%d events did not come back", len(wrote))
	}
}

// TestWithoutOwn takes what is ours out of documents.
func TestWithoutOwn(t *testing.T) {
	f := func(document, want, wantKept string) {
		t.Helper()
		got, kept, err := withoutOwn([]byte(document))
		if string(got) != want || string(kept) != wantKept || (err != nil) != (want == "") {
			t.Errorf("%s: %s, %s, %v", document, got, kept, err)
		}
	}
	f(`{"belfry":{"order":1},"a":"b"}`, `{"a":"b"}`, "")
	f(`{"belfry":{"order":1}}`, `{}`, "")
	f(`{"belfry":{"order":1,"words":{"m":"a b"},"rest":{"x":["}"]},"odd":["\""]},"a":{"b":1}}`, `{"a":{"b":1}}`, "")
	f(`{"belfry":{"order":1,"gap":{"id":"x","reason":"y"},"odd":["gap"]},"a":"b"}`, `{"belfry":{"gap":{"id":"x","reason":"y"}},"a":"b"}`, "")
	f(`{"belfry":{"order":1,"gap":{"id":"x"},"kept":{"belfry.order":["2"]},"ref_time":"z"}}`, `{"belfry":{"gap":{"id":"x"},"ref_time":"z"}}`, `{"belfry.order":["2"]}`)
	f(`{"belfry":{"order":1,"ordered":"x"}}`, `{"belfry":{"ordered":"x"}}`, "")
	f(`{"a":"b"}`, "", "")
	f(`{"belfry":{"order":1`, "", "")
	f(`{"belfry":{"order":"1`, "", "")
	f(`{"belfry":{`, "", "")
}
