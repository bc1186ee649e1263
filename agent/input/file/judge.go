package file

// verdict is what a file that was found is taken for.
type verdict uint8

const (
	goesOn  verdict = iota // it holds a known content: continue at its cursor
	renewed                // it is a known file with other bytes: a new epoch, from 0
	fresh                  // a new content, from 0
	copied                 // a copy of a content that is followed elsewhere: leave it until it changes
	wait                   // not settled yet: look again
)

func (v verdict) String() string {
	return [...]string{"continue", "new epoch", "new", "copy", "wait"}[v]
}

// match is how a file that was found compares with one known content.
type match struct {
	content *content
	equal   bool // it has the content's head and its mark at the top, and is not shorter
	gone    bool // the content has no other file any more
}

// seen is what was found under a name.
type seen struct {
	known   *content // the content that lay in a file of this handle, or nil
	same    bool     // known's head and mark are in this file, and it is not shorter
	sibling bool     // it has a rotated name, or is an archive
	settled bool     // it stopped changing; an archive is whole
	nothing bool     // nothing of it can be read
	size    uint64   // bytes of content, decompressed
	matches []match  // contents of the same stem, when known is nil
}

// judge decides by what is known and what is seen alone; it touches nothing. The content is the one to continue, or
// the one whose copy this is, if any.
func judge(s seen) (verdict, *content) {
	if s.known != nil && !s.nothing {
		if s.same {
			return goesOn, s.known
		}
		return renewed, s.known
	}
	if s.sibling && !s.settled {
		return wait, nil
	}
	if s.nothing {
		return copied, nil
	}
	best := longest(s.matches)
	switch {
	case best == nil:
		return fresh, nil
	case best.gone && !s.sibling && best.content.Top < headSize:
		return fresh, nil // too little to know it by: a file that is made anew each day may begin like this
	case best.gone && s.size > best.content.Cursor:
		return goesOn, best.content
	case best.gone:
		return copied, best.content // all of it was sent and confirmed
	case s.sibling:
		return copied, best.content
	}
	return fresh, nil // a name of its own, however equal the bytes
}

// longest returns the equal content of which most is known.
func longest(matches []match) *match {
	var best *match
	for i := range matches {
		m := &matches[i]
		if m.equal && (best == nil || m.content.Top > best.content.Top) {
			best = m
		}
	}
	return best
}
