package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"belfry/shared/event"
)

// belfry runs the command line, as main does, with the rig's configuration.
func (r *rig) belfry(args ...string) (out, aside string, err error) {
	r.t.Helper()
	return belfry(r.t, append([]string{"--config", r.path}, args...)...)
}

func belfry(t *testing.T, args ...string) (out, aside string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := &CLI{Out: &stdout, Err: &stderr, In: strings.NewReader(""), Log: quietLog}
	err = runCLI(t, c, args...)
	return stdout.String(), stderr.String(), err
}

func runCLI(t *testing.T, c *CLI, args ...string) error {
	t.Helper()
	return runCLIUntil(t.Context(), t, c, args...)
}

func runCLIUntil(ctx context.Context, t *testing.T, c *CLI, args ...string) error {
	t.Helper()
	parser, err := kong.New(c, kong.Name("belfry"), kong.Vars{"config": "/nowhere", "parsers": "/nowhere", "version": "test"})
	if err != nil {
		t.Fatal(err)
	}
	k, err := parser.Parse(args)
	if err != nil {
		return err
	}
	k.BindTo(ctx, (*context.Context)(nil))
	return k.Run(c)
}

// golden compares a text with that of a file in testdata. UPDATE=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s: %s", name, d)
	}
}

// ages lets times that a test has chosen be within what is kept.
const ages = "index: {embedded: {retention: 2600w}}"

// write brings events of a sender, one each second from a fixed time on; each is its fields, as name, value…
func (r *rig) write(all ...[]string) {
	r.t.Helper()
	begin := time.Date(2026, 11, 23, 13, 59, 58, 0, time.UTC)
	var events []*event.Event
	for i, fields := range all {
		e := new(event.Event)
		e.Set("@timestamp", begin.Add(time.Duration(i)*time.Second).Format(time.RFC3339Nano))
		e.Set("event.created", e.Get("@timestamp"))
		e.Set("event.id", event.HashKey("test", fmt.Sprint(i)).String())
		for n := 0; n < len(fields); n += 2 {
			e.Append(fields[n], fields[n+1])
		}
		events = append(events, e)
	}
	if _, err := r.door().Events(r.t.Context(), events); err != nil {
		r.t.Fatal(err)
	}
}

// town is what the tests of the look have.
func (r *rig) town() {
	r.t.Helper()
	r.write(
		[]string{"host.name", "web01", "process.name", "sshd", "process.pid", "812", "message", "Accepted password for averez",
			"event.action", "ssh-login-attempt", "event.outcome", "success", "user.name", "averez"},
		[]string{"host.name", "db-with-a-longer-name", "process.name", "sshd", "message", "Failed password for AVEREZ\x1b[31m\n2026",
			"event.action", "ssh-login-attempt", "event.outcome", "failure", "user.name", "averez"},
		[]string{"host.name", "web01", "process.name", "cron", "message", "=cmd|' /C calc'!A0"},
		[]string{"host.name", "web02", "message", "-12 degrees, says \u202egnp.exe", "user.name", "bob", "tags", "a", "tags", "b"},
	)
}

// What a terminal, a file and a spreadsheet get.
func TestLook(t *testing.T) {
	t.Setenv("COLUMNS", "72")
	r := start(t, t.TempDir(), ages)
	r.town()
	f := func(name string, args ...string) {
		t.Helper()
		out, aside, err := r.belfry(append([]string{"search"}, args...)...)
		if err != nil || aside != "" {
			t.Errorf("%q: %v, %s", args, err, aside)
		}
		golden(t, name, out)
	}
	f("search.txt")
	f("search_oldest.txt", "--oldest")
	f("search_colour.txt", "--color=always", "averez OR user.name:bob")
	f("search_fields.txt", "--fields", "@timestamp,host.name,event.outcome,message")
	f("search_fields_colour.txt", "--color=always", "--fields", "host.name,event.outcome,tags", "--oldest", "host.name:*")
	f("search_csv.txt", "--format", "csv")
	f("search_fields_csv.txt", "--format", "csv", "--fields", "user.name,tags,message")
	f("search_fields_json.txt", "--format", "json", "--fields", "host.name,user.*,message")
	f("search_none_of_times.txt", "--from", "2026-11-23 13:59:59", "--to", "2026-11-23 14:00")
	f("search_day.txt", "--from", "2026-11-23", "--to", "2026-11-23", "process.name:cron")
}

// A search that does not show all says how it goes on, and does.
func TestPages(t *testing.T) {
	r := start(t, t.TempDir(), ages)
	r.town()
	whole, _, err := r.belfry("search")
	if err != nil {
		t.Fatal(err)
	}
	got, after := "", ""
	for range 4 {
		args := []string{"search", "--limit", "1"}
		if after != "" {
			args = append(args, "--after", after)
		}
		out, aside, err := r.belfry(args...)
		if err != nil {
			t.Fatal(err)
		}
		got += out
		_, after, _ = strings.Cut(aside, "--after ")
		after, _, _ = strings.Cut(after, " ")
	}
	if got != whole || strings.Count(whole, "\n") != 4 {
		t.Errorf("pages give %s, all together %s", got, whole)
	}
	if _, _, err := r.belfry("search", "--limit", "1", "--after", after); !errors.Is(err, errNothing) {
		t.Errorf("behind the last: %v", err)
	}
	if _, _, err := r.belfry("search", "--after", "nonsense"); err == nil || ExitCode(err) != 2 {
		t.Errorf("a cursor of somebody else's: %v", err)
	}
}

