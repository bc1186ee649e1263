package enrich

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"belfry/shared/event"
)

// Whatever a list or a table holds: no panic, and what was taken in is found again.
func FuzzList(f *testing.F) {
	f.Add("1.2.3.4 2027-01-01 # x\n10.0.0.0/8\nevil.example\n", false)
	f.Add("\ufeffip,expires\r\n\"1.2.3.4\",2027-01-01\r\n", true)
	f.Add("*.bücher.example;\"\n::ffff:1.2.3.0/120", false)
	f.Fuzz(func(t *testing.T, text string, csv bool) {
		th := Threat{Path: file(t, "l", text), Source: "x", Format: plain}
		if csv {
			th.Format = comma
		}
		l, err := readList(th)
		if err != nil && l.size() == 0 {
			return
		}
		for i := range l.domains.size() {
			name := string(l.domains.name(uint32(i)))
			if !isDomain(name) || len(l.domain(nil, "www."+name)) == 0 {
				t.Errorf("%q of %q", name, text)
			}
		}
		for _, d := range l.details {
			if !utf8.ValidString(d.text) && utf8.ValidString(text) || len(d.text) > maxText {
				t.Errorf("%q", d.text)
			}
		}
	})
}

func FuzzSheet(f *testing.F) {
	f.Add("name,ip\na,1.2.3.4\n", true)
	f.Add("- {name: a, ip: [1.2.3.4, ::1], x: ~}\n", false)
	f.Add("- &a {name: b}\n- <<: *a\n", false)
	f.Fuzz(func(t *testing.T, text string, csv bool) {
		name := "h.yaml"
		if csv {
			name = "h.csv"
		}
		r, err := readRegister([]string{file(t, name, text)}, hostColumns)
		if err != nil {
			return
		}
		for host, one := range r.rows {
			if len(host) <= maxName && r.host(host) != one && !strings.HasSuffix(host, ".") {
				t.Errorf("%q is not found in %q", host, text)
			}
			for _, v := range one.values {
				if v.text == "" || !utf8.ValidString(v.text) || !strings.HasPrefix(v.fields[0], "labels.host_") && v.fields[0] != "organization.name" {
					t.Errorf("%+v", v)
				}
			}
		}
	})
}

// An event is never changed, only added to, by values that are a part of it or of the files, or constants.
func FuzzEnrich(f *testing.F) {
	en := open(f, Config{
		Hosts:    []string{file(f, "h.csv", hostsCSV)},
		Users:    []string{file(f, "u.yml", usersYAML)},
		Threats:  []Threat{{Path: file(f, "t", "evil.example\n81.2.69.0/24\n10.6.6.6\n"), Source: "x"}},
		Internal: []string{"203.0.113.0/24"},
	})
	f.Add("source.ip", "81.2.69.142", "destination.ip", "10.0.0.1")
	f.Add("url.domain", "A.Evil.example.", "host.name", "WEB1.example.org")
	f.Add("user.name", "alice", "related.ip", "::ffff:10.6.6.6%eth0")
	f.Fuzz(func(t *testing.T, name, value, name2, value2 string) {
		e := &event.Event{}
		e.Append(name, value)
		e.Append(name2, value2)
		before := slices.Clone(e.Fields)
		en.Enrich(e, now)
		if !slices.Equal(e.Fields[:len(before)], before) {
			t.Errorf("%v became %v", before, e.Fields)
		}
		list := func(n string) bool {
			return n == "tags" || strings.HasPrefix(n, "threat.") || n == "labels.threat_field"
		}
		for i, a := range e.Fields[len(before):] {
			if a.Value == "" {
				t.Errorf("%s is empty", a.Name)
			}
			for _, b := range e.Fields[:len(before)+i] {
				if a.Name == b.Name && !list(a.Name) && a.Name != "labels.user_team" {
					t.Errorf("%s stands twice in %v", a.Name, e.Fields)
				}
			}
		}
		if n := en.faults.Get(); n != 0 {
			t.Fatalf("%d faults", n)
		}
	})
}
