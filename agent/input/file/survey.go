package file

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/ident"
)

// survey is an archive that is read through before it is judged: is it whole, how long is its content, and whose is it? One
// goroutine does so at a time, for others must not wait.
type survey struct {
	handle Handle
	size   uint64
	mtime  int64
	took   time.Duration
	stop   context.CancelFunc
	done   chan struct{} // closed when what follows is there
	of     []contentKey
	wanted []ident.Evidence // of those, as it was when the survey began
	tries  int              // before this one
	end    time.Time
	probe  *ident.Probe
	chain  *ident.Chain
	first  []byte // of the content
	proven uint64
	err    error
}

var errTar = errors.New("it is a tar")

// is reports whether a survey was made of what a file is now.
func (s *survey) is(st stat) bool {
	return s.handle == st.handle && s.size == st.size && s.mtime == st.mtime
}

func (s *survey) finished() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// since returns since when a file has been as it is: by its time or, as that may come from another clock, by what was seen
// before.
func (e *entry) since() time.Time {
	return time.Unix(0, min(e.stat.mtime, int64(e.still)))
}

// examineArchive takes the result of a survey, or begins one. An archive that is not whole is waited for, until it has not
// changed for a while; what can be read of it is taken then.
func (in *Input) examineArchive(c *candidate, others []*content) (ready bool, err error) {
	s := in.surveys[c.stat.handle]
	switch {
	case s == nil || !s.is(c.stat):
		if s == nil || s.finished() && in.now().Sub(c.still.time()) >= 4*s.took {
			in.beginSurvey(c, others)
		}
		return false, nil
	case !s.finished():
		return false, nil
	case archive.IsTar(s.first):
		delete(in.surveys, c.stat.handle)
		c.kind = archive.Tar
		return true, nil
	case isFileError(s.err) || errors.Is(s.err, context.Canceled):
		delete(in.surveys, c.stat.handle)
		return false, s.err
	case s.err != nil && !errors.Is(s.err, archive.ErrTrailing) && in.mayGrow(c):
		in.problem("archive is not whole", c.path, s.err)
		return false, nil
	}
	c.damaged, c.proven, c.own = s.err, s.proven, s.probe.Own()
	stale := in.overtaken(c, s, others)
	if stale && s.tries < maxSurveys {
		if in.now().Sub(s.end) >= 4*s.took {
			in.surveyAgain(c, s, others)
		}
		return false, nil
	}
	c.seen.Size, c.seen.Nothing = s.probe.Size(), s.probe.Size() == 0
	likes := s.probe.Likes()
	if in.writtenOver(c, s, likes) {
		c.known = nil
	}
	for i, like := range likes {
		o := in.store.contents[s.of[i]]
		if o == nil {
			continue
		}
		switch {
		case c.known == nil:
			in.compare(c, o, like)
		case o == c.known:
			c.seen.Known, c.seen.Top, c.seen.Like = true, o.Top, like
		}
	}
	if c.seen.Parts = in.parts(s); stale && c.seen.Parts == ident.Unlike {
		c.seen.Parts = ident.Partly // others may be like it that it was not compared with
	}
	return true, nil
}

// writtenOver reports whether an archive lies in the file of another, which it has nothing of, and is that of a content which is
// known: who rotates to a name that is there may write into its file.
func (in *Input) writtenOver(c *candidate, s *survey, likes []ident.Likeness) bool {
	another := false
	for i, like := range likes {
		o := in.store.contents[s.of[i]]
		switch {
		case o == nil || !like.Equal:
		case o == c.known:
			return false
		default:
			another = true
		}
	}
	return c.known != nil && another
}

// parts says whether each member of an archive of several repeats another content. That the first does is told by the whole.
func (in *Input) parts(s *survey) ident.Parts {
	all, more := s.chain.Parts()
	if len(all) < 2 || s.err != nil {
		return ident.Unlike
	}
	worst, best, used := ident.Confirmed, ident.Unlike, make(map[*content]bool)
	for i := range all {
		is := in.part(s, &all[i], used)
		worst = min(worst, is)
		if i > 0 {
			best = max(best, is)
		}
	}
	switch {
	case worst > ident.Unlike && !more:
		return worst
	case best > ident.Unlike:
		return ident.Partly
	}
	return ident.Unlike
}

