package alert

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"belfry/shared/event"
)

// Whatever the rules and the event, the prefilter changes nothing but the time it takes.
func TestPrefilterLosesNothing(t *testing.T) {
	fields := []string{"a", "b", "message"}
	value := rapid.StringMatching(`[abK]{1,3}`)
	modifier := rapid.SampledFrom([]string{"", "", "", "|contains", "|endswith", "|cased", "|all"})
	selection := rapid.Custom(func(t *rapid.T) string {
		field := rapid.SampledFrom(fields).Draw(t, "field") + modifier.Draw(t, "modifier")
		return fmt.Sprintf("{%s: [%s]}", field, strings.Join(rapid.SliceOfN(value, 1, 3).Draw(t, "values"), ", "))
	})
	conditions := []string{"s", "s and t", "s or t", "not s or t", "not (s and t) and u", "1 of them", "all of them",
		"s and (t or not u)", "(s or t) and (t or u)", "[s, t and u]"}
	detection := rapid.Custom(func(t *rapid.T) string {
		c := rapid.SampledFrom(conditions).Draw(t, "condition")
		text := ""
		for _, name := range []string{"s", "t", "u"} {
			if strings.Contains(c, name) || strings.Contains(c, "them") {
				sel := selection.Draw(t, name)
				if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
					sel = "[" + value.Draw(t, "keyword") + ", " + sel + "]"
				}
				text += " " + name + ": " + sel + "\n"
			}
		}
		return text + " condition: " + c + "\n"
	})
	rapid.Check(t, func(t *rapid.T) {
		var rules []*Rule
		for i, d := range rapid.SliceOfN(detection, 1, 20).Draw(t, "rules") {
			got, err := readRules("r.yml", []byte(head+d))
			if err != nil {
				continue // a name within "them" that no condition uses
			}
			got[0].Title = fmt.Sprint(i)
			rules = append(rules, got[0])
		}
		set := compile(rules)
		for range 5 {
			e := &event.Event{}
			for range rapid.IntRange(0, 5).Draw(t, "n") {
				e.Append(rapid.SampledFrom(fields).Draw(t, "field"),
					rapid.StringMatching(`[abkAK\x{212a}]{1,3}`).Draw(t, "value"))
			}
			var want, got []string
			for _, r := range rules {
				if r.Match(e) {
					want = append(want, r.Title)
				}
			}
			set.Match(e, func(r *Rule) { got = append(got, r.Title) })
			if !slices.Equal(got, want) {
				t.Errorf("%s: rules %v match, want %v", e.AppendJSON(nil), got, want)
			}
		}
	})
}

func TestWildcards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := parsePattern(rapid.StringMatching(`[abé*?]{0,6}`).Draw(t, "pattern"))
		s := rapid.StringMatching(`[abéABÉ]{0,8}`).Draw(t, "text")
		want := slow(p, []rune(strings.ToLower(s)))
		if got := p.test(false)(s); got != want {
			t.Errorf("%q matches %q: %v, want %v", string(p), s, got, want)
		}
	})
}

// slow is the definition of wildcards.
func slow(p pattern, s []rune) bool {
	switch {
	case len(p) == 0:
		return len(s) == 0
	case p[0] == anyRun:
		return slow(p[1:], s) || len(s) > 0 && slow(p, s[1:])
	}
	return len(s) > 0 && (p[0] == anyOne || p[0] == s[0]) && slow(p[1:], s[1:])
}

// thousand makes rules as people write them: half of them of sudo alone, apart by what was run.
func thousand(b *testing.B) *Rules {
	rules := make([]*Rule, 1000)
	for i := range rules {
		var d string
		switch i % 4 {
		case 0:
			d = fmt.Sprintf(" s: {process.name: sudo, process.executable: [/usr/bin/tool%d, /bin/tool%d]}\n", i, i)
		case 1:
			d = fmt.Sprintf(" s: {process.name: sudo, event.action: sudo-command, user.name: user%d}\n", i)
		case 2:
			d = fmt.Sprintf(" s: {process.name: program%d, process.command_line|contains: secret}\n", i)
		default:
			d = fmt.Sprintf(" s: {event.action: [ssh-login, action%d], source.ip|cidr: 10.%d.0.0/16}\n", i, i%250)
		}
		rules[i] = ruleOf(b, d+" condition: s\n")
	}
	return compile(rules)
}

func BenchmarkMatch1000Rules(b *testing.B) {
	base := []string{"@timestamp", "2026-11-23T17:54:15Z", "host.name", "web-01", "event.id", strings.Repeat("ab", 16),
		"event.original", strings.Repeat("x", 120), "message", strings.Repeat("x", 100),
		"log.file.path", "/var/log/auth.log",
		"log.offset", "123456", "event.created", "2026-11-23T17:54:15Z", "agent.id", strings.Repeat("cd", 16),
		"event.dataset", "sudo", "event.outcome", "success", "process.pid", "4711", "process.tty", "pts/0",
		"process.working_directory", "/srv/lab", "user.target.name", "root"}
	f := func(name string, more ...string) {
		rules := thousand(b)
		e := line(append(slices.Clone(base), more...)...)
		b.Run(name, func(b *testing.B) {
			hits := 0
			b.ReportAllocs()
			for b.Loop() {
				rules.Match(e, func(*Rule) { hits++ })
			}
		})
	}
	f("none", "process.name", "cron", "user.name", "averez", "event.action", "cron-run")
	f("sudo", "process.name", "sudo", "process.executable", "/usr/bin/tool400", "user.name", "averez",
		"event.action", "sudo-command", "process.command_line", "/usr/bin/tool400 --secret")
	f("ssh", "process.name", "sshd", "event.action", "ssh-login", "source.ip", "10.3.1.1", "user.name", "averez")
}
