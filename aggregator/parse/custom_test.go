package parse

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// loadCustom writes parsers into a file and loads it.
func loadCustom(t *testing.T, text string) (*Custom, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadCustom([]string{filepath.Join(dir, "*.yml")})
	if err == nil {
		return c, ""
	}
	return c, strings.ReplaceAll(err.Error(), dir+"/", "")
}

// The examples are read as their samples say.
func TestCustomExamples(t *testing.T) {
	c, err := LoadCustom([]string{"testdata/parsers.d/*.yml"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Len() != 5 || c.Samples() != 12 {
		t.Errorf("%d parsers, %d samples", c.Len(), c.Samples())
	}
	r := newReader()
	r.p = New(Config{Custom: c}, nil)
	e := r.line(`Nov 23 17:54:31 vm vsftpd[812]: [we] ird] FAIL LOGIN: Client "192.0.2.7"`)
	check(t, e, "-user.name", "-event.outcome")
	e = r.line(`Nov 23 17:54:31 vm vsftpd[812]: [alice] FAIL LOGIN: Client "192.0.2.7"`)
	check(t, e, "event.outcome=failure", "@timestamp=2026-11-23T17:54:31Z")
	sound(t, e, e.Get("event.original"))
}

const door = `parsers:
  - name: door
    program: doord
    pattern: '^door (?P<door>\d+) (?P<what>\w+) for (?P<user>\S+)$'
    fields: {door: {to: acme.door, type: int}, user: user.name}
    samples:
      - line: 'door 3 opened for alice'
        fields: {user.name: alice}
`

// Each fault is reported with the line that it stands on.
func TestCustomFaults(t *testing.T) {
	f := func(from, to string, want ...string) {
		t.Helper()
		text := strings.Replace(door, from, to, 1)
		if text == door && from != to {
			t.Fatalf("%q is not in it", from)
		}
		if _, err := loadCustom(t, text); err != strings.Join(want, "\n") {
			t.Errorf("%q: error\n%s\nwant\n%s", to, err, strings.Join(want, "\n"))
		}
	}
	f("", "")
	f("program:", "prog:", "x.yml:3: parsers[0].prog: unknown key")
	f("type: int", "typ: int", "x.yml:5: parsers[0].fields.door: typ: unknown key, there are to, type, layout, zone and values")
	f("type: int", "type: number", `x.yml:5: fields.door: type: "number" is none of string, int, float, bool, ip and time`)
	f("acme.door", "door", `x.yml:5: fields.door: "door": it is not in a set of fields: write labels.door`)
	f("{to: acme.door, type: int}", "", `x.yml:2: fields.door: "": it cannot be the name of a field`)
	f("acme.door", "host.name", `x.yml:5: fields.door: "host.name": no line may say that of itself`)
	f("acme.door", "event.id", `x.yml:5: fields.door: "event.id": no line may say that of itself`)
	f("acme.door", "log.syslog.priority", `x.yml:5: fields.door: "log.syslog.priority": no line may say that of itself`)
	f("acme.door, type: int", "source.ip, type: int", `x.yml:5: fields.door: type: source.ip holds values of type ip`)
	f("acme.door, type: int", "acme.at, type: time, layout: '%Q'", `x.yml:5: fields.door: layout: "%Q" has a conversion that is not known`)
	f("acme.door, type: int", "acme.at, type: time, layout: 'x'", `x.yml:5: fields.door: layout: "x" has no part of a time`)
	f("acme.door, type: int", "acme.at, type: time, zone: No/Where", `x.yml:5: fields.door: zone: unknown time zone No/Where`)
	f("acme.door, type: int", "acme.at, zone: UTC", `x.yml:5: fields.door: layout and zone are those of a time`)
	f("acme.door, type: int", "event.outcome, values: {a: maybe}", `x.yml:5: fields.door: values.a: "maybe" is no value of event.outcome`)
	f("(?P<door>", "(?P<door", "x.yml:4: pattern: error parsing regexp: invalid named capture: `(?P<door\\d+) (?P<what>`")
	f("^door", "^(?:x|(?:"+strings.Repeat("a?", 50)+")){100}door", "x.yml:4: pattern: it takes 10227 steps, of which 5000 are allowed: repeat less")
	f("(?P<door>", "(?P<d>", "x.yml:5: fields.door: no pattern has such a group")
	f("    samples:", "    json: true\n    samples:", "x.yml:2: door: exactly one of pattern, kv and json says how it reads")
	f("program: doord", "program: ['a[']", `x.yml:3: program: "a[" is neither a name nor a pattern`)
	f("    samples:", "    tags: [doubt]\n    samples:", `x.yml:6: tags: "doubt" is not one that a parser may give`)
	f("    samples:", "    set: {event.category: [fun]}\n    samples:", `x.yml:6: set.event.category: "fun" is no value of it`)
	f("    samples:", "    set: {agent.id: x}\n    samples:", `x.yml:6: set.agent.id: no line may say that of itself`)
	f("        fields: {user", "        no_match: true\n        fields: {user", "x.yml:7: sample: it has fields and no_match", "x.yml:2: door: it needs a sample that it reads")
	f("name: door", "name: ''", "x.yml:2: name: a parser needs one")
	f("user.name: alice", "user.name: bob, acme.door: []", `x.yml:7: door: acme.door is "3", want absent`, `x.yml:8: door: user.name is "alice", want "bob"`)
	f("door 3", "gate 3", "x.yml:7: door: the sample is not read")
	f("      - line: 'door 3 opened for alice'", "      - {line: 'door 4 shut for bob', no_match: true}\n      - line: 'door 3 opened for alice'",
		"x.yml:7: door: the sample is read, and must not be")
	_, err := loadCustom(t, door+door[len("parsers:\n"):])
	if want := "x.yml:9: name: door is that of x.yml:2"; err != want {
		t.Errorf("error %s, want %s", err, want)
	}
	_, err = loadCustom(t, door+strings.Replace(door[len("parsers:\n"):], "name: door", "name: again", 1))
	if want := "x.yml:14: again: the sample is read by door (x.yml:2)"; err != want {
		t.Errorf("error %s, want %s", err, want)
	}
	if _, err := LoadCustom([]string{"/nowhere/x.yml"}); err == nil {
		t.Error("no file, no fault")
	}
	if c, err := LoadCustom([]string{"/nowhere/*.yml"}); err != nil || c.Len() != 0 {
		t.Errorf("no files: %v", err)
	}
}

// Parsers come behind those that are built in, unless they override them.
func TestCustomOverride(t *testing.T) {
	const su = `parsers:
  - name: su
    program: su
    pattern: '(?P<x>FAILED) SU'
    override: true
    set: {event.action: mine}
    samples: [{line: 'FAILED SU (to root) eve on pts/0', fields: {event.action: mine, labels.x: FAILED}}]
`
	c, fault := loadCustom(t, su)
	if fault != "" {
		t.Fatal(fault)
	}
	r := newReader()
	r.p = New(Config{Custom: c}, nil)
	check(t, r.says("su", "FAILED SU (to root) eve on pts/0"), "event.action=mine", "-user.name")
	check(t, r.says("su", "(to dave) alice on pts/0"), "event.action=su-attempt")
	_, fault = loadCustom(t, strings.Replace(su, "    override: true\n", "", 1))
	if want := "x.yml:6: su: the sample is read by a parser that is built in; override: true comes before it"; fault != want {
		t.Errorf("error %q", fault)
	}
}

// Types, lists, times, and what does not fit.
func TestCustomFields(t *testing.T) {
	const text = `parsers:
  - name: all
    kv: {pairs: ',', equals: ':'}
    fields:
      n: {to: acme.n, type: int}
      f: {to: acme.f, type: float}
      b: {to: acme.b, type: bool}
      ip: {to: acme.ip, type: ip}
      at: {to: '@timestamp', layout: '%b %d %H:%M', zone: Europe/Prague}
      end: event.end
      zoned: {to: acme.zoned, type: time, layout: '02.01.2006 15:04:05 -0700'}
      who: related.user
      port: destination.port
      text: message
      pid: process.pid
    samples: [{line: 'all:"x"'}]
`
	c, fault := loadCustom(t, text)
	if fault != "" {
		t.Fatal(fault)
	}
	r := newReader()
	r.p = New(Config{Custom: c}, nil)
	f := func(said string, want ...string) {
		t.Helper()
		e := r.says("app[3]", said)
		check(t, e, want...)
		sound(t, e, e.Get("event.original"))
	}
	f(`n:007, f:1.5, b:yes, ip:2001:DB8::7, who:alice, port:70000`, "acme.n=007", "acme.f=1.5", "acme.b=true", "acme.ip=2001:db8::7",
		"related.ip=2001:db8::7", "related.user=alice", "-destination.port", "labels.port=70000")
	f(`n:-1, f:1., b:maybe, ip:192.0.2.300, text:"a, \"b\"", pid:9`, "labels.n=-1", "labels.f=1.", "labels.b=maybe",
		"labels.ip=192.0.2.300", `message=a, "b"`, "process.pid=9")
	f(`at:Nov 22 10:00, end:2026-11-23T10:00:00+01:00, zoned:23.11.2026 10:00:00 +0500`, "@timestamp=2026-11-22T09:00:00Z",
		"event.end=2026-11-23T09:00:00Z", "acme.zoned=2026-11-23T05:00:00Z")
	f(`at:Jun 22 10:00, end:soon, zoned:no`, "@timestamp=2026-11-23T18:54:31Z", "tags=time_out_of_range",
		"labels.log_time=2026-06-22T08:00:00Z", "labels.end=soon", "labels.zoned=no")
	f(`n:1,n:2`, "-acme.n", "labels.n=1|2", "tags=ambiguous")
	f(`no pairs`, "message=no pairs", "-labels.no pairs")
	f(`a:"x" y:z`, "-labels.a")
	f(`a:"x`, "-labels.a")
}

// A program is found by its name or a pattern; the others cost nothing.
func TestCustomDispatch(t *testing.T) {
	var text strings.Builder
	text.WriteString("parsers:\n")
	for i, program := range []string{"a", "['b-*', a]", "'b-[0-9]'", ""} {
		fmt.Fprintf(&text, "  - {name: p%d, program: %s, pattern: 'x%d', samples: [{line: '<1>Nov 23 17:54:31 vm %s: x%d'}]}\n", i, program, i,
			[]string{"a", "b-x", "b-1", "q"}[i], i)
	}
	c, fault := loadCustom(t, strings.ReplaceAll(text.String(), "program: ,", ""))
	if fault != "" {
		t.Fatal(fault)
	}
	f := func(program string, want ...string) {
		t.Helper()
		for range 2 {
			var got []string
			for _, p := range c.last.of(program) {
				got = append(got, p.name)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%s: %q, want %q", program, got, want)
			}
		}
	}
	f("a", "p0", "p1", "p3")
	f("b-1", "p1", "p2", "p3")
	f("b-x", "p1", "p3")
	f("c", "p3")
	f("", "p3")
	for i := range 3 * maxPrograms {
		f(fmt.Sprint("b-", i, "x"), "p1", "p3")
	}
	if n := len(c.last.seen); n > maxPrograms {
		t.Errorf("%d programs are remembered", n)
	}
}

func TestLiteral(t *testing.T) {
	f := func(expression, want string) {
		t.Helper()
		q, err := compilePattern(expression)
		if err != nil || q.literal != want {
			t.Errorf("%s: %q, %v; want %q", expression, q.literal, err, want)
		}
	}
	f(`^user (?P<u>\S+) logged in from (?P<ip>\S+)$`, " logged in from ")
	f(`a|b`, "")
	f(`(abc)+d`, "abc")
	f(`(abc)?d`, "d")
	f(`(abc){2,3}`, "abc")
	f(`(abc){0,3}`, "")
	f(`(?i)abc`, "")
	f(`x(foo|bar)yz`, "yz")
	f(`.*`, "")
}

// The prefilter changes nothing but the time it takes.
func FuzzLiteral(f *testing.F) {
	f.Add(`^user (\S+) (logged|signed) in`, "user x logged in")
	f.Add(`^user (?:a|b)|^x`, "xuser b")
	f.Add(`(?m)^user x`, "a\nuser x")
	f.Add(`(ab)+c|d*(?i)e{2}`, "ababc")
	f.Fuzz(func(t *testing.T, expression, text string) {
		q, err := compilePattern(expression)
		if err != nil || len(expression) > 200 || len(text) > 1000 {
			return
		}
		if found := regexp.MustCompile(expression).FindString(text); q.re.MatchString(text) && !(q.may(text) && strings.Contains(text, q.literal)) {
			t.Errorf("%q matches %q in %q, which has no %q, or not %q before it", expression, found, text, q.literal, q.prefix)
		}
	})
}

// Whatever a line says, a parser sets no more than it may.
func FuzzCustom(f *testing.F) {
	c, err := LoadCustom([]string{"testdata/parsers.d/*.yml"})
	if err != nil {
		f.Fatal(err)
	}
	programs := []string{"vsftpd", "CheckPoint", "haproxy", "vault"}
	for i, p := range c.list {
		for _, s := range p.samples {
			f.Add(s.Line.text, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		if text == "" || strings.ContainsAny(text, "\n\r") {
			return
		}
		r := newReader()
		r.p = New(Config{Custom: c, Program: programs[int(n)%len(programs)]}, nil)
		e := r.line(text)
		sound(t, e, text)
		for _, x := range r.event(text, r.n).Fields {
			if got := e.All(x.Name); len(got) != 1 || got[0] != x.Value {
				t.Errorf("%q: %s is %q", text, x.Name, got)
			}
		}
	})
}