// part says what one member is. A content is that of one member at most: equal ones may come again and again.
func (in *Input) part(s *survey, p *ident.Part, used map[*content]bool) ident.Parts {
	is, of := ident.Unlike, (*content)(nil)
	for i := range s.of {
		o := in.store.contents[s.of[i]]
		if o == nil || used[o] || !p.Repeats(i) {
			continue
		}
		switch {
		case o.Cursor >= p.Size:
			is, of = ident.Confirmed, o
		case is == ident.Unlike && in.willReach(o, p.Size):
			is, of = ident.Unsent, o
		}
	}
	used[of] = true
	return is
}

// willReach reports whether a content goes on in a file until an offset.
func (in *Input) willReach(o *content, to uint64) bool {
	if o.Ended || in.isGone(o) {
		return false
	}
	return to <= max(o.reach(), in.sizeOf(o))
}

// maxSurveys is how often an archive is read through because more has become known meanwhile.
const maxSurveys = 5

// overtaken reports whether more is known by now than when the survey began: a content that begins like the archive, or more of
// one that it was compared with.
func (in *Input) overtaken(c *candidate, s *survey, others []*content) bool {
	for i, key := range s.of {
		if o := in.store.contents[key]; o != nil && o.Akin(&c.own) && o.MarksTo(s.probe.Size()) > s.wanted[i].MarksTo(s.probe.Size()) {
			return true
		}
	}
	return slices.ContainsFunc(others, func(o *content) bool {
		return !slices.Contains(s.of, o.key()) && o.Akin(&c.own)
	})
}

// surveyAgain begins a survey in place of one that is overtaken.
func (in *Input) surveyAgain(c *candidate, s *survey, others []*content) {
	in.beginSurvey(c, others)
	if now := in.surveys[c.stat.handle]; now != s {
		now.tries = s.tries + 1
	}
}

// mayGrow reports whether an archive that is not whole may yet become so.
func (in *Input) mayGrow(c *candidate) bool {
	if _, known := writing(c.file); known && !c.busy {
		return in.now().Sub(c.since()) <= stillAfter*in.pace.settle // who sends it in pieces opens it again soon
	}
	return in.now().Sub(c.since()) <= in.pace.torn
}

// beginSurvey reads an archive through beside everything else, if no other is being read. A new file that nobody waits for
// has its turn when the history before it was sent.
func (in *Input) beginSurvey(c *candidate, others []*content) {
	for h, s := range in.surveys {
		switch {
		case !s.finished():
			return
		case in.present[h] == nil:
			delete(in.surveys, h) // nobody will ask
		}
	}
	if len(others) == 0 && in.busyWithHistory() {
		return
	}
	s := &survey{handle: c.stat.handle, size: c.stat.size, mtime: c.stat.mtime, done: make(chan struct{})}
	wanted := make([]ident.Evidence, len(others))
	for i, o := range others {
		s.of = append(s.of, o.key())
		wanted[i] = o.Evidence
		wanted[i].Marks = append([]ident.Mark(nil), o.Marks...) // which grow meanwhile
		wanted[i].Head = append([]ident.Rung(nil), o.Head...)
	}
	file, err := os.Open("/proc/self/fd/" + fdName(c.file)) // of its own, and the same file whatever its name is now
	if err != nil {
		in.problem("file cannot be read", c.path, err)
		return
	}
	s.wanted, s.probe, s.chain = wanted, ident.NewProbe(wanted), ident.NewChain(wanted)
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	in.surveys[c.stat.handle] = s
	go s.run(ctx, file, c.kind, in.kick)
}

// run reads the file through. It takes half of a core at most.
func (s *survey) run(ctx context.Context, file *os.File, kind archive.Kind, kick chan<- struct{}) {
	defer close(s.done)
	defer s.stop()
	defer file.Close()
	began := time.Now()
	last := began
	look := archive.Survey{
		See: func(b []byte, at uint64) error {
			if at < archive.TarHead {
				s.first = append(s.first, b[:min(len(b), archive.TarHead-len(s.first))]...)
				if archive.IsTar(s.first) {
					return errTar
				}
			}
			s.probe.See(b)
			s.chain.See(b)
			return nil
		},
		End: s.chain.End,
		Pace: func(ctx context.Context, _ int) error {
			if work := time.Since(last); work > 10*time.Millisecond {
				time.Sleep(work)
				last = time.Now()
			}
			return ctx.Err()
		},
	}
	_, s.proven, s.err = look.Run(ctx, file, int64(s.size), kind)
	s.end = time.Now()
	s.took = s.end.Sub(began)
	select {
	case kick <- struct{}{}:
	default:
	}
}

// stopSurveys ends what is being read, and waits for it.
func (in *Input) stopSurveys() {
	for _, s := range in.surveys {
		s.stop()
		<-s.done
	}
}
