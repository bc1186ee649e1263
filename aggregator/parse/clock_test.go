package parse

import (
	"testing"
	"time"

	"belfry/shared/event"
)

// read parses a line of a host in a zone, that was read at created; ref is of its stream.
func read(line, zone, created, ref string, now time.Time, retention time.Duration) *event.Event {
	e := new(event.Event)
	e.Append("event.original", line)
	e.Append("event.timezone", zone)
	e.Append("event.created", created)
	e.Append("belfry.ref_time", ref)
	New(Config{Retention: retention}, nil).Parse(e, now)
	return e
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

const century = 100 * 365 * 24 * time.Hour

// The year is the latest that puts the line no later than a day after the time of reading.
func TestYear(t *testing.T) {
	f := func(stamp, created, want string) {
		t.Helper()
		e := read(stamp+" vm a: x", "", created, "", at(created), century)
		check(t, e, "@timestamp="+want, "-tags", "-belfry.ref_time")
	}
	f("Dec 31 23:59:59", "2026-12-31T23:59:59Z", "2026-12-31T23:59:59Z")
	f("Dec 31 23:59:59", "2027-01-01T00:00:01Z", "2026-12-31T23:59:59Z")
	f("Jan  1 00:00:01", "2026-12-31T23:59:59Z", "2027-01-01T00:00:01Z") // a clock that is ahead
	f("Jan  1 00:00:01", "2026-12-30T23:59:59Z", "2026-01-01T00:00:01Z")
	f("Nov 24 18:00:00", "2026-11-23T18:00:00Z", "2026-11-24T18:00:00Z")
	f("Nov 24 18:00:01", "2026-11-23T18:00:00Z", "2025-11-24T18:00:01Z")
	f("Nov 23 17:53:29", "2026-11-23T18:00:00Z", "2026-11-23T17:53:29Z")
	f("Nov 23 17:53:29.25", "2026-11-23T18:00:00Z", "2026-11-23T17:53:29.25Z")
	// The 29th of February is in the last year that has one.
	f("Feb 29 12:00:00", "2028-02-29T12:00:00Z", "2028-02-29T12:00:00Z")
	f("Feb 29 12:00:00", "2028-02-28T11:00:00Z", "2024-02-29T12:00:00Z")
	f("Feb 29 12:00:00", "2027-03-01T12:00:00Z", "2024-02-29T12:00:00Z")
	f("Feb 29 12:00:00", "2103-03-01T12:00:00Z", "2096-02-29T12:00:00Z")
	// A year that is named is no guess.
	f("Nov 24 2024 18:00:01", "2026-11-23T18:00:00Z", "2024-11-24T18:00:01Z")
	f("2024-11-24T18:00:01", "2026-11-23T18:00:00Z", "2024-11-24T18:00:01Z")
}

func TestZone(t *testing.T) {
	f := func(stamp, zone, want string, more ...string) {
		t.Helper()
		now := at("2026-11-23T18:00:00Z")
		check(t, read(stamp+" vm a: x", zone, "", "", now, century), append(more, "@timestamp="+want)...)
	}
	f("Nov 23 17:53:29", "Europe/Prague", "2026-11-23T16:53:29Z", "-tags")
	f("Nov 23 17:53:29", "Asia/Kolkata", "2026-11-23T12:23:29Z", "-tags")
	f("Nov 24 07:53:29", "Pacific/Kiritimati", "2026-11-23T17:53:29Z", "-tags")
	f("Nov 23 06:53:29", "Pacific/Pago_Pago", "2026-11-23T17:53:29Z", "-tags")
	f("Jul 23 17:53:29", "Europe/Prague", "2026-07-23T15:53:29Z", "-tags")
	f("2026-11-23T17:53:29", "Europe/Prague", "2026-11-23T16:53:29Z", "-tags")
	// A zone in the line wins.
	f("2026-11-23T17:53:29Z", "Europe/Prague", "2026-11-23T17:53:29Z", "-tags")
	f("2026-11-23T17:53:29.5+05:30", "Europe/Prague", "2026-11-23T12:23:29.5Z", "-tags")
	f("2026-11-23T17:53:29-0800", "Nowhere/At_All", "2026-11-24T01:53:29Z", "-tags")
	f("2026-11-23T17:53:29+02", "", "2026-11-23T15:53:29Z", "-tags")
	f("2026-11-23T17:53:29.123456789Z", "", "2026-11-23T17:53:29.123456789Z")
	f("2026-11-23T17:53:29.1234567899Z", "", "2026-11-23T17:53:29.123456789Z")
	f("2016-12-31T23:59:60Z", "", "2017-01-01T00:00:00Z")
	// Unknown: UTC, and said so. The aggregator's own zone is nobody's.
	f("Nov 23 17:53:29", "Nowhere/At_All", "2026-11-23T17:53:29Z", "tags=timezone_unknown")
	f("Nov 23 17:53:29", "Local", "2026-11-23T17:53:29Z", "tags=timezone_unknown")
	f("Nov 23 17:53:29", "../../etc/passwd", "2026-11-23T17:53:29Z", "tags=timezone_unknown")
	f("Nov 23 17:53:29", "", "2026-11-23T17:53:29Z", "-tags")
	// Summer time ends: the hour that comes twice is the first.
	f("Oct 25 01:59:59", "Europe/Prague", "2026-10-24T23:59:59Z", "-tags")
	f("Oct 25 02:00:00", "Europe/Prague", "2026-10-25T00:00:00Z", "tags=dst_ambiguous")
	f("Oct 25 02:59:59", "Europe/Prague", "2026-10-25T00:59:59Z", "tags=dst_ambiguous")
	f("Oct 25 03:00:00", "Europe/Prague", "2026-10-25T02:00:00Z", "-tags")
	f("Nov  1 01:30:00", "America/New_York", "2026-11-01T05:30:00Z", "tags=dst_ambiguous")
	f("Nov  1 00:30:00", "America/New_York", "2026-11-01T04:30:00Z", "-tags")
	f("Apr  5 01:45:00", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "tags=dst_ambiguous") // half an hour
	f("2026-10-25T02:30:00+01:00", "Europe/Prague", "2026-10-25T01:30:00Z", "-tags")
	// It begins: an hour that is left out was written by a clock that nobody had put forward.
	f("Mar 29 01:59:59", "Europe/Prague", "2026-03-29T00:59:59Z", "-tags")
	f("Mar 29 02:30:00", "Europe/Prague", "2026-03-29T01:30:00Z", "-tags")
	f("Mar 29 03:00:00", "Europe/Prague", "2026-03-29T01:00:00Z", "-tags")
}

// A forged date can neither hide an event nor purge one.
func TestOutOfRange(t *testing.T) {
	const now = "2026-11-23T18:00:00Z"
	f := func(stamp, created, want string, more ...string) {
		t.Helper()
		check(t, read(stamp+" vm a: x", "", created, "", at(now), 90*24*time.Hour), append(more, "@timestamp="+want)...)
	}
	f("2026-08-25T18:00:00Z", "2026-11-23T17:59:00Z", "2026-08-25T18:00:00Z", "-tags", "-labels.log_time")
	f("2026-08-25T17:59:59Z", "2026-11-23T17:59:00Z", "2026-11-23T17:59:00Z",
		"tags=time_out_of_range", "labels.log_time=2026-08-25T17:59:59Z")
	f("2026-11-24T18:00:00Z", "2026-11-23T17:59:00Z", "2026-11-24T18:00:00Z", "-tags")
	f("2026-11-24T18:00:01Z", "2026-11-23T17:59:00Z", "2026-11-23T17:59:00Z",
		"tags=time_out_of_range", "labels.log_time=2026-11-24T18:00:01Z")
	f("9999-12-31T23:59:59-23:59", "2026-11-23T17:59:00Z", "2026-11-23T17:59:00Z", "tags=time_out_of_range")
	f("0001-01-01T00:00:00Z", "2026-11-23T17:59:00Z", "2026-11-23T17:59:00Z", "tags=time_out_of_range")
	// Where the agent's clock is wrong as well, the aggregator's counts.
	f("1970-01-01T00:00:10Z", "1970-01-01T00:00:11Z", now, "tags=time_out_of_range",
		"labels.log_time=1970-01-01T00:00:10Z")
	f("hello", "1970-01-01T00:00:11Z", now, "-tags")
	f("hello", "2026-11-23T17:59:00Z", "2026-11-23T17:59:00Z", "-tags")
	f("hello", "", now, "-tags")
	f("hello", "garbage", now, "-tags")
}

// The lines of an archive are judged against its own time.
func TestRefTime(t *testing.T) {
	f := func(stamp, ref, want string) {
		t.Helper()
		now := at("2026-11-23T18:00:00Z")
		e := read(stamp+" vm a: x", "", "2026-11-23T17:59:00Z", ref, now, century)
		check(t, e, "@timestamp="+want, "-belfry.ref_time", "-tags")
	}
	f("Dec 31 23:59:59", "2025-01-01T06:25:00Z", "2024-12-31T23:59:59Z")
	f("Jan  1 00:00:01", "2025-01-01T06:25:00Z", "2025-01-01T00:00:01Z")
	f("Jun  1 00:00:01", "2025-01-01T06:25:00Z", "2024-06-01T00:00:01Z")
	f("Jun  1 00:00:01", "", "2026-06-01T00:00:01Z")
	f("Jun  1 00:00:01", "garbage", "2026-06-01T00:00:01Z")
	f("2023-06-01T00:00:01Z", "2025-01-01T06:25:00Z", "2023-06-01T00:00:01Z")
}

func TestStamp(t *testing.T) {
	f := func(in string, ok bool, rest string) {
		t.Helper()
		st, got, gotOK := scanStamp(in)
		if gotOK != ok || ok && got != rest || st.isZero() == ok {
			t.Errorf("%q: %v, %q, want %v, %q", in, gotOK, got, ok, rest)
		}
	}
	f("Nov 23 17:53:29 x", true, " x")
	f("Nov 23 17:53:29", true, "")
	f("Nov 23 17:53:29: x", true, ": x")
	f("Nov 3 1:2:3 xxxxx", false, "")
	f("Nov 23 17:53:29x", false, "")
	f("Nov 00 17:53:29 x", false, "")
	f("Feb 30 17:53:29 x", false, "")
	f("Feb 29 17:53:29 x", true, " x")
	f("Feb 29 2026 17:53:29 x", false, "")
	f("2026-02-29T17:53:29 x", false, "")
	f("2024-02-29T17:53:29 x", true, " x")
	f("1900-02-29T17:53:29 x", false, "")
	f("2000-02-29T17:53:29 x", true, " x")
	f("2026-13-01T17:53:29 x", false, "")
	f("2026-11-23T17:53:61 x", false, "")
	f("2026-11-23T17:53:29+24:00 x", false, "")
	f("2026-11-23T17:53:29+01:60 x", false, "")
	f("2026-11-23T17:53:29+1 x", false, "")
	f("2026-11-23T17:53:29. x", false, "")
	f("0000-11-23T17:53:29 x", false, "")
	f("2026-11-23", false, "")
	f("2", false, "")
}
