package main

import (
	"strings"
	"testing"
)

// lines makes records of "action package test [output]".
func lines(records ...string) string {
	var b strings.Builder
	for _, r := range records {
		f := strings.SplitN(r, " ", 4)
		b.WriteString(`{"Action":"` + f[0] + `","Package":"` + f[1] + `"`)
		if len(f) > 2 && f[2] != "" {
			b.WriteString(`,"Test":"` + f[2] + `"`)
		}
		if len(f) > 3 {
			b.WriteString(`,"Output":"` + f[3] + `\n"`)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func TestTally(t *testing.T) {
	f := func(ci, want bool, last string, records ...string) {
		t.Helper()
		var out strings.Builder
		tl := newTally(&out)
		if err := tl.read(strings.NewReader(lines(records...))); err != nil {
			t.Fatal(err)
		}
		got := tl.sum(ci)
		all := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if got != want || all[len(all)-1] != last {
			t.Errorf("%q: %v %q; want %v %q", records, got, all[len(all)-1], want, last)
		}
	}
	f(false, true, "1 passed, 0 failed, 0 skipped", "pass a TestA", "pass a")
	f(false, true, "2 passed, 0 failed, 0 skipped", "pass a TestA/x", "pass a TestA/y", "pass a TestA", "pass a")
	f(false, false, "1 passed, 1 failed, 0 skipped", "pass a TestA/x", "fail a TestA/y", "fail a TestA", "fail a")
	f(false, false, "1 passed, 1 failed, 0 skipped", "pass a TestA/x", "fail a TestA", "fail a")
	f(false, false, "1 passed, 1 failed, 0 skipped", "pass a TestA", "fail a")
	f(false, false, "0 passed, 1 failed, 0 skipped", "fail a")
	f(false, false, "0 passed, 0 failed, 0 skipped")
	f(false, true, "1 passed, 0 failed, 1 skipped", "pass a TestA", "skip a TestB", "pass a", "skip nothing")
	f(true, false, "1 passed, 0 failed, 1 skipped", "pass a TestA", "skip a TestB", "pass a")
}

func TestTallySays(t *testing.T) {
	f := func(want string, records ...string) {
		t.Helper()
		var out strings.Builder
		tl := newTally(&out)
		if err := tl.read(strings.NewReader(lines(records...))); err != nil {
			t.Fatal(err)
		}
		tl.sum(false)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q: %q does not say %q", records, out.String(), want)
		}
	}
	f("a TestB: no ngircd: apt-get install ngircd",
		"output a TestB     b_test.go:12: no ngircd: apt-get install ngircd", "skip a TestB")
	f("measured: 0.3 s", "output a TestB     b_test.go:12: measured: 0.3 s", "pass a TestB")
	f("want 3", "output a TestB     b_test.go:12: got 2, want 3", "fail a TestB")
}
