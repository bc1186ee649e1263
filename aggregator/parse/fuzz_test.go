package parse

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"belfry/shared/event"
)

// many are the fields that may have several values: the lists of ECS, and what an ambiguous line reads in two ways.
var many = map[string]bool{
	"user.effective.name": true, "user.target.name": true, "group.name": true, "process.working_directory": true,
	"process.command_line": true, "process.executable": true,
	"url.original": true, "http.response.status_code": true, "source.ip": true,
	"client.user.name": true, "client.domain": true,
}

// FuzzDispatch gives lines to one Parser after another, each line twice: with the header that it has, and as what each of
// the programs said. What a line is must not depend on its sender's good will.
func FuzzDispatch(f *testing.F) {
	for _, line := range mixed() {
		f.Add(line, "")
	}
	for _, program := range []string{"sudo", "su", "sshd", "slapd", "useradd", "x"} {
		f.Add("<13>1 2026-11-23T17:53:29.123456+01:00 vm app 12 ID [a b=\"c\\]\"] \uFEFFtext", program)
		f.Add("user : PWD=/a ; USER=b ; COMMAND=c ; USER=root ; COMMAND=/bin/d ; SIGNAL=TERM ; EXIT=1", program)
	}
	f.Add("Feb 29 02:30:00.5 vm sshd[1]: Failed password for x from 9.9.9.9 port 22 ssh2: a from ::1%e port 4 ssh2: RSA b", "")
	f.Add("conn=1 op=1 BIND dn=\"\" mech=X ssf=y\nconn=1 op=1 SEARCH RESULT tag=x err=0 qtime=00.1 etime=1e3 nentries=z text=", "slapd")
	f.Add("Accepted password for x from 1.1.1.1 port 99999999999999999999 ssh2\nServer listening on :: port 70000.",
		"sshd")
	f.Add("x : 99999999999999999999 incorrect password attempts ; TTY=x ; COMMAND=y ; EXIT=99999999999999999999",
		"sudo")
	f.Fuzz(func(t *testing.T, text, program string) { fuzzLines(t, text, program) })
}

// fuzzProgram gives what a program may have said, several lines at once, to a Parser.
func fuzzProgram(f *testing.F, program string, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { fuzzLines(t, text, program) })
}

// fuzzLines parses each line twice: with the header that it has, or as what a program said.
func fuzzLines(t *testing.T, text, program string) {
	const enough = 50 // lines: each is compared with all before it
	r := newReader()
	var lines []string
	for line := range strings.SplitSeq(strings.ToValidUTF8(text, "\uFFFD"), "\n") { // as events hold it
		if len(lines) == enough {
			return
		}
		if program != "" {
			line = "Nov 23 17:54:31 vm " + program + ": " + line
		}
		if line == "" {
			continue
		}
		lines = append(lines, line)
		e := r.line(line)
		sound(t, e, line)
		sliced(t, e, lines)
		first := string(e.AppendJSON(nil))
		if again := string(r.again(line, r.n).AppendJSON(nil)); again != first {
			t.Errorf("%q\nfirst  %s\nsecond %s", line, first, again)
		}
	}
}

// sound reports what no line may make of its event.
func sound(t *testing.T, e *event.Event, line string) {
	t.Helper()
	if e.Get("event.kind") != "event" {
		t.Errorf("%q: event.kind %s: %s", line, e.Get("event.kind"), e.Get("error.message"))
	}
	if got := e.All("event.original"); len(got) != 1 || got[0] != line {
		t.Errorf("%q became %q", line, got)
	}
	stamp := e.Get("@timestamp")
	if at, err := time.Parse(time.RFC3339, stamp); err != nil || !strings.HasSuffix(stamp, "Z") ||
		at.After(readAt.Add(future)) || at.Before(readAt.Add(-defaultRetention)) {
		t.Errorf("%q: @timestamp %q: %v", line, stamp, err)
	}
	if text := e.AppendJSON(nil); !json.Valid(text) {
		t.Errorf("%q: not JSON: %s", line, text)
	}
	ambiguous := false
	for _, tag := range e.All("tags") {
		ambiguous = ambiguous || tag == "ambiguous"
	}
	seen := map[string]bool{}
	for _, f := range e.Fields {
		if f.Value == "" {
			t.Errorf("%q: %s is empty", line, f.Name)
		}
		if seen[f.Name] && !event.IsList(f.Name) && !(ambiguous && many[f.Name]) && !ofMany(f.Name) {
			t.Errorf("%q: %s has the values %q", line, f.Name, e.All(f.Name))
		}
		seen[f.Name] = true
	}
	if len(e.Fields) > event.MaxFields {
		t.Errorf("%q: %d fields", line, len(e.Fields))
	}
	typed(t, e, line)
}

// ofMany reports whether a field has the name that others gave it: then it may have as many values as they like.
func ofMany(name string) bool {
	return strings.HasPrefix(name, labels) || strings.HasPrefix(name, "journald.")
}

// typed reports values that are not of their field's type: an index would refuse or drop them.
func typed(t *testing.T, e *event.Event, line string) {
	t.Helper()
	for _, f := range e.Fields {
		ok := true
		switch event.TypeOf(f.Name) {
		case event.Long:
			ok = isNumber(f.Value)
		case event.IP:
			ok = canonical(f.Value) == f.Value
		case event.Bool:
			ok = f.Value == "true" || f.Value == "false"
		case event.Float:
			ok = json.Valid([]byte(f.Value)) && f.Value[0] != '"'
		}
		if !ok {
			t.Errorf("%q: %s is %q", line, f.Name, f.Value)
		}
	}
}
