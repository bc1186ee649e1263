package app

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"belfry/aggregator/index"
)

func TestBar(t *testing.T) {
	f := func(n, most uint64, width int, want string) {
		t.Helper()
		if got := bar(n, most, width); got != want {
			t.Errorf("%d of %d in %d: %q, want %q", n, most, width, got, want)
		}
	}
	f(0, 10, 8, "")
	f(10, 10, 8, "████████")
	f(5, 10, 8, "████")
	f(1, 1000, 8, "▏") // it is there
	f(3, 16, 2, "▍")
	f(9, 16, 2, "█▏")
	f(1, 0, 2, "")
	f(1<<63, 1<<63, 3, "███")
}

func TestSpark(t *testing.T) {
	if got := spark([]uint64{0, 1, 50, 100, 1000, 500, 999}, 1000); got != " ▁▁▁█▄█" {
		t.Errorf("%q", got)
	}
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

func hourly(t *testing.T, v url.Values, buckets []index.Bucket) *histogram {
	t.Helper()
	h, err := newHistogram(time.Hour, v, buckets)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The look of counts on a terminal.
func TestHistogram(t *testing.T) {
	buckets := []index.Bucket{
		{At: at("2026-11-23 10:00"), Count: 12}, {At: at("2026-11-23 11:00"), Count: 1234}, {At: at("2026-11-23 14:00"), Count: 600},
	}
	asked := url.Values{"from": {"2026-11-23T08:30:00Z"}, "to": {"2026-11-23T16:00:00Z"}}
	var out bytes.Buffer
	hourly(t, asked, buckets).printBars(&out, screen{width: 60})
	golden(t, "over.txt", out.String())
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 60 {
			t.Errorf("%d cells: %s", n, line)
		}
	}

	out.Reset()
	hourly(t, url.Values{}, buckets).printBars(&out, screen{width: 40, colour: true})
	golden(t, "over_colour.txt", out.String())

	var many []index.Bucket
	for i := range 240 {
		many = append(many, index.Bucket{At: at("2026-11-23 00:00").Add(time.Duration(i) * time.Hour), Value: "web01", Count: uint64(i)})
		if i%24 == 7 {
			many = append(many, index.Bucket{At: at("2026-11-23 00:00").Add(time.Duration(i) * time.Hour), Value: "db\x1b[31m", Count: 700})
		}
	}
	out.Reset()
	hourly(t, url.Values{}, many).printRows(&out, screen{width: 70}, "host.name")
	golden(t, "over_by.txt", out.String())
}

func TestPrintTop(t *testing.T) {
	res := index.TopResult{Events: 2000, Without: 12, Inexact: true, Values: []index.Value{
		{Value: "web01", Count: 1234}, {Value: strings.Repeat("long", 20), Count: 700}, {Value: "x\u202ey", Count: 1},
	}}
	var out bytes.Buffer
	printTop(&out, screen{width: 100}, "host.name", res)
	golden(t, "count_by.txt", out.String())
}

func TestShortDuration(t *testing.T) {
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := shortDuration(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
	f(time.Hour, "1h")
	f(90*time.Minute, "1h30m")
	f(48*time.Hour, "2d")
	f(10*time.Second, "10s")
	f(10*time.Minute, "10m")
	f(time.Minute+time.Second, "1m1s")
}

// A step that holds what was asked for begins the histogram, and one ends it.
func TestHistogramEnds(t *testing.T) {
	f := func(from, to, want string) {
		t.Helper()
		v := url.Values{"from": {from}, "to": {to}}
		h := hourly(t, v, []index.Bucket{{At: at("2026-11-23 10:00"), Count: 1}})
		got := fmt.Sprint(h.label(h.first), " ", h.steps)
		if got != want {
			t.Errorf("%s to %s: %s, want %s", from, to, got, want)
		}
	}
	f("", "", "2026-11-23 10:00Z 1")
	f("2026-11-23T10:30:00Z", "2026-11-23T11:00:00Z", "2026-11-23 10:00Z 1")
	f("2026-11-23T09:59:00Z", "2026-11-23T11:00:01Z", "2026-11-23 09:00Z 3")
	f("1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "2026-11-23 10:00Z 1")    // more than an answer may have
	f("2025-12-01T00:00:00Z", "2027-06-01T00:00:00Z", "2025-12-01 00:00Z 8579") // both together are more
}
