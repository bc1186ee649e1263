package ident

import (
	"cmp"
	"slices"
)

// Verdict is what a file that was found is taken for.
type Verdict uint8

// The verdicts.
const (
	Continue Verdict = iota // it holds a content: go on at its cursor
	Renew                   // it is a known file with other bytes: a new epoch, from 0; the old content seeks its tail
	Recover                 // the machine went down without a clean stop: a new epoch from the last bytes that surely are there
	Wait                    // not settled yet: look again
	Copy                    // it repeats a content: leave it alone until it changes
	Move                    // it repeats a content and goes further: the content goes on here, its other file is the copy
	New                     // a new content, from 0
)

func (v Verdict) String() string {
	return [...]string{"continue", "new epoch", "recover", "wait", "copy", "move", "new"}[v]
}

// Where says where the bytes of a content are besides the file that is judged.
type Where uint8

// The places.
const (
	Gone    Where = iota // no name, no open file, and the handle finds nothing
	Deleted              // a file without a name that is still open
	Living               // a file with a name
)

// Match is how the file compares with one content that may be its own.
type Match struct {
	Likeness
	Where  Where
	Cursor uint64 // all before it is confirmed
	Top    uint64 // the largest offset that was seen or sent
	Before uint64 // size that the content had already when the file was made: min(birth, mtime)

	OwnName bool   // the file lies under the last name of the content
	Size    uint64 // of the living or deleted file
	SameEnd bool   // that file and this one have the same last MarkSize bytes where the shorter of them ends
	Older   bool   // this file is older than the living one
	Copied  bool   // the living one is a copy by its name: rotated, or an archive
	Backup  bool   // the living one was this name's file until somebody put a new one in its place, and kept it
	Distant bool   // the content comes from another folder, or is of another name: only what is sure counts
}

// Parts says what the members of an archive are, if there are several.
type Parts uint8

// What they may be.
const (
	Unlike    Parts = iota // none of them is known, or there is but one
	Partly                 // some repeat a content, and some are not known: what is sent of it may have been sent before
	Unsent                 // each repeats a content that is still being sent from elsewhere, or was sent
	Confirmed              // each repeats a content, and all of it is confirmed
)

// Seen is a file that was found, and all that may tell what it is.
type Seen struct {
	Known    bool     // a content lies in a file of this handle
	Like     Likeness // with that content
	Top      uint64   // of that content
	Rebooted bool     // the machine went down without a clean stop since the content was judged
	Holds    bool     // some of that content surely is there, from its beginning

	Sibling bool    // it has a rotated name, or is an archive
	Moving  bool    // it is still changing; of an archive: it is not whole, and may become so
	Still   bool    // it has not changed for a long time
	Nothing bool    // there is nothing to read in it
	Size    uint64  // bytes of content
	Matches []Match // contents of the same stem, if none is known
	Parts   Parts   // of an archive of several members: whether each repeats a content of its own
}

// Bounds of what is believed.
const (
	sureReach = 4 << 10         // bytes of evidence that tell two logs apart although both begin with the same header
	nearEnd   = Step + MarkSize // how far behind the last mark a copy may end of which all was sent
	tooLittle = 256             // a file that is made anew each day may begin with so many same bytes
)

// Judgement is a verdict, with the number of the match that it speaks of (-1: none) and its reason in words.
type Judgement struct {
	Verdict Verdict
	Match   int
	Reason  string
	Doubt   bool // what is sent by it may have been sent before
}

// Judge decides what a file is. It is pure: the same question has the same answer.
func Judge(s Seen) Judgement {
	if s.Sibling && s.Moving && !s.Known {
		return Judgement{Wait, -1, "it is still changing", false}
	}
	switch s.Parts {
	case Confirmed:
		return Judgement{Copy, -1, "each of its members repeats what was sent and confirmed", false}
	case Unsent:
		return Judgement{Wait, -1, "each of its members repeats what is still being sent", false}
	case Unlike, Partly:
	}
	if s.Known {
		return judgeKnown(s)
	}
	if s.Sibling && s.Nothing {
		return Judgement{Copy, -1, "there is nothing in it", false}
	}
	order := make([]int, len(s.Matches))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return better(&s.Matches[i], &s.Matches[j]) })
	for _, i := range order {
		if j, decided := judgeMatch(&s, &s.Matches[i]); decided {
			j.Match = i
			return j
		}
		if s.Matches[i].replaced(&s) {
			return Judgement{New, -1, "it has the bytes of the file that had its name, and lives on elsewhere", true}
		}
	}
	if len(s.Matches) == 0 {
		return Judgement{New, -1, "nothing like it is known", false}
	}
	return Judgement{New, -1, "it is none of the files of this name that are known", false}
}

