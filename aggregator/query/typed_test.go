package query

import (
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

func TestTyped(t *testing.T) {
	e := line("@timestamp", "2026-11-23T17:54:15.5Z", "event.created", "2026-11-23T17:54:16Z", "event.end", "gestern",
		"process.pid", "4711", "log.offset", "0042", "sudo.run_time", "1.50", "labels.count", "1e3", "user.name", "averez",
		"source.ip", "::ffff:10.0.0.1", "host.ip", "fe80::1", "host.ip", "192.168.1.7", "destination.ip", "gateway",
		"ldap.tls", "true", "message", "Failed password for root", "process.executable", "/usr/bin/su")
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	f := func(text string, want bool) {
		t.Helper()
		x, err := ParseAt(text, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Match(e); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	f("process.pid:>=4711", true)
	f("process.pid:>4711", false)
	f("process.pid:>4710.5", true)
	f("process.pid:<4711.5", true)
	f("process.pid:[4711 TO 4712}", true)
	f("process.pid:{4711 TO 4712]", false)
	f("process.pid:[* TO 5000]", true)
	f("process.pid:(>=4000 <5000)", true)
	f("process.pid:(<4000 OR >5000)", false)
	f("process.pid:>9223372036854775807", false)
	f("process.pid:>=1e30", false)
	f("process.pid:<1e30", true)
	f("log.offset:42", false) // no integer, so text
	f("log.offset:0042", true)
	f("log.offset:>0", false)
	f("sudo.run_time:1.5", true)
	f("sudo.run_time:{1.5 TO 2]", false)
	f("labels.count:>=1000", true) // numbers wherever both ends are
	f("labels.count:<b", true)
	f("user.name:[av TO b}", true)
	f("user.name:[a TO av]", false)
	f("user.name:>1", false)

	f("source.ip:10.0.0.1", true)
	f(`source.ip:"::FFFF:a00:1"`, true)
	f("source.ip:10.0.0.0/8", true)
	f("source.ip:10.0.1.0/24", false)
	f("source.ip:::ffff:10.0.0.0/104", true)
	f("source.ip:10.*", false) // wildcards see what is written
	f("source.ip:[10.0.0.0 TO 10.0.0.1]", true)
	f("source.ip:[10.0.0.0 TO 10.0.0.1}", false)
	f("host.ip:fe80::/16", true)
	f("host.ip:192.168.0.0/16", true)
	f("host.ip:10.0.0.0/8", false)
	f("host.ip:::/0", true)
	f("destination.ip:gateway", true)
	f("NOT destination.ip:0.0.0.0/0", true)

	f("@timestamp:2026", true)
	f("@timestamp:2026-11", true)
	f("@timestamp:2026-11-23", true)
	f("@timestamp:2026-11-24", false)
	f("@timestamp:2026-11-23T17", true)
	f("@timestamp:2026-11-23T17:54:15", true)
	f("@timestamp:2026-11-23T17:54:15.5Z", true)
	f("@timestamp:2026-11-23T17:54:15.50Z", true)
	f("@timestamp:2026-11-23T17:54:15.51", false)
	f(`@timestamp:"2026-11-23 18:54+01:00"`, true)
	f("@timestamp:>2026-11-23", false)
	f("@timestamp:>=2026-11-23", true)
	f("@timestamp:<2026-11-23", false)
	f("@timestamp:<=2026-11-23", true)
	f("@timestamp:>now-10m", true)
	f("@timestamp:[now-1h TO now-5m]", true)
	f("@timestamp:<now-10m", false)
	f("event.created:[2026-11-23T17:54:16 TO *]", true)
	f("event.end:gestern", true)
	f("event.end:>=2000", false)

	f("process.executable:/.*\\/su/", true)
	f("process.executable:/su/", false)
	f(`user.name:/a(v|w)er[^a-d]z/`, true)
	f("user.name:/AVEREZ/", false)
	f("message:/FAIL(ed|ure)/", true)
	f("/passw.rd/", true)
	f("/failed.password/", false)
	f("message:/[A-Z]+/", true)
	f("message:/\\d+/", false)
}

func TestFieldsAndAnd(t *testing.T) {
	a, b := parse(t, "user.name:a OR word"), parse(t, "NOT source.ip:10.0.0.0/8")
	both := And(nil, a, b, parse(t, "*"))
	again := parse(t, both.String())
	for _, e := range []*event.Event{line("user.name", "a"), line("user.name", "a", "source.ip", "10.1.1.1"), line("tags", "x")} {
		want := a.Match(e) && b.Match(e)
		if both.Match(e) != want || again.Match(e) != want {
			t.Errorf("%s: %v, parsed %v, want %v", both, both.Match(e), again.Match(e), want)
		}
	}
	want := []string{"event.original", "message", "source.ip", "user.name"}
	if got := both.Fields(); len(got) != len(want) || got[0] != want[0] || got[3] != want[3] {
		t.Errorf("Fields: %q, want %q", got, want)
	}
	if !And().Match(line("a", "b")) || And(nil, a).String() != a.String() {
		t.Error("And of one query or none")
	}
}

// The columns hold what they should, and Fits says no to what is read in two ways.
func TestHolds(t *testing.T) {
	f := func(k ColumnKind, value string, want bool) {
		t.Helper()
		if got := k.Holds(value); got != want {
			t.Errorf("column %d holds %q: %v, want %v", k, value, got, want)
		}
	}
	f(ColumnLong, "-9223372036854775808", true)
	f(ColumnLong, "9223372036854775808", false)
	f(ColumnLong, "-0", false)
	f(ColumnLong, "+1", false)
	f(ColumnLong, "01", false)
	f(ColumnLong, "0", true)
	f(ColumnFloat, "-1.5e-3", true)
	f(ColumnFloat, "1e999", false)
	f(ColumnFloat, ".5", false)
	f(ColumnFloat, "0x1", false)
	f(ColumnFloat, "NaN", false)
	f(ColumnIP, "010.0.0.1", false)
	f(ColumnIP, "fe80::1%eth0", false)
	f(ColumnIP, "::1.2.3.4", true)
	f(ColumnDate, "2026-11-23T17:54:15+01:00", false)
	f(ColumnDate, "2026-11-23T17:54:15,5Z", false)
	f(ColumnDate, "2026-02-29T17:54:15Z", false)
	f(ColumnDate, "2024-02-29T17:54:15.123456789Z", true)
	f(ColumnDateNanos, "1969-12-31T23:59:59Z", false)
	f(ColumnDateNanos, "2262-04-12T00:00:00Z", false)
	f(ColumnWords, "...", false)
	f(ColumnWords, "a", true)
	f(ColumnWords, "x "+strings.Repeat("é", 127), true)
	f(ColumnWords, "x "+strings.Repeat("é", 128), false)
	if got, want := Words(strings.Repeat("É", 128)+" x"), strings.Repeat("é", 120)+"… x"; got != want {
		t.Errorf("Words: %q, want %q", got, want)
	}
	if got := Words("İSTANBUL: straße\u2028x_1"); got != "istanbul straße x_1" {
		t.Errorf("Words: %q", got)
	}
}
