package file

import (
	"cmp"
	"slices"
	"time"

	"belfry/agent/input/file/archive"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/heartbeat"
)

// held is what an index has of a stream: ranges, or all before an end.
type held struct {
	key    contentKey
	ranges []batch.Range
	end    uint64
}

// IndexedRanges notes that the index has what a batch brought of a stream. It may be called from any goroutine.
func (in *Input) IndexedRanges(s batch.Stream) {
	in.noteHeld(held{key: contentKey{s.ID, s.Epoch}, ranges: s.Ranges})
}

// IndexedTo notes that the index has all of a stream before end. It may be called from any goroutine.
func (in *Input) IndexedTo(stream event.Key, epoch, end uint64) {
	in.noteHeld(held{key: contentKey{stream, epoch}, end: end})
}

func (in *Input) noteHeld(h held) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.held = append(in.held, h)
}

// applyHeld moves the marks of what the index has.
func (in *Input) applyHeld() {
	in.mu.Lock()
	all := in.held
	in.held = nil
	in.mu.Unlock()
	for _, h := range all {
		c := in.store.contents[h.key]
		if c == nil {
			continue // of another input's stream
		}
		for _, r := range h.ranges {
			c.indexed.add(r.First, r.End)
		}
		if h.end > 0 {
			c.indexed.add(0, h.end)
		}
		if to := c.indexed.advance(c.Indexed); to > c.Indexed {
			c.Indexed = to
			in.cursorMoved(c)
		}
	}
}

// noteEnds keeps a picture for Ends.
func (in *Input) noteEnds(now time.Time) {
	in.mu.Lock()
	for _, s := range in.told {
		if c := in.store.contents[contentKey{s.ID, s.Epoch}]; c != nil {
			c.told = s.End
		}
	}
	in.told = nil
	in.mu.Unlock()
	var all []heartbeat.Stream
	unindexed := 0
	for _, c := range in.store.contents {
		if c.Copy {
			continue
		}
		s := in.endOf(c)
		if s.End > c.Indexed {
			unindexed++
		}
		// What the index has at once is named once all the same: so the aggregator knows that its agent says so too.
		if s.End > c.Indexed || !c.Ended && s.End != c.told {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b heartbeat.Stream) int { return cmp.Compare(a.Path, b.Path) })
	in.noted = now
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ends, in.unindexed = all, unindexed
}

func (in *Input) endOf(c *content) heartbeat.Stream {
	s := heartbeat.Stream{ID: c.Stream, Epoch: c.Epoch, Path: c.Path, End: c.Cursor, Cursor: c.Cursor, Final: c.Ended}
	f := in.open[c.File]
	switch {
	case f != nil && f.content == c:
		s.End = max(s.End, f.lines.Begin())
		if f.kind == archive.Plain && f.size > s.End {
			s.Behind = f.size - s.End
		}
		if s.Cursor < s.End {
			s.Since = f.handed
		}
	case c.Lost != nil:
		s.End = max(s.End, c.Lost.To)
	case !c.Ended && !in.scanned.IsZero() && in.isGone(c): // so it is said to reach, and what is missing of it shows
		s.End = max(s.End, c.reach())
	case !c.Ended: // let go before all was confirmed
		s.End = max(s.End, c.handed)
		if reach := c.reach(); reach > s.End {
			s.Behind = reach - s.End
		}
	}
	return s
}

// Ends returns the streams to be named in a heartbeat, as of a few seconds ago: those of which the index has not acknowledged
// all that was handed on, and those that have grown since the last call. It may be called from any goroutine.
func (in *Input) Ends() []heartbeat.Stream {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.told = in.ends
	return slices.Clone(in.ends)
}

// Unindexed returns of how many streams the index has not acknowledged all that was handed on. It may be called from any
// goroutine.
func (in *Input) Unindexed() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.unindexed
}
