package parse

import (
	"slices"
	"strings"
	"testing"

	"belfry/shared/corpus"
)

// corpusSeeds are lines of a program's file of the corpus, several at once, as seeds.
func corpusSeeds(f *testing.F, program, name string, text func(line string) string) []string {
	files, err := corpus.Files()
	if err != nil {
		f.Fatal(err)
	}
	var all []string
	for _, file := range files {
		if file.Program != program || file.Name != name {
			continue
		}
		for lines := range slices.Chunk(file.Lines, 12) {
			var said []string
			for _, line := range lines {
				if len(line) < 500 { // a search for hundreds of attributes only takes time
					said = append(said, text(line))
				}
			}
			all = append(all, strings.Join(said, "\n"))
		}
	}
	return all
}

func behind(sep string) func(string) string {
	return func(line string) string {
		_, text, _ := strings.Cut(line, sep)
		return text
	}
}

func FuzzSlapd(f *testing.F) {
	seeds := corpusSeeds(f, "slapd", "session", behind("]: "))
	fuzzProgram(f, "slapd[7]", append(seeds,
		`conn=1 op=0 [IP=1.1.1.1 NAME=a] USERNAME=b] RESULT tag=97 err=0 text=] BIND dn="" method=128`,
		"conn=1 UDP request from IP=[::1]:1 (IP=0:2) accepted.\ndo_syncrepl: rid=1 rc 2\nproxyp(1): via IP=1.1.1.1:2",
		`conn=1 op=0 MOD a+="b"`+"\nconn=1 op=0 BIND authcid=\"a\" authzid=\"b\" authzid=\"c\"",
	)...)
}

func FuzzDS389(f *testing.F) {
	seeds := corpusSeeds(f, "389-ds", "access", behind("] "))
	seeds = append(seeds, corpusSeeds(f, "389-ds", "security", func(line string) string { return line })...)
	fuzzProgram(f, "ns-slapd", append(seeds,
		`{"operation":"BIND","conn_id":2,"op_id":0,"bind_dn":"uid=\u0061\\2c,dc=x","method":"128"}`+"\n"+
			`{"operation":"RESULT","conn_id":2,"op_id":0,"tag":97,"err":0,"nentries":1,"etime":"0.1"}`,
		"conn=1 op=0 RESULT err=0 tag=97 notes=A,U details=\"x\" dn=\"uid=a\" - text\n- ERR - a - b",
	)...)
}

// FuzzLDAPFile gives lines to a Parser as they stand in files of directory servers.
func FuzzLDAPFile(f *testing.F) {
	for _, line := range []string{
		"6b04864f.0b3f3c8f 0x7f62f6dfe6c0 conn=1 op=0 UNBIND", "6b04864f conn=1 op=0 UNBIND",
		"[23/Nov/2026:18:00:49.123456789 +0000] conn=1 op=0 UNBIND", `{"local_time":"2026-11-23T18:00:49.5 +0100","operation":"UNBIND"}`,
		`{ "date": "x", "utc_time": "1795456471.278630359", "event": "BIND_FAILED", "client_ip": "local" }`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) { fuzzLines(t, text, "") })
}

// What never ends has fields of the lines as well, and it is told once.
func FuzzIncomplete(f *testing.F) {
	for _, seed := range corpusSeeds(f, "slapd", "session", behind("]: ")) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newReader()
		lines := []string{"Nov 23 17:54:31 vm slapd[7]: "}
		for line := range strings.SplitSeq(text, "\n") {
			if len(lines) < 50 {
				lines = append(lines, lines[0]+line)
				r.line(lines[len(lines)-1])
			}
		}
		ids := map[string]bool{}
		for _, e := range r.p.Close() {
			if e.Has("event.outcome") || e.Get("ldap.complete") != "false" || ids[e.Get("event.id")] {
				t.Errorf("%q: %s", lines, e.AppendJSON(nil))
			}
			ids[e.Get("event.id")] = true
			for _, name := range []string{"ldap.first", "message", "ldap.complete"} {
				e.Delete(name)
			}
			sliced(t, e, lines)
		}
		if again := r.p.Close(); len(again) != 0 {
			t.Errorf("%q: told twice: %s", lines, waited(again))
		}
	})
}
