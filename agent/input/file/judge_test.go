package file

import "testing"

func TestJudge(t *testing.T) {
	sent := &content{Cursor: 100, Evidence: Evidence{Top: 100}}
	behind := &content{Cursor: 40, Evidence: Evidence{Top: 60}}
	known := &content{Cursor: 9000, Evidence: Evidence{Top: 9000}}
	f := func(name string, s seen, want verdict, of *content) {
		t.Helper()
		if got, c := judge(s); got != want || c != of {
			t.Errorf("%s: %v (%p), want %v (%p)", name, got, c, want, of)
		}
	}
	f("known and the same", seen{known: sent, same: true}, goesOn, sent)
	f("known with other bytes", seen{known: sent}, renewed, sent)
	f("unknown name", seen{settled: true, size: 5}, fresh, nil)
	f("sibling that still changes", seen{sibling: true, size: 5}, wait, nil)
	f("archive of what was sent", seen{sibling: true, settled: true, size: 100, matches: []match{{sent, true, true}}}, copied, sent)
	f("archive with a tail", seen{sibling: true, settled: true, size: 130, matches: []match{{sent, true, true}}}, goesOn, sent)
	f("copy of a living file", seen{sibling: true, settled: true, size: 130, matches: []match{{sent, true, false}}}, copied, sent)
	f("other bytes", seen{sibling: true, settled: true, size: 130, matches: []match{{sent, false, true}}}, fresh, nil)
	f("archive of which nothing can be read", seen{sibling: true, settled: true, nothing: true}, copied, nil)
	f("known archive of which nothing can be read", seen{known: sent, sibling: true, settled: true, nothing: true}, copied, nil)
	f("live name that took the place", seen{size: 9100, matches: []match{{known, true, true}}}, goesOn, known)
	f("live name that begins like a small one", seen{size: 130, matches: []match{{sent, true, true}}}, fresh, nil)
	f("live name beside a living one", seen{size: 130, matches: []match{{sent, true, false}}}, fresh, nil)
	f("the longest known wins", seen{sibling: true, settled: true, size: 130,
		matches: []match{{behind, true, true}, {sent, true, true}}}, goesOn, sent)
}

func TestRotatedFrom(t *testing.T) {
	f := func(path, live string, rotated bool) {
		t.Helper()
		if got, ok := rotatedFrom(path); got != live || ok != rotated {
			t.Errorf("rotatedFrom(%q) = %q, %v; want %q, %v", path, got, ok, live, rotated)
		}
	}
	f("/l/auth.log", "/l/auth.log", false)
	f("/l/auth.log.1", "/l/auth.log", true)
	f("/l/auth.log.12.gz", "/l/auth.log", true)
	f("/l/auth.log.gz", "/l/auth.log", true)
	f("/l/auth.log-20261123", "/l/auth.log", true)
	f("/l/auth.log-20261123.gz", "/l/auth.log", true)
	f("/l/auth.log-2026-11-23_10:00", "/l/auth.log", true)
	f("/l/auth.log.20261123", "/l/auth.log", true)
	f("/l/auth.log~", "/l/auth.log", true)
	f("/l/auth.log.old", "/l/auth.log", true)
	f("/l/app-12.log", "/l/app-12.log", false)
	f("/l/.1", "/l/.1", false)
	f("/l/syslog", "/l/syslog", false)
}

func TestRanges(t *testing.T) {
	var r ranges
	f := func(first, end, from, want uint64) {
		t.Helper()
		r.add(first, end)
		if got := r.advance(from); got != want {
			t.Errorf("add [%d,%d), advance(%d) = %d, want %d", first, end, from, got, want)
		}
	}
	f(10, 20, 0, 0)
	f(30, 40, 0, 0)
	f(20, 25, 0, 0)
	f(0, 10, 0, 25)
	f(25, 30, 25, 40)
	f(5, 15, 40, 40)
}
