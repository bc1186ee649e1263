package file

import (
	"time"

	"belfry/agent/input/file/archive"
)

// The past is sent oldest first, one file after the other, and no faster than backfill_rate; what is written now goes
// beside it.

// busyWithHistory reports whether a file of the past is being sent.
func (in *Input) busyWithHistory() bool {
	for _, f := range in.open {
		if f.history && !f.finished && (f.kind != archive.Plain || f.read() < f.size) {
			return true
		}
	}
	return false
}

// postpone reports whether a new file must wait until the ones before it were sent.
func (in *Input) postpone(c *candidate) bool {
	return c.sibling && (c.early || !in.recent(c)) && in.wanted(c) && (in.olderWaits || in.busyWithHistory())
}

// limitHistory says when a file of the past may be read again after n bytes.
func (in *Input) limitHistory(f *follower, n int) {
	if !f.history || n == 0 {
		return
	}
	rate := f.cfg.rate()
	if rate <= 0 {
		return
	}
	now := in.now()
	if f.limit.Before(now.Add(-time.Second)) { // what was not used is not saved up
		f.limit = now.Add(-time.Second)
	}
	f.limit = f.limit.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	f.due = f.limit
}

// noteCatching notes the oldest rotated file of each live name that is read at this moment: what is newer waits for it. What is
// of the past does not count.
func (in *Input) noteCatching() {
	clear(in.catching)
	for _, f := range in.open {
		if !f.sibling || f.history || f.finished || !f.behind() {
			continue
		}
		if o := in.catching[f.content.Stem]; o == nil || f.mtime < o.mtime {
			in.catching[f.content.Stem] = f
		}
	}
}

// longest is how long a living file waits for an archive that is unpacked: a small one may have terabytes in it.
const longest = 5 * time.Second

// waitsForOlder reports whether what a file holds must come behind what an older one of its name holds.
func (in *Input) waitsForOlder(f *follower) bool {
	if f.history || f.links == 0 {
		return false
	}
	if o := in.catching[f.content.Stem]; o != nil && o != f && (!f.sibling || o.mtime < f.mtime) {
		return f.sibling || o.kind == archive.Plain || in.now().Sub(o.since) < longest
	}
	return !f.sibling && in.now().Before(in.patience) && in.awaits[f.content.Stem]
}

// noteAwaited notes, for a while after the start, the live names of which rotated files are not judged yet: they were written
// while nobody looked, and come first.
func (in *Input) noteAwaited() {
	clear(in.awaits)
	if !in.now().Before(in.patience) {
		return
	}
	for _, e := range in.present {
		if e.sibling && !e.settled && !e.early && !e.unreadable() && in.handles[e.stat.handle] == nil {
			in.awaits[e.live] = true
		}
	}
}

// behind reports whether there is more to read in a file, as of the last look at it.
func (f *follower) behind() bool {
	return f.kind != archive.Plain || f.size > f.read()
}
