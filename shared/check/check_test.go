package check

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	f := func(fill func(*Report), s Style, code int, want ...string) {
		t.Helper()
		r := Report{File: "/etc/x.yaml"}
		fill(&r)
		var out strings.Builder
		err := r.Write(&out, s)
		got, told := Code(err)
		if out.String() != strings.Join(want, "\n")+"\n" || got != code || told != (code != 0) || !told && err != nil {
			t.Errorf("exit %d, %v\n%s\nwant %d\n%s", got, err, out.String(), code, strings.Join(want, "\n"))
		}
	}
	nothing := func(*Report) {}
	doubts := func(r *Report) {
		r.Warn("ship.https.url", "%s", "no\nanswer")
		r.WarnLines("spool", []string{"min_free: little"})
		r.WarnLines("", []string{"inputs.files[0].paths[1]: /a: no\x1b[31m"})
	}
	f(nothing, Style{}, 0, "/etc/x.yaml: ok")
	f(nothing, Style{Strict: true}, 0, "/etc/x.yaml: ok")
	told := []string{
		"warning: inputs.files[0].paths[1]: /a: no\ufffd[31m", "warning: ship.https.url: no; answer", "warning: spool.min_free: little",
		"/etc/x.yaml: 3 warnings",
	}
	f(doubts, Style{}, 0, told...)
	f(doubts, Style{Strict: true}, 1, told...)
	faults := func(r *Report) {
		r.Warn("a", "first")
		r.Fail("", errors.Join(errors.New("/etc/x.yaml:4: inputs.pathz: unknown key"), errors.New("/etc/x.yaml: state: bad"), errors.New("/etc/x.yaml:1: did not find ]")))
		r.Fail("alert.rules", fmt.Errorf("/etc/rules.d/a.yml:3: %w", errors.New("no detection")))
	}
	f(faults, Style{}, 2,
		"error: /etc/x.yaml:1: did not find ]", "error: alert.rules: /etc/rules.d/a.yml:3: no detection",
		"error: inputs.pathz: /etc/x.yaml:4: unknown key", "error: state: bad", "warning: a: first", "/etc/x.yaml: 4 errors, 1 warning")
	f(faults, Style{JSON: true}, 2, `{"file":"/etc/x.yaml","errors":4,"warnings":1,"findings":[`+
		`{"level":"error","text":"/etc/x.yaml:1: did not find ]"},`+
		`{"level":"error","key":"alert.rules","text":"/etc/rules.d/a.yml:3: no detection"},`+
		`{"level":"error","key":"inputs.pathz","text":"/etc/x.yaml:4: unknown key"},`+
		`{"level":"error","key":"state","text":"bad"},{"level":"warning","key":"a","text":"first"}]}`)
	f(nothing, Style{JSON: true}, 0, `{"file":"/etc/x.yaml","errors":0,"warnings":0,"findings":[]}`)
}

// What systemctl(1) shows of a unit that is loaded counts; of none, what is usual.
func TestAmbientCapabilities(t *testing.T) {
	s := Service{Caps: "cap_dac_read_search"}
	f := func(shown, want string) {
		t.Helper()
		if got := s.ambientOf(shown); got != want {
			t.Errorf("%q: %q, want %q", shown, got, want)
		}
	}
	f("LoadState=not-found\nAmbientCapabilities=\n", "cap_dac_read_search")
	f("", "cap_dac_read_search")
	f("AmbientCapabilities=cap_chown cap_dac_override cap_dac_read_search\nLoadState=loaded\n", "cap_chown cap_dac_override cap_dac_read_search")
	f("LoadState=loaded\nAmbientCapabilities=\n", "")
}
