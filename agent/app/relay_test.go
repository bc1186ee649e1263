package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metrics"

	"belfry/agent/input/file"
	"belfry/agent/input/syslog"
	"belfry/agent/ship"
	"belfry/shared/batch"
	"belfry/shared/certs"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// taken is a road that keeps what it is given.
type taken struct {
	mu      sync.Mutex
	batches []*batch.Sealed
}

func (r *taken) Send(_ context.Context, b *batch.Sealed, done func(error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, b)
	done(nil)
}

// relayed puts messages through a relay and returns the events and their ranges.
func relayed(t *testing.T, messages ...syslog.Message) (events []map[string]any, ranges []batch.Range) {
	t.Helper()
	road := &taken{}
	b, err := batch.NewBuilder(event.HashKey("a"), event.HashKey("b"), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := ship.New(ship.Config{}, b, road, func(*batch.Manifest) {}, quiet, metrics.NewSet())
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	r := newRelay(file.Source{Agent: event.HashKey("a"), Version: "v", Host: "relay1", Zone: "UTC"}, syslog.Config{Listen: "udp://:514"}, s)
	for _, m := range messages {
		if err := r.Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	opener, err := batch.NewOpener()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range road.batches {
		lines, err := opener.Open(b.Manifest, b.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			var e map[string]any
			if !utf8.Valid(line) {
				t.Errorf("not UTF-8: %q", line)
			}
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatalf("%v: %q", err, line)
			}
			events = append(events, e)
		}
		for _, s := range b.Manifest.Streams {
			ranges = append(ranges, s.Ranges...)
		}
	}
	return events, ranges
}

func message(raw string) syslog.Message {
	return syslog.Message{
		Raw: []byte(raw), OriginalLength: len(raw), Peer: netip.MustParseAddrPort("192.0.2.7:5140"),
		Received: time.Date(2026, 11, 23, 23, 59, 59, 5000, time.FixedZone("", 3600)),
	}
}

// at follows a path of names through an event.
func at(e any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, _ := e.(map[string]any)
		e = m[name]
	}
	return e
}

func TestRelayedEvent(t *testing.T) {
	m := message("<34>Oct 11 22:14:15 h su: x")
	m.Peer = netip.MustParseAddrPort("[fe80::1%eth0]:514")
	events, ranges := relayed(t, m)
	f := func(path string, want any) {
		t.Helper()
		if got := at(events[0], path); got != want {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
	f("@timestamp", "2026-11-23T22:59:59.000005Z")
	f("event.created", "2026-11-23T22:59:59.000005Z")
	f("event.original", "<34>Oct 11 22:14:15 h su: x")
	f("event.timezone", "UTC")
	f("agent.id", event.HashKey("a").String())
	f("agent.version", "v")
	f("log.offset", 0.0)
	f("log.original_length", nil)
	f("observer.name", "relay1")
	f("source.ip", "fe80::1")
	f("host", nil) // the sender's, which is in its header
	f("tags", nil)
	if len(events) != 1 || len(ranges) != 1 || ranges[0].First != 0 || ranges[0].End != 28 {
		t.Errorf("%d events, ranges %v", len(events), ranges)
	}
}

// Whatever bytes come, an event is valid JSON, and they can be had back.
func TestRelayedBytes(t *testing.T) {
	f := func(raw string) {
		t.Helper()
		events, _ := relayed(t, message(raw))
		e := events[0]
		if utf8.ValidString(raw) {
			if at(e, "event.original") != raw || at(e, "labels") != nil || at(e, "tags") != nil {
				t.Errorf("%q: %v", raw, e)
			}
			return
		}
		text, _ := at(e, "labels.raw_base64").(string)
		got, err := base64.StdEncoding.DecodeString(text)
		tags, _ := at(e, "tags").([]any)
		if err != nil || string(got) != raw || len(tags) != 1 || tags[0] != "invalid_utf8" {
			t.Errorf("%q: %q, %v, tags %v", raw, got, err, tags)
		}
	}
	f(`<13>quotes " and \ and </script>`)
	f("<13>\x00\x01\x1b[31m\x7f\r\n\t")
	f("<13>\u2028\u2029\ufeff\U0001f514")
	f("<13>\xc0\x80")
	f("<13>\xed\xa0\x80 lone surrogate")
	f("<13>Latin-1 \xe9\xff")
	f("<13>cut \xf0\x9f\x94")
	f("\xff")
}

func TestRelayedCutMessage(t *testing.T) {
	m := message("<13>the beginning")
	m.OriginalLength = 100_000
	events, ranges := relayed(t, m, message("<13>next"))
	if at(events[0], "log.original_length") != 100_000.0 || at(events[1], "log.original_length") != nil {
		t.Errorf("%v", events)
	}
	if ranges[0].End != uint64(len("<13>the beginning")+1+len("<13>next")+1) {
		t.Errorf("%v", ranges)
	}
}

// Offsets rise without a hole or an overlap, over batches and days, and no two events have one id.
func TestRelayedOffsets(t *testing.T) {
	var all []syslog.Message
	for i := range 2500 {
		m := message("<13>the same message")
		m.Received = m.Received.Add(time.Duration(i) * time.Minute)
		all = append(all, m)
	}
	events, ranges := relayed(t, all...)
	ids := make(map[any]bool)
	want := 0.0
	for _, e := range events {
		ids[at(e, "event.id")] = true
		if at(e, "log.offset") != want {
			t.Fatalf("offset %v, want %v", at(e, "log.offset"), want)
		}
		want += 21
	}
	end := uint64(0)
	for _, r := range ranges {
		if r.First != end || r.Kind != batch.Data {
			t.Fatalf("range %v behind %d", r, end)
		}
		end = r.End
	}
	if len(events) != 2500 || len(ids) != 2500 || end != uint64(want) {
		t.Errorf("%d events, %d ids, end %d, want %v", len(events), len(ids), end, want)
	}
}

// A relay that starts again must not speak as the one before it: what came by a socket has no place to go back to.
func TestRelayBeginsANewEpoch(t *testing.T) {
	a, _ := relayed(t, message("<13>x"))
	b, _ := relayed(t, message("<13>x"))
	if at(a[0], "event.id") == at(b[0], "event.id") {
		t.Error("two starts have one id")
	}
}

// The last heartbeat, and none before, says that the streams of relays end where they are: else they were cut off.
func TestRelayEndsWithTheInputs(t *testing.T) {
	p := newPulse(file.Source{Agent: event.HashKey("a")}, event.HashKey("b"), "", certs.Files{}, nil, quiet)
	r := newRelay(file.Source{Agent: event.HashKey("a")}, syslog.Config{Listen: "udp://:514"}, nil)
	r.offset = 7
	a := &Agent{relays: []*relay{r}, pulse: p}
	f := func(final bool) {
		t.Helper()
		want := heartbeat.Stream{ID: event.HashKey("syslog", event.HashKey("a").String(), "udp://:514"), Path: "udp://:514",
			Epoch: r.place.Epoch, End: 7, Final: final}
		if all := a.streams(); len(all) != 1 || all[0] != want {
			t.Errorf("%+v, want %+v", all, want)
		}
	}
	f(false)
	p.stop()
	f(true)
}
