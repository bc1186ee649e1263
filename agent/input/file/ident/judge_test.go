package ident

import "testing"

// gone is a content of 10,000 bytes, all confirmed, of which no file is left, compared with as much.
func gone() Match {
	return Match{Likeness: Likeness{true, 10_000, 4}, Cursor: 10_000, Top: 10_000, OwnName: true, SameEnd: true}
}

// living is the same, and its file has a name.
func living() Match {
	m := gone()
	m.Where, m.Size = Living, 10_000
	return m
}

// with returns a match with a change.
func with(m Match, change func(*Match)) Match {
	change(&m)
	return m
}

// sibling is a rotated file that has come to rest.
func sibling(size uint64, all ...Match) Seen { return Seen{Sibling: true, Size: size, Matches: all} }

// live is a file under a live name.
func live(size uint64, all ...Match) Seen { return Seen{Size: size, Matches: all} }

// judges makes a check of one row of the table: the verdict, and the match that it speaks of.
func judges(t *testing.T) func(name string, s Seen, want Verdict, match int) {
	return func(name string, s Seen, want Verdict, match int) {
		t.Helper()
		got := Judge(s)
		if got.Verdict != want || got.Match != match || got.Reason == "" {
			t.Errorf("%s: %v of %d (%s), want %v of %d", name, got.Verdict, got.Match, got.Reason, want, match)
		}
		if again := Judge(s); again != got {
			t.Errorf("%s: asked again: %+v, was %+v", name, again, got)
		}
	}
}

// The rows of a known handle.
func TestJudgeKnown(t *testing.T) {
	f := judges(t)
	equal := Likeness{true, 10_000, 4}
	f("equal at top, and not shorter", Seen{Known: true, Like: equal, Top: 10_000, Size: 10_000}, Continue, -1)
	f("longer", Seen{Known: true, Like: equal, Top: 10_000, Size: 10_001}, Continue, -1)
	f("shorter by one byte", Seen{Known: true, Like: equal, Top: 10_000, Size: 9_999}, Renew, -1)
	f("other bytes", Seen{Known: true, Top: 10_000, Size: 10_000}, Renew, -1)
	f("other bytes, longer", Seen{Known: true, Top: 10_000, Size: 20_000}, Renew, -1)
	f("empty now", Seen{Known: true, Top: 10_000}, Renew, -1)
	f("nothing was seen of it", Seen{Known: true, Size: 5}, Continue, -1)
	f("nothing was seen of it, and there is nothing", Seen{Known: true}, Continue, -1)

	f("rebooted, equal", Seen{Known: true, Rebooted: true, Like: equal, Top: 10_000, Size: 10_000}, Recover, -1)
	f("rebooted, shorter, some of it holds", Seen{Known: true, Rebooted: true, Holds: true, Top: 10_000, Size: 9_000}, Recover, -1)
	f("rebooted, nothing of it holds", Seen{Known: true, Rebooted: true, Top: 10_000, Size: 10_000}, Renew, -1)
	f("rebooted, nothing was seen of it", Seen{Known: true, Rebooted: true, Size: 10}, Recover, -1)
	if j := Judge(Seen{Known: true, Rebooted: true, Like: equal, Top: 10_000, Size: 10_000}); !j.Doubt {
		t.Error("what is sent again after a reboot is not in doubt")
	}
	if j := Judge(Seen{Known: true, Like: equal, Top: 10_000, Size: 10_000}); j.Doubt {
		t.Error("a file that goes on is in doubt")
	}
	// A known handle is judged by its own content alone, and is no copy.
	s := sibling(10_000, living())
	s.Known, s.Like, s.Top = true, equal, 10_000
	f("known, and like a living one", s, Continue, -1)
}

// A sibling is waited for while it may still become something else.
func TestJudgeWaits(t *testing.T) {
	f := judges(t)
	s := sibling(12_000, gone())
	s.Moving = true
	f("it still changes", s, Wait, -1)
	s.Moving = false
	f("it came to rest", s, Continue, 0)
	s = live(12_000)
	s.Moving = true
	f("a live name always changes", s, New, -1)

	deleted := with(gone(), func(m *Match) { m.Where, m.Size = Deleted, 10_000 })
	f("equal to a deleted file that is open", sibling(10_000, deleted), Wait, 0)
	f("not equal to it", sibling(10_000, with(deleted, func(m *Match) { m.Equal = false })), New, -1)
	f("a live name, its own file is deleted and open", live(10_000, deleted), Wait, 0)
	f("a live name, another's is", live(10_000, with(deleted, func(m *Match) { m.OwnName = false })), New, -1)

	begun := with(living(), func(m *Match) { m.Before = 10_001 })
	f("shorter than the content was when it was made", sibling(10_000, begun), Wait, 0)
	f("as long as that", sibling(10_001, begun), Move, 0)
	s = sibling(10_000, begun)
	s.Still = true
	f("it has been so for long: no copy", s, New, -1)
	f("a live name is no copy that was begun", live(10_000, begun), New, -1)

	s = sibling(0, gone())
	s.Nothing = true
	f("nothing in it", s, Copy, -1)
	s.Sibling = false
	f("a live name, nothing in it", s, New, -1)
}