// replaced reports whether the file took the place of one that it has the bytes of and that lives on, as after
// "cp -a d e; mv d old; mv e d": nobody knows which of them a writer goes on with.
func (m *Match) replaced(s *Seen) bool {
	return m.Equal && m.Where == Living && m.OwnName && m.SameEnd && !s.Sibling && m.Sure(s.Size)
}

func judgeKnown(s Seen) Judgement {
	switch {
	case s.Rebooted && (s.Like.Equal || s.Top == 0 || s.Holds):
		return Judgement{Recover, -1, "the machine went down without a clean stop", true}
	case s.Top == 0 || s.Like.Equal && s.Size >= s.Top:
		return Judgement{Continue, -1, "the same file, with all that was seen of it", false}
	case s.Size < s.Top:
		return Judgement{Renew, -1, "the same file, but shorter than it was: truncated", false}
	}
	return Judgement{Renew, -1, "the same file, but with other bytes: truncated and written anew", false}
}

// better orders matches: most evidence first, then those that are gone, for a living content needs no other file, then the
// longest.
func better(a, b *Match) int {
	if c := cmp.Compare(b.Reach, a.Reach); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Where, b.Where); c != 0 {
		return c
	}
	return cmp.Compare(b.Cursor, a.Cursor)
}

func judgeMatch(s *Seen, m *Match) (j Judgement, decided bool) {
	sure := m.Sure(s.Size)
	switch {
	case !m.Equal:
		return j, false
	case m.Before > s.Size && s.Sibling && !s.Still:
		return Judgement{Wait, -1, "it may be a copy that was begun", false}, true
	case m.Before > s.Size: // no copy of it: it was longer already when this file was made
		return j, false
	case m.Distant && !sure:
		return j, false
	case m.Where == Gone:
		return judgeGone(s, m, sure)
	case m.Where == Deleted:
		if !s.Sibling && !m.OwnName {
			return j, false
		}
		return Judgement{Wait, -1, "it has the bytes of a deleted file that is still read", false}, true
	}
	return judgeLiving(s, m, sure)
}

func judgeGone(s *Seen, m *Match, sure bool) (j Judgement, decided bool) {
	if !s.Sibling && (!m.OwnName || s.Size < m.Top) {
		return j, false // a live name goes on with its own last content alone, if all that was seen of it is there
	}
	switch {
	case !s.Sibling && m.Top < tooLittle:
		return Judgement{New, -1, "too little is known of the file that is gone to tell it from a new one", true}, true
	case s.Size > m.Cursor && (s.Size >= m.Top || sure):
		if s.Size < m.Top {
			return Judgement{Continue, -1, "it has what the file had that is gone, as far as it was copied", false}, true
		}
		return Judgement{Continue, -1, "it has all that was seen of the file that is gone", false}, true
	case s.Size <= m.Cursor && s.Size-min(s.Size, m.Reach) <= nearEnd:
		if !sure {
			return Judgement{New, -1, "it begins like what was sent, and too little is known of that to tell", true}, true
		}
		return Judgement{Copy, -1, "all of it was sent and confirmed", false}, true
	}
	return j, false
}

func judgeLiving(s *Seen, m *Match, sure bool) (j Judgement, decided bool) {
	switch {
	case !m.SameEnd:
		return j, false
	case s.Size <= m.Size && s.Sibling:
		return Judgement{Copy, -1, "it is a copy of a living file", false}, true
	case s.Size >= m.Size && m.Size > 0 && m.Older && m.Copied:
		return Judgement{Move, -1, "it is the original of what was found first", false}, true
	case s.Size >= m.Size && m.Size > 0 && m.Backup:
		return Judgement{Move, -1, "it took the place of the file that is kept as a backup, and has all of it", false}, true
	case s.Size > m.Size && s.Sibling && !sure && !s.Still && s.Size <= sureReach:
		return Judgement{Wait, -1, "it is longer than the file that is followed, of which too little is known yet", false}, true
	case s.Size > m.Size && s.Sibling && !sure:
		return Judgement{New, -1, "it begins like the file that is followed, and too little is known of that to tell", true}, true
	case s.Size > m.Size && s.Sibling:
		return Judgement{Move, -1, "it is longer than the file that is followed, and begins like it", false}, true
	}
	return j, false // a live name of its own, however equal the bytes
}
