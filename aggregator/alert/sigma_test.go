package alert

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"belfry/shared/event"
)

// line makes an event of pairs of name and value.
func line(pairs ...string) *event.Event {
	e := &event.Event{}
	for i := 0; i < len(pairs); i += 2 {
		e.Append(pairs[i], pairs[i+1])
	}
	return e
}

const head = "title: t\nid: x\nlogsource: {product: linux}\ndetection:\n"

// ruleOf compiles a detection, given as the lines below "detection:".
func ruleOf(t testing.TB, detection string) *Rule {
	t.Helper()
	rules, err := readRules("r.yml", []byte(head+detection))
	if err != nil {
		t.Fatalf("%s\n%v", detection, err)
	}
	return rules[0]
}

func TestBuiltInRules(t *testing.T) {
	rules, err := LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := rules.CheckSamples(); err != nil {
		t.Error(err)
	}
	for _, r := range rules.All() {
		if fires, silent := r.Samples(); fires == 0 || silent == 0 {
			t.Errorf("%s: %d samples that fire, %d that are silent; there must be both", r.File, fires, silent)
		}
	}
}

func TestSudoSu(t *testing.T) {
	rules, err := LoadRules(nil)
	if err != nil {
		t.Fatal(err)
	}
	e := line("@timestamp", "2026-11-23T17:54:15Z", "event.id", strings.Repeat("ab", 16), "host.name", "vm",
		"user.name", "averez", "user.target.name", "root", "process.name", "sudo", "process.executable", "/usr/bin/su",
		"process.command_line", "/usr/bin/su -c {id}", "event.action", "sudo-command")
	var got []Alert
	rules.Match(e, func(r *Rule) { got = append(got, r.alert(e)) })
	if len(got) != 1 {
		t.Fatalf("%d alerts, want 1", len(got))
	}
	a := got[0]
	if want := "averez ran /usr/bin/su -c {id} as root through sudo on vm"; a.Summary != want || a.Level != "high" ||
		a.User != "averez" || a.Host != "vm" || a.Time.Unix() != 1795456455 || a.EventID != e.Get("event.id") {
		t.Errorf("alert %+v, want the summary %q", a, want)
	}
}

func TestDetection(t *testing.T) {
	e := line("process.name", "sudo", "process.executable", "/usr/bin/su", "process.command_line", `C:\Tools\su -c ID*`,
		"process.pid", "4711", "source.ip", "10.1.2.3", "tags", "Alpha", "tags", "beta", "user.name", "Ávěrez",
		"message", "session opened for User root", "event.original", "<86>raw line")
	f := func(detection string, want bool) {
		t.Helper()
		if got := ruleOf(t, detection).Match(e); got != want {
			t.Errorf("%s: %v, want %v", detection, got, want)
		}
	}
	sel := func(selection string, want bool) {
		t.Helper()
		f(" s:\n  "+selection+"\n condition: s\n", want)
	}
	sel("process.name: sudo", true)
	sel("process.name: SUDO", true)
	sel("process.name|cased: SUDO", false)
	sel("process.name|cased: sudo", true)
	sel("process.name: sud", false)
	sel("process.name: su*", true)
	sel("process.name: S?DO", true)
	sel("process.name|cased: S?DO", false)
	sel("process.name: '*'", true)
	sel("user.id: '*'", false)
	sel("process.name: [cron, Sudo]", true)
	sel("process.name: [cron, at]", false)
	sel("user.name: áVĚREZ", true)
	sel("process.pid: 4711", true)
	sel("process.pid: 4711.0", false)
	sel("tags|all: [alpha, BETA]", true)
	sel("tags|all: [alpha, gamma]", false)
	sel("tags: [gamma, beta]", true)
	sel("tags|all|startswith: [al, be]", true)
	sel("user.id: null", true)
	sel("user.id: ''", true)
	sel("process.name: null", false)
	sel("user.id: [null, '0']", true)
	sel("process.name|contains: UD", true)
	sel("process.name|contains: [x, ud]", true)
	sel("process.name|contains|all: [s, d]", true)
	sel("process.name|contains|all: [s, x]", false)
	sel("process.name|startswith: su", true)
	sel("process.name|startswith: ud", false)
	sel("process.name|endswith: DO", true)
	sel("process.executable|endswith: /su", true)
	sel("process.executable|contains: bin*s", true)
	sel(`process.command_line|contains: 'Tools\su'`, true)
	sel(`process.command_line|contains: 'Tools\\su'`, true)
	sel(`process.command_line|endswith: 'id\*'`, true)
	sel(`process.command_line|endswith: 'i\*'`, false)
	sel("process.executable|re: ^/usr/.*su$", true)
	sel("process.executable|re: ^/USR", false)
	sel("process.executable|re: (?i)^/USR", true)
	sel("source.ip|cidr: 10.0.0.0/8", true)
	sel("source.ip|cidr: [192.168.0.0/16, 10.1.2.3/32]", true)
	sel("source.ip|cidr: fe80::/10", false)
	sel("process.name|cidr: 10.0.0.0/8", false)
	sel("user.id|exists: false", true)
	sel("process.name|exists: true", true)
	sel("process.name|exists: false", false)
	sel("process.pid|gt: 4710", true)
	sel("process.pid|gte: 4711", true)
	sel("process.pid|lt: 4711", false)
	sel("process.pid|lte: 4711.5", true)
	sel("process.name|lt: 5", false)
	sel("{process.name: sudo, process.pid: 4711}", true)
	sel("{process.name: sudo, process.pid: 1}", false)
	sel("[{process.name: at}, {process.pid: 4711}]", true)
	sel("[opened FOR user, nothing]", true)
	sel("[RAW]", true)
	sel("raw*ne", true)
	sel("[nothing, {process.name: sudo}]", true)
	sel("'|all': [session, root]", true)
	sel("'|all': [session, toor]", false)
	sel("Image: /usr/bin/su", true)
	sel("CommandLine|contains: tools", true)

	two := " a: {process.name: sudo}\n b: {process.pid: 1}\n condition: "
	f(two+"a and b\n", false)
	f(two+"a or b\n", true)
	f(two+"b or a AND not b\n", true)
	f(two+"not (a and b)\n", true)
	f(two+"not a or b\n", false)
	f(two+"1 of them\n", true)
	f(two+"all of them\n", false)
	f(two+"[a and b, not b and a]\n", true)
	f(" sel_a: {process.name: sudo}\n sel_b: {process.pid: 1}\n f_x: {user.id: 0}\n"+
		" condition: 1 of sel_* and not 1 of f*\n", true)
	f(" sel_a: {process.name: sudo}\n _b: {process.pid: 1}\n condition: all of them or _b\n", true)
}

