package suite

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"belfry/shared/event"
)

// base is the beginning of the days in which the events are: all of them are within any retention.
func base() time.Time { return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -9) }

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// plain returns a small event with a number.
func plain(n int, at time.Time) *event.Event {
	e := new(event.Event)
	e.Append("@timestamp", stamp(at))
	e.Append("event.id", event.HashKey("plain", fmt.Sprint(n)).String())
	e.Append("labels.number", fmt.Sprint(n))
	e.Append("user.name", fmt.Sprint("user", n%7))
	e.Append("host.name", fmt.Sprintf("web%02d", n%3))
	return e
}

// rich returns an event as parsers make them, with much that is odd.
func rich(r *rand.Rand, n int, at time.Time) *event.Event {
	e := new(event.Event)
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	some := func(name string, values ...string) {
		if r.IntN(4) > 0 {
			e.Append(name, pick(values...))
		}
	}
	e.Append("@timestamp", stamp(at))
	e.Append("event.id", event.HashKey("rich", fmt.Sprint(n)).String())
	e.Append("message", pick(messages...))
	some("event.original", messages...)
	some("host.name", "web01", "web02", "WEB02", "db.example.org")
	some("user.name", "averez", "bob", "Bob", "root", `we "ird" \ one`, "*", "a b", "жук", strings.Repeat("long", 300))
	some("event.outcome", "success", "failure")
	some("event.action", "sudo-command", "ssh-login")
	some("source.ip", "10.0.0.1", "10.0.0.2", "192.168.7.9", "2001:db8::1", "2001:DB8:0:0::1", "not an address", "::ffff:10.0.0.1")
	some("source.port", "22", "60022", "007", "-1", "9223372036854775807", "99999999999999999999", "many")
	some("sudo.run_time", "0.5", "1.50", "1.5", "1e3", "17", "soon", "0.1000000000000000055511151231257827")
	some("ldap.tls", "true", "false", "maybe")
	some("event.created", stamp(at.Add(time.Duration(r.IntN(1e9)))), "yesterday", "2026-11-23T17:54:15Z")
	some("labels.shoe size", "42", "43", "[1,2]", `{"a":1}`)
	some("labels.a", "x", "y")
	some("labels.a.b", "x", "z", strings.Repeat("рок", 500))
	some("details.Größe", "1", "2", "null", "true")
	for range r.IntN(4) {
		e.Append("tags", pick("doubt", "no_id", "archive", "doubt"))
		e.Append("process.args", pick("/bin/sh", "-c", "", "rm -rf /", "*"))
		e.Append("related.ip", pick("10.0.0.1", "10.0.0.3"))
		e.Append("user.roles", pick("admin", "wheel"))
	}
	return e
}

var messages = []string{
	"averez : TTY=pts/1 ; PWD=/home/averez ; USER=root ; COMMAND=/usr/bin/less /var/log/auth.log",
	"Failed password for invalid user we ird from 10.0.0.1 from 127.0.0.1 port 38222 ssh2",
	"Accepted publickey for bob from 2001:db8::1 port 22",
	"accepted PUBLICKEY",
	"Straße İstanbul жук ЖУК ǅ",
	"tab\tand \"quotes\" and \\ and \u2028 and \x1b[31m",
	"...!?", // no word at all
	"one",
	strings.Repeat("word ", 600) + "last",
	strings.Repeat("x", 40_000),
}

// scattered returns times in no order over some days, many of them the same.
func scattered(r *rand.Rand, n int) []time.Time {
	from := base()
	times := make([]time.Time, n)
	for i := range times {
		times[i] = from.AddDate(0, 0, r.IntN(9)).Add(time.Duration(r.IntN(40)) * 30 * time.Minute)
	}
	return times
}