// The content's file is gone, and a sibling has its bytes.
func TestJudgeSiblingOfGone(t *testing.T) {
	f := judges(t)
	behind := with(gone(), func(m *Match) { m.Cursor = 5_000 })
	f("all that was seen, not all confirmed", sibling(10_000, behind), Continue, 0)
	f("more than was seen", sibling(10_001, gone()), Continue, 0)
	f("other bytes", sibling(10_001, with(gone(), func(m *Match) { m.Equal = false })), New, -1)
	f("not longer than the cursor", sibling(10_000, gone()), Copy, 0)
	f("one byte longer than the cursor", sibling(10_000, with(gone(), func(m *Match) { m.Cursor = 9_999 })), Continue, 0)

	// Below top: only with 4 KiB of evidence, or the whole file.
	f("below top, with evidence", sibling(9_000, with(behind, func(m *Match) { m.Reach = sureReach })), Continue, 0)
	f("below top, one byte too little", sibling(9_000, with(behind, func(m *Match) { m.Reach = sureReach - 1 })), New, -1)
	small := with(behind, func(m *Match) { m.Cursor, m.Reach = 100, 700 })
	f("below top, the whole of a small file", sibling(800, small), Continue, 0)
	f("below top, not the whole of it", sibling(801, small), New, -1)
	f("at top, little evidence", sibling(10_000, with(behind, func(m *Match) { m.Reach = 64 })), Continue, 0)

	// A copy ends where its last mark is, or not far behind it.
	ends := func(far uint64) Match {
		return with(gone(), func(m *Match) { m.Top, m.Reach = 90_000, 8_192; m.Cursor = 8_192 + far })
	}
	f("it ends not far behind its last mark", sibling(8_192+nearEnd, ends(nearEnd)), Copy, 0)
	f("it ends far behind its last mark", sibling(8_192+nearEnd+1, ends(nearEnd+1)), New, -1)

	distant := with(behind, func(m *Match) { m.Distant, m.OwnName = true, false })
	f("from another folder", sibling(10_000, distant), Continue, 0)
	f("from another folder, not sure", sibling(10_000, with(distant, func(m *Match) { m.Reach = sureReach - 1 })), New, -1)
}

// The live name goes on with a content only if that was its own last name, and it reaches top.
func TestJudgeLiveName(t *testing.T) {
	f := judges(t)
	f("its own last content", live(10_001, gone()), Continue, 0)
	f("another's content", live(10_001, with(gone(), func(m *Match) { m.OwnName = false })), New, -1)
	behind := with(gone(), func(m *Match) { m.Cursor = 5_000 })
	f("at top", live(10_000, behind), Continue, 0)
	f("below top", live(9_999, behind), New, -1)
	f("all of it was confirmed", live(10_000, gone()), Copy, 0)
	f("longer than the content was before", live(10_000, with(behind, func(m *Match) { m.Before = 10_001 })), New, -1)

	little := with(gone(), func(m *Match) { m.Top, m.Cursor, m.Reach = tooLittle, tooLittle, tooLittle })
	f("enough is known", live(300, little), Continue, 0)
	little.Top--
	f("too little is known", live(300, little), New, 0)
	if j := Judge(live(300, little)); !j.Doubt {
		t.Error("what may be sent again is not in doubt")
	}
	f("of a sibling little is enough", sibling(300, little), Continue, 0)
	f("nothing is known", live(10_000), New, -1)
}

// The content's file lives.
func TestJudgeBesideLiving(t *testing.T) {
	f := judges(t)
	f("a copy", sibling(10_000, living()), Copy, 0)
	f("a shorter copy", sibling(9_000, living()), Copy, 0)
	f("another end", sibling(10_000, with(living(), func(m *Match) { m.SameEnd = false })), New, -1)
	f("other bytes", sibling(10_000, with(living(), func(m *Match) { m.Equal = false })), New, -1)
	f("longer", sibling(10_001, living()), Move, 0)
	f("a live name, however equal", live(10_000, living()), New, -1)
	f("a live name, longer", live(10_001, living()), New, -1)

	original := with(living(), func(m *Match) { m.Older, m.Copied = true, true })
	f("the original", live(10_000, original), Move, 0)
	f("shorter than the copy", live(9_999, original), New, -1)
	f("not older", live(10_000, with(original, func(m *Match) { m.Older = false })), New, -1)
	f("the other is no copy by its name", live(10_000, with(original, func(m *Match) { m.Copied = false })), New, -1)
	f("the other is empty", live(10_000, with(original, func(m *Match) { m.Size = 0 })), New, -1)

	backup := with(living(), func(m *Match) { m.Backup = true })
	f("it took the place of a backup", live(10_000, backup), Move, 0)
	f("it is shorter than the backup", live(9_999, backup), New, -1)
	f("it has another end", live(10_000, with(backup, func(m *Match) { m.SameEnd = false })), New, -1)
}

// With several candidates: most evidence, then those that are gone, then the longest.
func TestJudgeOrder(t *testing.T) {
	f := judges(t)
	behind := with(gone(), func(m *Match) { m.Cursor = 5_000 })
	less := with(living(), func(m *Match) { m.Reach-- })
	f("more evidence is first", sibling(10_000, less, behind), Continue, 1)
	f("more evidence is first, in any order", sibling(10_000, behind, less), Continue, 0)
	f("gone before living", sibling(10_000, living(), behind), Continue, 1)
	shorter := with(behind, func(m *Match) { m.Cursor = 4_000 })
	f("the longest", sibling(10_000, shorter, behind), Continue, 1)
	f("of equals the first", sibling(10_000, behind, behind), Continue, 0)
	f("what decides nothing is passed over", sibling(10_000, with(behind, func(m *Match) { m.Equal = false }), living()), Copy, 1)
}

func TestVerdictString(t *testing.T) {
	seen := make(map[string]bool)
	for v := Continue; v <= New; v++ {
		if s := v.String(); s == "" || seen[s] {
			t.Errorf("verdict %d is called %q", v, s)
		} else {
			seen[s] = true
		}
	}
}
