package file

import (
	"errors"
	"os"
	"slices"
	"time"
)

// How long files are waited for.
const (
	settleAfter = time.Second // a rotated file must not have changed for so long: who copies or compresses is done
	tornAfter   = time.Minute // an archive that is not whole is taken as it is when it did not change for so long
)

// look is how a rotated file was found that is not judged yet.
type look struct {
	size  uint64
	mtime int64
	since time.Time // when it was first found so
	torn  bool      // it was read, and is not whole
}

// lookAt keeps what is seen of a candidate, and returns since when it has been so: by its time or, as that may come from
// another clock, by what was seen before.
func (in *Input) lookAt(c *candidate) (look, time.Time) {
	l, ok := in.looks[c.stat.handle]
	if !ok || l.size != c.stat.size || l.mtime != c.stat.mtime {
		l = look{size: c.stat.size, mtime: c.stat.mtime, since: in.now()}
		in.looks[c.stat.handle] = l
	}
	if m := time.Unix(0, l.mtime); m.Before(l.since) {
		return l, m
	}
	return l, l.since
}

// examine gathers what judge needs to know of a candidate that is not followed now.
func (in *Input) examine(c *candidate, f *os.File) (seen, error) {
	s := seen{sibling: c.sibling, size: c.stat.size, settled: true}
	archive, others := isGzip(c.path), in.sameStem(c.live)
	k := in.handles[c.stat.handle]
	switch {
	case k == nil || k.Copy && k.changed(c):
	case k.Copy && in.orphan(k):
		s.known, s.same = in.store.contents[contentKey{k.Of, k.OfEp}], true
		return s, nil
	case !archive || k.Top == 0 || !k.changed(c):
		s.known = k
		s.same = archive || k.Top == 0 || c.stat.size >= k.Top && k.holds(f)
		return s, nil
	default: // an archive that was written anew
		s.known, others = k, []*content{k}
	}
	if c.sibling {
		_, since := in.lookAt(c)
		young := in.now().Sub(since) <= settleAfter
		if young && (archive || in.mayBeCopy(c, f, others)) || in.beginning(c.live) {
			return seen{sibling: true}, nil
		}
	}
	holds := make([]bool, len(others))
	if archive {
		var err error
		if s, holds, err = in.survey(c, f, s, others); err != nil || !s.settled {
			return s, err
		}
	} else {
		for i, o := range others {
			holds[i] = s.size >= o.Top && o.holds(f)
		}
	}
	if s.known != nil {
		s.same = holds[0] && s.size >= k.Cursor
		return s, nil
	}
	for i, o := range others {
		s.matches = append(s.matches, match{content: o, equal: holds[i], gone: in.isGone(o)})
	}
	return s, nil
}

// mayBeCopy reports whether a rotated file that is growing may be on its way to become a copy of a known content, or of
// the living file. One that begins otherwise is a log with a date in its name.
func (in *Input) mayBeCopy(c *candidate, f *os.File, others []*content) bool {
	if st, err := statPath(c.live); err == nil && st.size > 0 && in.open[st.handle] == nil {
		if k := in.handles[st.handle]; k == nil || k.Size != st.size || k.Mtime != st.mtime {
			return true
		}
	}
	return slices.ContainsFunc(others, func(o *content) bool {
		return c.stat.size < uint64(o.HeadLen) || digestAt(f, 0, o.HeadLen) == o.Head
	})
}

// beginning reports whether a living file is followed, but how it begins is not known yet, or not any more. Until then
// nobody can tell its copies.
func (in *Input) beginning(live string) bool {
	st, err := statPath(live)
	if err != nil || st.size == 0 {
		return false
	}
	f := in.open[st.handle]
	return f != nil && !f.archive && (f.content.HeadLen == 0 || st.size < f.read || f.verify() != nil)
}

// survey reads an archive through. One that is not whole is not settled, until it has not changed for a while; what can
// be read of it is taken then.
func (in *Input) survey(c *candidate, f *os.File, s seen, others []*content) (seen, []bool, error) {
	l, since := in.lookAt(c)
	patient := in.now().Sub(since) <= tornAfter
	if l.torn && patient {
		return seen{sibling: true}, nil, nil
	}
	wanted := make([]Evidence, len(others))
	for i, o := range others {
		wanted[i] = o.Evidence
	}
	length, holds, err := survey(f, wanted)
	if errors.Is(err, errDamaged) {
		if !l.torn {
			in.log.Warn("archive is not whole", "path", c.path, "err", err)
			l.torn = true
			in.looks[c.stat.handle] = l
		}
		if patient {
			return seen{sibling: true}, nil, nil
		}
		s.nothing = length == 0
		err = nil
	}
	s.size = length
	return s, holds, err
}