func TestLogsource(t *testing.T) {
	f := func(source, program string, want bool) {
		t.Helper()
		text := "title: t\nid: x\nlogsource: " + source + "\ndetection: {s: {a: b}, condition: s}\n"
		rules, err := readRules("r.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := rules[0].Match(line("a", "b", "process.name", program, "event.category", "process")); got != want {
			t.Errorf("%s, program %s: %v, want %v", source, program, got, want)
		}
	}
	f("{product: linux}", "x", true)
	f("{product: linux, service: sudo}", "sudo", true)
	f("{product: linux, service: sudo}", "su", false)
	f("{product: linux, service: sshd}", "sshd-session", true)
	f("{product: linux, service: auth}", "x", true)
	f("{product: linux, category: process_creation}", "x", true)
	f("{product: linux, category: authentication}", "x", false)
}

func TestFaults(t *testing.T) {
	f := func(text string, want string) {
		t.Helper()
		_, err := readRules("r.yml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
	det := func(detection, want string) {
		t.Helper()
		f(head+detection, want)
	}
	det(" s:\n  a|contain: b\n condition: s\n", `r.yml:6: detection.s: a|contain: unknown modifier "contain"`)
	det(" s: {a|contains|re: b}\n condition: s\n", "r.yml:5: detection.s: a|contains|re: the modifiers contains and re")
	det(" s: {a|re: '('}\n condition: s\n", "r.yml:5: a|re: not a regular expression")
	det(" s: {a|cidr: 10.0.0.0}\n condition: s\n", "not a network")
	det(" s: {a|gt: x}\n condition: s\n", "not a number")
	det(" s: {a|gt|all: 1}\n condition: s\n", "all means nothing with gt")
	det(" s: {a|exists: maybe}\n condition: s\n", "neither true nor false")
	det(" s: {a|contains: ''}\n condition: s\n", "an empty value with contains")
	det(" s: {a: []}\n condition: s\n", "empty list")
	det(" s: {a: {b: c}}\n condition: s\n", "neither a value nor a list")
	det(" s: {a: b, a: c}\n condition: s\n", "r.yml:5: a stands twice")
	det(" s: &x {a: b}\n t: *x\n condition: s\n", "anchors")
	det(" s: {a: b}\n", "r.yml:5: detection has no condition")
	det(" s: {a: b}\n condition: t\n", `r.yml:6: condition: column 1: there is no selection "t"`)
	det(" s: {a: b}\n condition: s and\n", "missing at the end")
	det(" s: {a: b}\n condition: s s\n", `column 3: "s" is not expected`)
	det(" s: {a: b}\n condition: (s\n", "never closed")
	det(" s: {a: b}\n condition: s | count() > 5\n", "column 3: aggregations")
	det(" s: {a: b}\n condition: 1 of t*\n", `no selection "t*"`)
	det(" s: {a: b}\n condition: "+strings.Repeat("not ", 50)+"s\n", "nested deeper")
	det(" s: {a: b}\n t: {a: b}\n condition: s\n", "r.yml:6: detection.t: no condition uses it")
	det(" s: {a: b}\n timeframe: 5m\n condition: s\n", "timeframe")
	f("title: t\nid: x\nlevle: high\n", "r.yml:3: levle: unknown key")
	f("title: t\nid: x\nlevel: hihg\n", `r.yml:3: level "hihg" is none of`)
	f("title: t\ncorrelation: {type: event_count}\n", "r.yml:2: correlations are not supported yet")
	f("id: x\n", "no title")
	f("title: t\n", "no id")
	f("title: t\nid: x\nlogsource: {product: windows}\n", `r.yml:3: logsource.product "windows"`)
	f("title: [t\n", "r.yml: ")
	f("- a\n", "not a mapping")
	f("", "no rule")
	good := head + " s: {a: b}\n condition: s\n"
	f(good+"belfry: {sample: []}\n", "r.yml:7: belfry.sample: unknown key")
	f(good+"belfry: {samples: {fire: []}}\n", "belfry.samples.fire: unknown key")
	f(good+"belfry: {summary: 'on {host.name'}\n", "in braces")
	f(good+"belfry: {summary: 'on } {a}'}\n", `without a "{"`)
}

func TestSamples(t *testing.T) {
	text := head + " s: {user.name: root}\n condition: s\nbelfry:\n samples:\n  fires:\n   - {user: {name: eve}}\n" +
		"   - {user.name: root}\n  silent:\n   - {user.name: [eve, root]}\n"
	rules, err := readRules("r.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	err = rules[0].CheckSamples()
	want := "r.yml:10: rule \"t\" does not fire on this sample\nr.yml:13: rule \"t\" fires on this sample and must not"
	if err == nil || err.Error() != want {
		t.Errorf("samples: %v, want\n%s", err, want)
	}
}

func TestLoadRules(t *testing.T) {
	write := func(dir, name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(dir string) ([]string, error) {
		rules, err := LoadRules([]string{dir})
		if err != nil {
			return nil, err
		}
		var titles []string
		for _, r := range rules.All() {
			if !strings.HasPrefix(r.File, "rules/") || r.File == "rules/sudo_su.yml" { // that one is built in
				titles = append(titles, r.Title)
			}
		}
		return titles, nil
	}
	rule := func(title, id string) string {
		return "title: " + title + "\nid: " + id + "\ndetection: {s: {a: b}, condition: s}\n"
	}

	dir := t.TempDir()
	write(dir, "b.yml", rule("b", "1")+"---\n"+rule("c", "2"))
	write(dir, "sub/a.yaml", rule("a", "3"))
	write(dir, ".hidden/a.yml", "not a rule")
	write(dir, "notes.txt", "not a rule")
	if got, err := load(dir); err != nil || strings.Join(got, " ") != "su through sudo b c a" {
		t.Errorf("loaded %q, %v", got, err)
	}

	write(dir, "z.yml", rule("z", "3"))
	write(dir, "y.yml", "title: y\n")
	_, err := load(dir)
	for _, want := range []string{"y.yml:1: the rule has no id", "z.yml:1: id 3 is that of " + dir + "/sub/a.yaml:1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}

	const builtIn = "6F1C3D0A-5c52-4b43-9d6e-0d1f5f0c7a11"
	dir = t.TempDir()
	write(dir, "su.yml", rule("mine", builtIn))
	if got, err := load(dir); err != nil || strings.Join(got, " ") != "mine" {
		t.Errorf("loaded %q, %v, want the own rule in the place of the built-in one", got, err)
	}
	write(dir, "su.yml", rule("mine", builtIn)+"belfry: {enabled: false}\n")
	if got, err := load(dir); err != nil || len(got) != 0 {
		t.Errorf("loaded %q, %v, want none", got, err)
	}
	if _, err := load(filepath.Join(dir, "missing")); err == nil {
		t.Error("a folder that is not there is no error")
	}
}

func FuzzReadRules(f *testing.F) {
	b, err := os.ReadFile("rules/sudo_su.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add(head + " s: {a|contains|all: [b*, '?c']}\n t: [x, {y|re: z}]\n condition: 1 of s* and not (t or s)\n")
	e := line("a", "xbyc", "process.name", "sudo", "message", "x")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := readRules("r.yml", []byte(text))
		if err != nil {
			return
		}
		for _, r := range rules {
			_ = r.CheckSamples()
			_ = r.alert(e)
		}
		compile(rules).Match(e, func(*Rule) {})
	})
}