// A query that begins with a minus is taken for a flag: the error says how it is written.
func TestQueryThatIsTakenForAFlag(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		c := &CLI{Log: quietLog}
		parser, err := kong.New(c, kong.Name("belfry"), kong.Vars{"config": "/nowhere", "parsers": "/nowhere", "version": "test"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = parser.Parse(args)
		if err == nil {
			t.Fatalf("%q is taken", args)
		}
		if got := Usage(err); !strings.HasPrefix(got.Error(), "unknown flag") || !strings.Contains(got.Error(), want) || ExitCode(got) != exitFailure {
			t.Errorf("%q: %v, want %s", args, got, want)
		}
	}
	f("a query that begins so goes behind --, as: belfry search -- '-a'", "search", "-a")
	f("belfry search -- '-a'", "search", "-a", "b")
	f("belfry search -- '-a'", "search", "--limit=3", "-a")
	f("belfry erase -- '-a'", "erase", "--reason=x", "-a")
	f("belfry index export -- '-user.name:a'", "index", "export", "-user.name:a")
	f("(belfry --help tells more)", "hosts", "-a")
	f("(belfry --help tells more)", "search", "--no-such-flag")
	var s searchCmd
	parser, err := kong.New(&s)
	if err == nil {
		_, err = parser.Parse([]string{"--", "-a"})
	}
	if err != nil || s.text() != "-a" {
		t.Errorf("%v: %q", err, s.text())
	}
}

// What cannot be asked together is refused before anything is asked.
func TestFlagsThatExclude(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		if _, _, err := belfry(t, append([]string{"search"}, args...)...); err == nil || !strings.Contains(err.Error(), want) || ExitCode(err) != 2 {
			t.Errorf("%q: %v", args, err)
		}
	}
	f("--count-by and --over count", "--count-by", "host.name", "--follow")
	f("--count-by and --over count", "--over", "1h", "-C", "3")
	f("--follow goes on", "--follow", "--to", "today")
	f("one is enough", "--from", "today", "--last", "1h")
	f("is not before", "--from", "2026-11-24", "--to", "2026-11-23")
	f("length of a step", "--over", "0s")
	f("no time such as", "--from", "whenever")
	f("must be one of", "--format", "xml")
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, 11, 28, 22, 3, 33, 0, time.UTC)
	f := func(text, first, end string) {
		t.Helper()
		m, err := parseMoment(text, now)
		got := []string{m.first.UTC().Format(time.RFC3339Nano), m.end.UTC().Format(time.RFC3339Nano)}
		if err != nil || got[0] != first || got[1] != end {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	at := func(text, want string) { t.Helper(); f(text, want, want) }
	at("2026-11-23T14:00:00+01:00", "2026-11-23T13:00:00Z")
	at("2026-11-23 14:00", "2026-11-23T14:00:00Z")
	at("2026-11-23T14:00", "2026-11-23T14:00:00Z")
	at("2026-11-23 14:00:59", "2026-11-23T14:00:59Z")
	at("2026-11-23 14:00:59.250Z", "2026-11-23T14:00:59.25Z") // as it is printed
	at("now", "2026-11-28T22:03:33Z")
	at("90m", "2026-11-28T20:33:33Z")
	at("-90m", "2026-11-28T20:33:33Z")
	at("2d ago", "2026-11-26T22:03:33Z")
	f("2026-11-23", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")
	f("today", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z")
	f("yesterday", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z")
	for _, bad := range []string{"", "tomorrow", "14:00", "2026-13-01", "2026-11-23 25:00", "5", "--5m"} {
		if m, err := parseMoment(bad, now); err == nil {
			t.Errorf("%q is taken for %v", bad, m)
		}
	}
}

// A spreadsheet computes nothing that stands in a log.
func TestCSVCell(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := csvCell(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	f("", "")
	f("plain", "plain")
	f("=1+1", "'=1+1")
	f("+49 30", "'+49 30")
	f("-2+3", "'-2+3")
	f("-12.5", "-12.5")
	f("@SUM(A1)", "'@SUM(A1)")
	f("\t=1", "'\t=1")
	f("\r=1", "\ufffd=1")
	f("＝1", "'＝1")
	f("a\nb", "a\nb")
	f("a\x1b[31mb", "a\ufffd[31mb")
	f("a=b", "a=b")
}

func TestWordsOf(t *testing.T) {
	f := func(query string, want ...string) {
		t.Helper()
		if got := wordsOf(query); !cmp.Equal(got, want) {
			t.Errorf("%q: %q", query, got)
		}
	}
	f("")
	f("Failed password", "failed", "password")
	f(`"Failed password" AND NOT root`, "failed password")
	f(`user.name:averez -host.name:web01 (process.name:sudo OR cron)`, "averez", "sudo", "cron")
	f(`_exists_:user.name user.name:av* NOT (a)`)
}

func TestHighlight(t *testing.T) {
	s := screen{colour: true}
	f := func(text, want string, words ...string) {
		t.Helper()
		got := strings.NewReplacer("\x1b["+foundAs+"m", "<", "\x1b[0m", ">").Replace(s.highlight(text, words))
		if got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	f("Failed for İ Averez", "<Failed> for İ <Averez>", "averez", "failed")
	f("aaaa", "<aa><aa>", "aa")
	f("password passwords", "<password> <passwords>", "password", "passwords")
	f("nothing", "nothing", "x")
}

// How far a long search is stands on one line, which goes when there is something to print.
func TestMeter(t *testing.T) {
	var out bytes.Buffer
	m := &meter{out: &out}
	m.clear()
	m.show(progress{Seconds: 1})
	m.show(progress{Found: 7, At: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC), Seconds: 2.4})
	m.clear()
	m.clear()
	const back = "\r\x1b[K"
	if want := back + "searching: 0 found, 1 s" + back + "searching: 7 found, at 2026-11-23 14:00:00Z, 2 s" + back; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	new(meter).show(progress{}) // nobody looks
}
