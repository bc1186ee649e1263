package agree

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"belfry/shared/event"
)

// names are the fields of the events: of each type, lists and others, names that are prefixes of others, names that no
// mapping knows, and some that an engine could take for its own.
var names = []string{
	"message", "event.original", "error.message",
	"user.name", "user.name.full", "process.name", "tags", "process.args", "process.command_line",
	"process.pid", "source.port", "sudo.run_time", "ldap.tls",
	"source.ip", "host.ip", "event.created", "event.end",
	"labels.a", "labels.a.b", "labels.x y", `labels."q"\`, "labels.Größe", "labels.n", "details.*",
}

// generator draws the values of each field from few, so that queries meet them, and of a kind of its own, because
// logstorage keeps columns of a kind in its own way.
type generator struct{ values map[string][]string }

func newGenerator(t *rapid.T) *generator {
	g := &generator{values: map[string][]string{}}
	for _, n := range names {
		kind := kindsOf(n)
		only := rapid.SampledFrom(kind).Draw(t, "kind of "+n)
		n1 := rapid.SampledFrom([]int{1, 2, 6, 12, 24}).Draw(t, "values of "+n)
		mixed := rapid.Bool().Draw(t, "mixed") // if not, and there are enough, the column is one of numbers
		for range n1 {
			of := only
			if mixed && rapid.IntRange(0, 4).Draw(t, "other") == 0 {
				of = rapid.SampledFrom(kind).Draw(t, "kind")
			}
			g.values[n] = append(g.values[n], of(t))
		}
	}
	return g
}

func (g *generator) value(t *rapid.T, name string) string {
	return rapid.SampledFrom(g.values[name]).Draw(t, name)
}

// base is the time around which the events are.
var base = time.Now().UTC().Truncate(24 * time.Hour).Add(-48 * time.Hour)

func (g *generator) event(t *rapid.T, n int) *event.Event {
	e := new(event.Event)
	at := base.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "s")) * time.Second)
	at = at.Add(time.Duration(rapid.SampledFrom([]int{0, 5e8, 123e6, 123456789, 999999999}).Draw(t, "ns")))
	e.Append("@timestamp", at.Format(time.RFC3339Nano))
	e.Append("event.id", event.HashKey("agree", strconv.Itoa(n)).String())
	e.Append("labels.row", strconv.Itoa(n))
	for _, name := range names {
		for range rapid.SampledFrom([]int{0, 1, 1, 1, 1, 2, 3}).Draw(t, "how many "+name) {
			e.Append(name, g.value(t, name))
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "whole line") == 0 { // as most lines are: a header, then the message
		e.Set("event.original", rapid.SampledFrom([]string{"", "Nov 29 web01 CRON[5]: ", "RootX", "root ", "7-"}).Draw(t, "header")+e.Get("message"))
	}
	return e
}

type draw = func(t *rapid.T) string

func from(values ...string) draw {
	return func(t *rapid.T) string { return rapid.SampledFrom(values).Draw(t, "v") }
}

// kindsOf returns the kinds of values that a field may have: those of its type, and those that do not fit.
func kindsOf(name string) []draw {
	switch event.TypeOf(name) {
	case event.Text:
		return []draw{sentence, sentence, oddText, integer, from("...", "ſtraße İx", "a\uFFFDb c", longWord(), longWord()+"x")}
	case event.Long:
		return []draw{integer, integer, from("0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993",
			"007", "+5", "1.5", "many", "99999999999999999999", "-0")}
	case event.Float:
		return []draw{number, number, from("0", "-0", "1e3", "1.50", "0.1", "soon", "NaN", "1e999", "0x10", ".5")}
	case event.Bool:
		return []draw{from("true", "false"), from("true", "false", "yes", "True", "0")}
	case event.IP:
		return []draw{address, address, from("::ffff:10.0.0.1", "::FFFF:A00:1", "2001:DB8::1", "2001:db8:0:0:0:0:0:1", "fe80::1%eth0",
			"010.0.0.1", "gateway", "0:0:0:0:0:ffff:10.0.1.2", "::", "255.255.255.255", "[10.0.0.1]")}
	case event.Date:
		return []draw{date, date, from("2026-11-23", "yesterday", "1700000000000", "2026-11-23T17:54:15+01:00",
			"2026-02-30T10:00:00Z", "2026-11-23 17:54:15", "2026-11-23T17:54:15Z", "1969-12-31T23:59:59.999Z", "2300-01-01T00:00:00Z")}
	}
	return []draw{word, word, oddText, integer, number, address, date, sentence, from(strings.Repeat("long", 300), "["+`"a"`+"]", "[", "*", "a*", `\`,
		"Kk", "k", "K", "İi", "ΣΑΣ", "\U0001F600x", "a\uFFFDb", "true", "null", strings.Repeat("ж", 1024), strings.Repeat("ж", 1025))}
}

func longWord() string { return strings.Repeat("wxyz", 64) }

func word(t *rapid.T) string {
	return rapid.SampledFrom([]string{"sudo", "SSHD", "sú_1", "averez", "ave", "Averez", "root", "a.b-c", "/usr/bin/su"}).Draw(t, "word")
}

func sentence(t *rapid.T) string {
	of := rapid.SampledFrom([]string{"session", "Opened", "for", "1.05", "root", "[x]", "FOR", "ſ", "10", "failed_x", "straße", "Ⅷ", "k"})
	w := rapid.SliceOfN(of, 1, 5).Draw(t, "words")
	return strings.Join(w, rapid.SampledFrom([]string{" ", "\n", "=", ": ", "\u2028", "\t", `"`, `\`, "\uFFFD", "\u0085"}).Draw(t, "by"))
}

func oddText(t *rapid.T) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune("aAiİıſKk01-_ .:/\"\\\n\t<[]{}*?,\u0000\u001f\u007f\u0085\u2028éσΣ😀")), 1, 8, -1).Draw(t, "odd")
}

func integer(t *rapid.T) string { return strconv.Itoa(rapid.IntRange(-30, 300).Draw(t, "int")) }

func number(t *rapid.T) string {
	return strconv.FormatFloat(float64(rapid.IntRange(-999, 999).Draw(t, "float"))/100, 'f', rapid.SampledFrom([]int{-1, -1, 1, 2}).Draw(t, "digits"), 64)
}

func address(t *rapid.T) string {
	b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 10, 255}), 4, 4).Draw(t, "ip")
	if rapid.IntRange(0, 3).Draw(t, "v6") == 0 {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 11: b[0], 12: b[1], 13: b[2], 15: b[3]}).String()
	}
	return netip.AddrFrom4([4]byte(b)).String()
}

func date(t *rapid.T) string {
	at := base.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "s")) * time.Second)
	at = at.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 5e8, 123e6, 123456000, 123456789}).Draw(t, "ns")))
	return at.Format(rapid.SampledFrom([]string{time.RFC3339Nano, "2006-01-02T15:04:05.000Z", event.Stamp}).Draw(t, "layout"))
}

func text(e *event.Event) string { return string(e.AppendJSON(nil)) }
