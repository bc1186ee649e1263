package query

import (
	"flag"
	"os"
	"testing"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// TestMain parses the flags of logstorage, which refuses to work before.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("memory.allowedBytes"); f != nil {
		if err := f.Value.Set("256MiB"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func mustLogsQL(t interface {
	Helper()
	Fatalf(string, ...any)
}, x *Expr) *logstorage.Query {
	t.Helper()
	q, err := logstorage.ParseQuery(leastOf(x))
	if err != nil {
		t.Fatalf("%q became %s: %v", x, leastOf(x), err)
	}
	if _, err := logstorage.ParseQuery(x.LogsQLMost()); err != nil {
		t.Fatalf("%q became %s: %v", x, x.LogsQLMost(), err)
	}
	return q
}

// listed is what stands around a condition on the values of an array.
func listed(field, expr string) string {
	return `("_lists":json_array_contains_any("` + field + `") "` + field + `":~` + quote(inList(expr)) + `)`
}

func TestLogsQLText(t *testing.T) {
	f := func(text, want string, wantExact bool) {
		t.Helper()
		x := parse(t, text)
		mustLogsQL(t, x)
		if got, exact := x.LogsQL(); got != want || exact != wantExact {
			t.Errorf("%s became\n%s, exact %v, want\n%s, exact %v", text, got, exact, want, wantExact)
		}
	}
	const user = `("_lists":json_array_contains_any("user.name") "user.name":json_array_contains_any("averez"))`
	f("*", "*", true)
	f("NOT *", "!*", true)
	f("user.name:averez", `("user.name":="averez" or `+user+`)`, true)
	f("NOT user.name:averez", `!("user.name":="averez" or `+user+`)`, true)
	f("tags:averez", `"tags":json_array_contains_any("averez")`, true)
	f("user.name:*", `"user.name":*`, true)
	f("process.pid:42", `("process.pid":="42" or `+listed("process.pid", "(?:42)")+`)`, true)
	f("user.id:007", `("user.id":~"^007$" or ("_lists":json_array_contains_any("user.id") `+
		`"user.id":json_array_contains_any("007")))`, true)
	f(`user.name:"a\"b | delete"`, `("user.name":="a\"b | delete" or `+listed("user.name", `a(?:\\")b \| delete`)+`)`, true)
	f(`user.name:"\\\" or *"`, `("user.name":="\\\" or *" or `+listed("user.name", `(?:\\\\)(?:\\") or \*`)+`)`, true)
	f("user.name:av*", `("user.name":="av"* or `+listed("user.name", "av"+jsonOne+"*")+`)`, true)
	f("user.name:av*z", `(("user.name":="av"* "user.name":~"av" "user.name":~"z" "user.name":~"^av(?s:.)*z$") or `+
		listed("user.name", "av"+jsonOne+"*z")+`)`, true)
	f("tags:/[Rr][Oo]ot/", `"tags":~`+quote(inList("[Rr][Oo]ot")), true)
	f("@timestamp:[2026-11-23 TO 2026-11-24}", "_time:[2026-11-23T00:00:00.000000000Z, 2026-11-24T00:00:00.000000000Z)", true)
	f("@timestamp:*", "*", true)
	f("@timestamp:x", "*", false) // columns that are kept elsewhere, or that logstorage takes for something else
	f(`_time:5m`, "*", false)
	f(`_stream:x OR user.name:a`, "*", false)
	f(`"a*":x user.name:*`, `"user.name":*`, false)
	f("NOT @timestamp:x", "*", false)
	f("NOT (@timestamp:x AND user.name:*)", "*", false)
	f("NOT (@timestamp:x OR user.name:*)", `!"user.name":*`, false)
}

// What is asked for most is exact: counts over it need not look at the events.
func TestLogsQLIsExact(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		x := parse(t, text)
		mustLogsQL(t, x)
		if filter, exact := x.LogsQL(); exact != want {
			t.Errorf("%s: exact %v, want %v: %s\n%s", text, exact, want, filter, x.LogsQLMost())
		}
	}
	f("failed password", true)
	f(`message:failed OR NOT ssh*`, true)
	f(`"failed password"`, false) // see logsql_words.go
	f("*word", false)
	f("process.name:(sudo OR su) AND NOT user.name:root", true)
	f("process.pid:>=1000 AND process.pid:<2000", true)
	f("user.name:/av.*|bob/", true)
	f("/fail(ed|ure)/", false)
	f("@timestamp:>now-24h", true)
	f("source.ip:10.0.0.0/8", false) // lists of addresses in IPv6 notation
	f("event.created:>2026-11-23", false)
	f("sudo.run_time:>1.5", false)
}
