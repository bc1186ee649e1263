package fleet

import (
	"slices"
	"time"

	"belfry/shared/event"
)

// join adds what another aggregator knows of an agent. The order does not matter, nor does a repeat. It reports whether the
// other has heard a newer heartbeat.
func (a *agent) join(o *agent) (newer bool) {
	newer = o.Heard.After(a.Heard)
	if newer {
		a.Heard, a.Beat, a.Version, a.Config, a.Expires, a.Spool = o.Heard, o.Beat, o.Version, o.Config, o.Expires, o.Spool
	}
	if o.Host != "" && (newer || a.Host == "") {
		a.Host = o.Host
	}
	if o.Turned.After(a.Turned) {
		a.Turned, a.Silent = o.Turned, o.Silent
	}
	if o.Seen.After(a.Seen) {
		a.Over = o.Over
	}
	a.Seen, a.Sealed = later(a.Seen, o.Seen), later(a.Sealed, o.Sealed)
	for _, l := range o.Lanes {
		if i := slices.IndexFunc(a.Lanes, func(x lane) bool { return x.Lane == l.Lane }); i < 0 || l.Seen.After(a.Lanes[i].Seen) {
			a.speaks(l.Lane, l.Queue, l.Seen)
		}
	}
	a.joinBoots(o)
	a.joinLost(o)
	return newer
}

func (a *agent) joinBoots(o *agent) {
	for _, b := range o.Boots {
		i := slices.IndexFunc(a.Boots, func(x boot) bool { return x.ID == b.ID })
		if i < 0 {
			b.Over = slices.Clone(b.Over)
			a.Boots = append(a.Boots, b)
			continue
		}
		x := &a.Boots[i]
		x.First, x.Last = earlier(x.First, b.First), later(x.Last, b.Last)
		for _, id := range b.Over {
			if !slices.Contains(x.Over, id) {
				x.Over = append(x.Over, id)
			}
		}
	}
	if n := len(a.Boots) - maxBoots; n > 0 {
		slices.SortStableFunc(a.Boots, func(x, y boot) int { return x.Last.Compare(y.Last) })
		a.Boots = slices.Delete(a.Boots, 0, n)
	}
	for _, c := range o.Clones {
		a.tell(c.A, c.B)
	}
}

// joinLost takes over what messages were lost. Who has summed up more of the earlier processes knows which are left.
func (a *agent) joinLost(o *agent) {
	mine, theirs := a.Lost, o.Lost
	if o.Earlier > a.Earlier {
		a.Earlier, mine, theirs = o.Earlier, theirs, mine
	}
	more := o.Earlier == a.Earlier // then either may know of one that the other does not
	all := slices.Clone(mine)
	for _, l := range theirs {
		i := slices.IndexFunc(all, func(x lost) bool { return x.Boot == l.Boot })
		switch {
		case i >= 0:
			all[i].Messages = max(all[i].Messages, l.Messages)
		case more && len(all) < maxBoots:
			all = append(all, l)
		}
	}
	a.Lost, a.Told = all, max(a.Told, o.Told)
}

// join adds what another aggregator knows of a stream; newer says that it has heard a newer heartbeat. It reports whether
// that is anything.
func (s *stream) join(o *stream, newer bool) (changed bool) {
	was := *s
	if !o.Beat.IsZero() && (newer || s.Beat.IsZero()) {
		s.Cursor, s.Behind, s.Since, s.Beat = o.Cursor, o.Behind, o.Since, o.Beat
	}
	if o.Path != "" && (newer || s.Path == "") {
		s.Path = o.Path
	}
	s.Known, s.Final, s.Said = s.Known || o.Known, s.Final || o.Final, max(s.Said, o.Said)
	if !o.First.IsZero() {
		if s.First.IsZero() || o.Last.After(s.Last) {
			s.Queue = o.Queue
		}
		if s.First.IsZero() || o.First.Before(s.First) {
			s.First = o.First
		}
	}
	if o.Seen > s.Seen || o.Seen == s.Seen && len(o.Line) > len(s.Line) {
		s.Line = slices.Clone(o.Line)
	}
	s.Seen, s.Last, s.Came = max(s.Seen, o.Seen), later(s.Last, o.Last), later(s.Came, o.Came)
	return !s.same(&was)
}

// same reports whether the same is known of two streams.
func (s *stream) same(o *stream) bool {
	times := func(x, y time.Time) bool { return x.Equal(y) }
	return s.Path == o.Path && s.Queue == o.Queue && s.Seen == o.Seen && s.Said == o.Said && s.Known == o.Known && s.Final == o.Final &&
		s.Cursor == o.Cursor && s.Behind == o.Behind && times(s.Since, o.Since) && times(s.Beat, o.Beat) && times(s.First, o.First) &&
		times(s.Last, o.Last) && times(s.Came, o.Came) &&
		slices.EqualFunc(s.Line, o.Line, func(x, y point) bool { return x.Offset == y.Offset && times(x.At, y.At) })
}

func (q *queue) join(o *queue) {
	if o.Turned.After(q.Turned) {
		q.Turned, q.Idle = o.Turned, o.Idle
	}
	q.Time, q.Came = later(q.Time, o.Time), later(q.Came, o.Came)
	q.Resumed, q.Back = later(q.Resumed, o.Resumed), later(q.Back, o.Back)
}

// rests reports whether a stream is unlikely to change soon.
func (s *stream) rests(now time.Time) bool {
	quiet := now.Sub(s.Came)
	return quiet > restsAfter || quiet > endsAfter && s.Final && s.Seen >= s.Said
}

const (
	restsAfter = 30 * time.Minute // nothing was heard of it
	endsAfter  = 5 * time.Minute  // likewise, of one that has ended
)

// drop takes an agent out of the memory. The caller holds mu.
func (f *Fleet) drop(a *agent) {
	if f.ids[a.Name]--; f.ids[a.Name] == 0 {
		delete(f.ids, a.Name)
	}
	delete(f.agents, a.id)
	delete(f.dirty, a.id)
	delete(f.unshared, a.id)
	f.counts(a, -len(a.streams))
	for k := range a.streams {
		delete(f.stale, a.position(k))
		f.touched[a.position(k)] = struct{}{}
	}
}

// bury notes that streams of an agent are judged no more.
func (f *Fleet) bury(id event.Key, all []streamKey) error {
	a, puts := agent{id: id}, make([]Put, 0, len(all))
	for _, k := range all {
		if key := PositionKey(a.position(k)); !f.db.has(bucketForgotten, key) {
			puts = append(puts, Put{bucketForgotten, key, []byte{}})
		}
	}
	return f.db.Write(puts, nil)
}
