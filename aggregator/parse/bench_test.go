package parse

import (
	"fmt"
	"strings"
	"testing"

	"belfry/shared/corpus"
	"belfry/shared/event"
)

// BenchmarkParse reads the lines of one program, and all of them as they came.
func BenchmarkParse(b *testing.B) {
	f := func(name string, wanted func(line string) bool) {
		var lines []string
		for _, line := range corpus.AuthMixed() {
			if wanted(line) && len(line) < 500 { // the one command of 3000 characters is no measure
				lines = append(lines, line)
			}
		}
		b.Run(name, func(b *testing.B) { parseAll(b, lines) })
	}
	says := func(program string) func(string) bool {
		return func(line string) bool { return strings.Contains(line, " "+program) && !strings.Contains(line, "pam_") }
	}
	f("mixed", func(string) bool { return true })
	f("sudo", says("sudo:"))
	f("su", says("su["))
	f("sshd", says("sshd["))
	f("slapd", says("slapd["))
	f("shadow", func(line string) bool { return says("useradd[")(line) || says("usermod[")(line) })
	for _, name := range []string{"nginx/access", "nginx/error", "apache/combined", "apache/error", "postfix/mail", "dovecot/mail", "bind/named"} {
		b.Run(name, func(b *testing.B) { parseAll(b, corpusLines(b, name)) })
	}
	f("pam", func(line string) bool { return strings.Contains(line, "pam_unix(") })
	for _, name := range []string{"sudo/exit-json", "sudo/wrapped", "doas/debian", "pkexec/debian"} {
		b.Run(name, func(b *testing.B) { parseAll(b, corpusLines(b, name)) })
	}
	files, err := corpus.Files()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range files {
		if c.Program == "389-ds" && c.Name == "access" {
			b.Run("389-ds", func(b *testing.B) { parseAll(b, c.Lines) })
		}
	}
}

// corpusLines returns the lines of a file of the corpus, by PROGRAM/NAME.
func corpusLines(b *testing.B, name string) []string {
	b.Helper()
	files, err := corpus.Files()
	if err != nil {
		b.Fatal(err)
	}
	var lines []string
	for _, f := range files {
		if f.Program+"/"+f.Name != name {
			continue
		}
		for _, line := range f.Lines {
			if len(line) < 500 {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// BenchmarkCorpus reads the lines of programs that the mixed file has none of.
func BenchmarkCorpus(b *testing.B) {
	files, err := corpus.Files()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		switch f.Program {
		case "netfilter", "auditd", "asa", "openvpn", "cron", "dropbear", "login", "systemd":
			b.Run(f.Program+"/"+f.Name, func(b *testing.B) { parseAll(b, f.Lines) })
		}
	}
}

// parseAll parses lines in turn, as the events of an agent. Each comes often, but seldom under the same id.
func parseAll(b *testing.B, lines []string) { parseAllBy(b, Config{}, lines) }

// parseAllBy is parseAll by a Parser of one's own.
func parseAllBy(b *testing.B, cfg Config, lines []string) {
	const rounds = 100
	r := newReader()
	r.p = New(cfg, nil)
	var events []*event.Event
	bytes := 0
	for n := range rounds * len(lines) {
		line := lines[n%len(lines)]
		events = append(events, r.event(line, n))
		bytes += len(line)
	}
	e := &event.Event{Fields: make([]event.Field, 0, 64)}
	b.SetBytes(int64(bytes / len(events)))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		e.Reset()
		e.Fields = append(e.Fields, events[n%len(events)].Fields...)
		r.p.Parse(e, r.now)
	}
}

// BenchmarkHeader splits lines without reading what the program said.
func BenchmarkHeader(b *testing.B) {
	f := func(name, line string) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				scanHeader(line)
			}
		})
	}
	f("3164", "<86>Nov  3 17:53:29 vm sshd[19043]: Accepted password for averez from 127.0.0.1 port 36160 ssh2")
	f("iso",
		"2026-11-23T17:53:29.123456+01:00 vm sshd[19043]: Accepted password for averez from 127.0.0.1 port 36160 ssh2")
	f("5424",
		`<165>1 2026-11-23T17:14:15.003Z vm sshd 19043 ID47 [a@1 b="c"] Accepted password for averez from 127.0.0.1 port 36160 ssh2`)
	f("cisco", "<189>29: sw01: 000042: *Mar  1 18:46:11.123 CET: %SYS-5-CONFIG_I: Configured from console by admin on vty0")
}

// How far a text costs that is no body, and one that is.
func BenchmarkBody(b *testing.B) {
	f := func(name, text string) {
		b.Run(name, func(b *testing.B) { parseAll(b, []string{"Nov 23 17:54:31 vm app[7]: " + text}) })
	}
	f("prose", "Connection from 192.0.2.7 was closed, and nobody knows why that is so, or is not")
	f("json", `{"level":"info","ts":1795456471.1234567,"logger":"http","caller":"a/b.go:31","msg":"started","port":8080,"user":"alice"}`)
	f("escapes", `{"level":"info","ts":1795456471.1234567,"logger":"http","caller":"a/b.go:31","msg":"\"started\"","port":8080,"user":"a\"e"}`)
	f("logfmt", `time=2026-11-23T17:54:31Z level=info logger=http caller=a/b.go:31 msg="started" port=8080 user=alice`)
	f("cef", `CEF:0|Security|threatmanager|1.0|100|worm successfully stopped|10|src=10.0.0.1 dst=2.1.2.2 spt=1232 act=blocked it`)
	l := &line{text: "Connection from 192.0.2.7 was closed, and nobody knows why"}
	p := New(Config{}, nil)
	b.Run("look", func(b *testing.B) {
		for b.Loop() {
			if p.scanBody(l, false) {
				b.Fatal("it is prose")
			}
		}
	})
}

// Parsers of the operator's: one that knows the line, beside many of other programs, and many of the same.
func BenchmarkCustom(b *testing.B) {
	f := func(name, program string) {
		var c Custom
		for i := range 500 {
			of := program
			if of == "" {
				of = fmt.Sprint("other", i)
			}
			c.list = append(c.list, benchParser(b, of, fmt.Sprintf(`^gate %d (?P<what>\w+) for (?P<user>\S+)$`, i)))
		}
		c.list = append(c.list, benchParser(b, "app", `^door (?P<door>\d+) (?P<what>\w+) for (?P<user>\S+) from (?P<ip>\S+)$`))
		c.dispatch()
		b.Run(name, func(b *testing.B) {
			parseAllBy(b, Config{Custom: &c}, []string{"Nov 23 17:54:31 vm app[7]: door 3 opened for alice from 192.0.2.7"})
		})
	}
	f("others", "")
	f("same", "app")
}

func benchParser(b *testing.B, program, expression string) *custom {
	b.Helper()
	q, err := compilePattern(expression)
	if err != nil {
		b.Fatal(err)
	}
	return &custom{programs: []string{program}, patterns: []pattern{q}}
}
