package rotate

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseRotated(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		r, ok := parseRotated("a.log", name)
		if got := fmt.Sprintf("%d|%s|%s", r.number, r.stamp, r.ext); ok != (want != "") || ok && got != want {
			t.Errorf("parseRotated(%q) = %s, %v; want %s", name, got, ok, want)
		}
	}
	f("a.log", "")
	f("a.log.1", "1||")
	f("a.log.12.gz", "12||.gz")
	f("a.log.2.zst", "2||.zst")
	f("a.log-20261128", "0|20261128|")
	f("a.log-20261128-101530.gz", "0|20261128-101530|.gz")
	for _, name := range []string{"a.log.", "a.log.gz", "a.log.0", "a.log.01", "a.log.-1", "a.log.+1", "a.log.1x", "a.log.1.gz.tmp", "b.log.1",
		"a.log-20261332", "a.log-2026", "a.log1", "a.log.1000000", "a.log.99999999999999999999", ".a.log.1.gz.tmp"} {
		f(name, "")
	}
}

func TestStem(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		if got, _ := stem(name); got != want {
			t.Errorf("stem(%q) = %q, want %q", name, got, want)
		}
	}
	f("a.log", "")
	f("a.log.1", "a.log")
	f("a.log.1.gz", "a.log")
	f("a.log-20261128-101530.xz", "a.log")
	f("a.1.2", "a.1")
	f(".1", "")
	f("access.2026", "access") // a name like this is only rotated when it is named without a wildcard
	f("v1.2.3.log", "")
}

func TestSeries(t *testing.T) {
	f := func(byDate bool, names, want string) {
		t.Helper()
		var got []string
		for _, r := range series("a", strings.Fields(names), byDate) {
			got = append(got, r.name)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("series(%s, %v) = %s, want %s", names, byDate, s, want)
		}
	}
	f(false, "a.10 a.9.gz a a.1 b.1 a.2.gz", "a.1 a.2.gz a.9.gz a.10")
	f(true, "a-20260101 a-20261231-235959.gz a-20261231", "a-20261231-235959.gz a-20261231 a-20260101")
	f(true, "a.1 a-20260101 a.2", "a-20260101 a.1 a.2")
	f(false, "a.1 a-20260101 a.2", "a.1 a.2 a-20260101")
}

func TestShifts(t *testing.T) {
	f := func(names, want string) {
		t.Helper()
		var got []string
		for _, m := range shifts("a", series("a", strings.Fields(names), false)) {
			got = append(got, m.From+">"+m.To)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("shifts(%s) = %s, want %s", names, s, want)
		}
	}
	f("a", "")
	f("a.1", "a.1>a.2")
	f("a.1 a.2.gz a.3.gz", "a.3.gz>a.4.gz a.2.gz>a.3.gz a.1>a.2")
	f("a.1 a.2 a.4", "a.2>a.3 a.1>a.2") // the gap is filled, what is behind it stays
	f("a.2 a.3", "")
	f("a.1 a.1.gz a-20260101", "a.1>a.2 a.1.gz>a.2.gz")
}

func FuzzRotatedName(f *testing.F) {
	f.Add("a.log", ".1.gz")
	f.Add("a", "-20261128-101530")
	f.Add("a.1", ".2")
	f.Fuzz(func(t *testing.T, base, rest string) {
		name := base + rest
		r, ok := parseRotated(base, name)
		if ok && (r.name != name || (r.number > 0) == (r.stamp != "")) {
			t.Errorf("%q: %+v", name, r)
		}
		if s, found := stem(name); found && !strings.HasPrefix(name, s) || ok && base != "" && !found {
			t.Errorf("stem(%q) = %q, %v", name, s, found)
		}
	})
}
