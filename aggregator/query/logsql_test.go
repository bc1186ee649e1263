package query

import (
	"flag"
	"os"
	"testing"
	"unicode"

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
	q, err := logstorage.ParseQuery(x.LogsQL())
	if err != nil {
		t.Fatalf("%q became %s: %v", x, x.LogsQL(), err)
	}
	return q
}

func TestLogsQLText(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		x := parse(t, text)
		mustLogsQL(t, x)
		if got := x.LogsQL(); got != want {
			t.Errorf("%s became\n%s, want\n%s", text, got, want)
		}
	}
	f("*", "*")
	f("NOT *", "!*")
	f("user.name:averez", `("user.name":="averez" or "user.name":json_array_contains_any("averez"))`)
	f("user.name:*", `"user.name":*`)
	f("NOT user.name:averez", `!"user.name":="averez"`)
	f("NOT process.pid:42", `!"process.pid":~"^42$"`)
	f(`user.name:"a\"b | delete"`, `("user.name":="a\"b | delete" or "user.name":="["*)`)
	f(`user.name:"\\\" or *"`, `("user.name":="\\\" or *" or "user.name":="["*)`)
	f("user.name:av*z", `(("user.name":* "user.name":~"z" "user.name":="av"*) or `+
		`("user.name":="["* "user.name":~"av" "user.name":~"z"))`)
	f("message:su", `("message":i("su") or (("message":="["* or "message":~"�") "message":~"(?i)su"))`)
	f(`NOT message:"session opened"`, `!("message":i("session opened") !"message":="["*)`)
	f("@timestamp:x", "*") // columns that are kept elsewhere, or that logstorage takes for something else
	f(`_time:5m`, "*")
	f(`_stream:x OR user.name:a`, "*")
	f(`"a*":x user.name:*`, `"user.name":*`)
	f("NOT @timestamp:x", "*")
	f("NOT (@timestamp:x AND user.name:*)", "*")
	f("NOT (@timestamp:x OR user.name:*)", `!"user.name":*`)
}

// The folding of RE2 and ours agree but for one letter, as foldRegexp says.
func TestFolding(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		l := lower(r)
		if l != lower(l) {
			t.Errorf("%U folds to %U, and that to %U", r, l, lower(l))
		}
		if l == r || r == 'İ' {
			continue
		}
		found := false
		for f := unicode.SimpleFold(l); f != l; f = unicode.SimpleFold(f) {
			found = found || f == r
		}
		if !found {
			t.Errorf("RE2 does not find %U by %U", r, l)
		}
	}
}
