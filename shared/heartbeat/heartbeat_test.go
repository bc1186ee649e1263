package heartbeat

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"belfry/shared/event"
)

func sample() *Heartbeat {
	return &Heartbeat{
		Boot: event.HashKey("boot"), Config: "0123", Expires: time.Unix(1e9, 0).UTC(), Dropped: 7, Spool: 8,
		Streams: []Stream{
			{ID: event.HashKey("s"), Epoch: 1 << 63, Path: `/var/log/"a".log`, End: 10, Cursor: 5, Behind: 3, Since: time.Unix(1e9, 5).UTC()},
			{ID: event.HashKey("t"), Epoch: 2, End: 1, Cursor: 1, Final: true},
		},
	}
}

// A heartbeat is the same behind the JSON that it travels in.
func TestRoundTrip(t *testing.T) {
	want := sample()
	e := new(event.Event)
	if err := want.Put(e); err != nil {
		t.Fatal(err)
	}
	var d event.Decoder
	e, err := d.Decode(e.AppendJSON(nil))
	if err != nil || !Is(e) {
		t.Fatalf("%v, a heartbeat %v", err, Is(e))
	}
	got, err := Of(e)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFaultsNameTheField(t *testing.T) {
	for _, field := range []string{fieldBoot, fieldExpires, fieldDropped, fieldSpool, fieldStreams} {
		e := new(event.Event)
		if err := sample().Put(e); err != nil {
			t.Fatal(err)
		}
		e.Set(field, "x")
		if _, err := Of(e); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestParseAck(t *testing.T) {
	a, err := ParseAck([]byte(`{"agent":"` + strings.Repeat("ab", 16) + `","streams":[{"id":"` + strings.Repeat("cd", 16) + `","epoch":"9","end":12}]}`))
	if err != nil || len(a.Streams) != 1 || a.Streams[0].Epoch != 9 || a.Streams[0].End != 12 {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := ParseAck([]byte(`{"agent":"x"}`)); err == nil {
		t.Error("a wrong agent was taken")
	}
}

// What a hostile agent makes of a heartbeat is refused, and not kept for others to stumble over.
func TestBounds(t *testing.T) {
	f := func(field, value, want string) {
		t.Helper()
		e := new(event.Event)
		if err := sample().Put(e); err != nil {
			t.Fatal(err)
		}
		e.Set(field, value)
		h, err := Of(e)
		if err == nil {
			_, err = json.Marshal(h)
		}
		if got := err != nil && strings.Contains(err.Error(), want); got != (want != "") || err != nil && want == "" {
			t.Errorf("%s %.40q: %v, want %q", field, value, err, want)
		}
	}
	many := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("{},", n), ",") + "]" }
	f(fieldStreams, many(MaxStreams), "")
	f(fieldStreams, many(MaxStreams+1), "more than 200 streams")
	f(fieldStreams, "null", "")
	f(fieldStreams, "[{}", fieldStreams)
	f(fieldStreams, "{}", "not a list")
	f(fieldExpires, "2027-01-01T00:00:00+24:00", "")
	f(fieldExpires, "0000-01-01T00:00:00+23:00", "no year of four digits")
	f(fieldExpires, "9999-12-31T23:59:59-23:00", "no year of four digits")
}

// What an aggregator said by belfry.acks in November 2026 is understood for ever.
func TestFrozenAck(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "ack-v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := ParseAck(text)
	if err != nil || a.Agent != event.HashKey("a") || len(a.Streams) != 1 || a.Streams[0] != (Held{event.HashKey("s"), 9391848262931171, 4711}) {
		t.Errorf("%+v, %v", a, err)
	}
}
