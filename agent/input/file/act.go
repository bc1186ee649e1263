package file

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/ident"
	"belfry/agent/input/file/lines"
	"belfry/shared/batch"
	"belfry/shared/event"
)

// act carries a judgement out. It owns the candidate's file.
func (in *Input) act(j ident.Judgement, c *candidate) error {
	var of *content
	if j.Match >= 0 {
		of = c.of[j.Match]
	}
	switch j.Verdict {
	case ident.Continue:
		if c.seen.Known {
			of = c.known
		}
		return in.goOn(of, c, j)
	case ident.Renew, ident.Recover:
		return in.renew(c.known, c, j)
	case ident.Copy:
		return errors.Join(in.markCopy(of, c), in.leave(c, of, j), c.file.Close())
	case ident.Move:
		return in.move(of, c, j)
	}
	if !in.wanted(c) {
		return errors.Join(in.leave(c, nil, ident.Judgement{Reason: "it is older than what is to be read of the past"}), c.file.Close())
	}
	stream, epoch := draw()
	n := &content{Stream: stream, Epoch: epoch, Evidence: c.own}
	n.suspect(c)
	if !c.sibling && in.trimmed(n, c) {
		if c.again = true; c.nameless { // it must not be let go of
			in.kept[c.stat.handle] = c
			return nil
		}
		return c.file.Close()
	}
	if in.stateless && c.early { // or it was sent by an agent whose state was deleted
		n.Doubt = c.seen.Size
	}
	if j.Doubt {
		in.doubtAll(n, c, j.Reason)
	}
	return in.begin(n, c, j)
}

// goOn continues a content in a file.
func (in *Input) goOn(of *content, c *candidate, j ident.Judgement) error {
	switch {
	case c.seen.Size < of.Top:
		of.CutTo(c.seen.Size)
		of.Bound, in.shaken = c.seen.Size, true // another copy may be longer
	case c.kind != archive.Plain:
		for _, m := range c.own.Marks {
			of.Note(m)
		}
		if len(c.own.Head) > len(of.Head) {
			of.Head = c.own.Head
		}
	}
	of.suspect(c)
	if j.Doubt {
		in.doubtAll(of, c, partlySent)
	}
	if of.handed > c.seen.Size {
		of.handed = 0 // what was read beyond is in no file any more
	}
	if of.Lost != nil { // it was found after all
		in.log.Info("what was taken for lost is found", "path", c.path, "stream", of.Stream.String(), "bytes", of.Lost.To-of.Lost.From)
		of.Lost = nil
	}
	in.ruled(of, c, j)
	return in.follow(of, c)
}

// suspect notes from where on nothing vouches for the bytes of a damaged archive.
func (c *content) suspect(in *candidate) {
	if in.damaged != nil {
		proven := in.proven
		c.Suspect = &proven
	}
}

// doubtAll says of all that a file has that it may have been sent before.
func (in *Input) doubtAll(of *content, c *candidate, why string) {
	of.Doubt = max(of.Doubt, c.seen.Size)
	in.doubt(of, c.path, why)
}

// partlySent is why an archive is doubted as a whole.
const partlySent = "some of its members repeat what was sent, and some may not"

// renew begins a new epoch in a known file. The old content seeks its tail among the siblings, or ends.
func (in *Input) renew(old *content, c *candidate, j ident.Judgement) error {
	n := &content{Stream: old.Stream, Epoch: in.nextEpoch(old.Stream), Evidence: c.own}
	n.suspect(c)
	start, cut := in.startOf(old, c, j)
	if sent := min(old.next(), c.stat.size); cut && start < sent {
		n.Doubt = sent // or the writer went on behind the cut
		in.doubt(n, c.path, j.Reason)
	}
	if j.Verdict == ident.Recover {
		n.Doubt = max(old.reach(), c.stat.size) // nobody knows how much of it was sent
		in.doubt(n, c.path, j.Reason)
		in.supersede(old, c)
	}
	if j.Doubt && j.Verdict == ident.Renew {
		in.doubtAll(n, c, partlySent)
	}
	n.Cursor, n.Began = start, start
	in.log.Info("file begins anew", "path", c.path, "epoch", n.Epoch, "from", start, "why", j.Reason)
	if err := in.store.put(old); err != nil {
		return in.unkept(err, c)
	}
	return in.begin(n, c, j)
}

// startOf returns where a new epoch of a known file begins: behind what surely is as it was, and was sent. cut is true if more of
// what follows may have been sent: the file's end was cut off, or only some of it was written over.
func (in *Input) startOf(old *content, c *candidate, j ident.Judgement) (start uint64, cut bool) {
	if c.kind != archive.Plain {
		return 0, false
	}
	if j.Verdict == ident.Recover {
		return lastLineEnd(c.file, int64(old.LastHolding(c.file, c.stat.size, min(old.Cursor, c.stat.size))), c.cfg.lines), false
	}
	holds := old.LastHolding(c.file, c.stat.size, c.stat.size)
	if holds >= surelyCut { // what is not confirmed may have to come from here
		return min(old.joined(old.Cursor), lastLineEnd(c.file, int64(holds), c.cfg.lines)), true
	}
	if old.AnyHolds(c.file, c.stat.size) {
		return 0, true // it was written over from its beginning, and not emptied
	}
	start = findFoot(c.file, c.stat.size, old)
	if start > 0 && old.Cursor < old.next() {
		return 0, true // who is killed before that is confirmed finds it nowhere else
	}
	if start > 0 && start == old.next() && !old.holdsTo(c.file, c.stat.size, start) {
		return 0, true // its head was not cut off, it was written over
	}
	known := old.Began > 0 || max(holds, old.HeadHolds(c.file, c.stat.size)) >= alike // of what is before Began nothing is kept
	return start, start == 0 && known
}

// supersede says of an epoch that another one takes up what the file has of it. What the file has not may be found in a copy.
func (in *Input) supersede(old *content, c *candidate) {
	if c.stat.size >= old.Top {
		old.Length = max(old.Length, c.stat.size)
		in.giveUp(old, batch.Skipped, "it is sent again in a new epoch")
		return
	}
	from, to := old.Cursor, old.LastHolding(c.file, c.stat.size, c.stat.size)
	if from < to {
		old.handed = max(old.handed, to)
		in.pledge(func(ctx context.Context) error {
			return in.pass(ctx, old.place(from), batch.Skipped, from, to)
		})
	}
}

// surelyCut is how much of a file must be as it was, to say that it was cut there and not begun anew.
const surelyCut = 64 << 10

// alike is how much of a file must be as it was, to doubt that all of it is new: many begin with the same few lines.
const alike = 1 << 10

// move lets a content go on in a file that is more than the one in which it was found first.
func (in *Input) move(of *content, c *candidate, j ident.Judgement) error {
	if f := in.open[of.File]; f != nil && f.content == of {
		if f == in.reading { // and waits for the road at this moment
			c.again = true
			return c.file.Close()
		}
		in.release(of.File, f)
	}
	if e := in.present[of.File]; e != nil {
		delete(in.handles, of.File)
		other := &candidate{entry: e, seen: ident.Seen{Size: max(of.Top, of.Length)}}
		if err := in.leave(other, of, ident.Judgement{Reason: "the original of it was found"}); err != nil {
			return in.unkept(err, c)
		}
	}
	if of.Bound > 0 {
		of.Bound, in.shaken = c.seen.Size, true
	}
	if j.Doubt {
		in.doubtAll(of, c, partlySent)
	}
	in.ruled(of, c, j)
	return in.follow(of, c)
}

// unkept ends a candidate when the state cannot be kept: it is judged again.
func (in *Input) unkept(err error, c *candidate) error {
	c.again = true
	if closed := c.file.Close(); closed != nil {
		return errors.Join(err, closed)
	}
	if in.store.fault != nil {
		return nil
	}
	return err
}

// ruled keeps a verdict with its reason.
func (in *Input) ruled(of *content, c *candidate, j ident.Judgement) {
	of.rule(Ruling{in.now().Unix(), j.Verdict.String(), j.Reason, c.path, c.seen.Size})
}

// nextEpoch returns an epoch that the stream has not had. It leaves a gap that is drawn: a state that was restored from a backup
// does not know of the epochs that were begun since, and those of other bytes must not be theirs.
func (in *Input) nextEpoch(stream event.Key) uint64 {
	last := uint64(0)
	for k := range in.store.contents {
		if k.stream == stream {
			last = max(last, k.epoch)
		}
	}
	return last + 1 + rand.Uint64N(epochGap)
}

// epochGap bounds how far one epoch of a stream is from the next. A stream may have a billion of them.
const epochGap = 1 << 24

// slack is what times of files may differ from the clock: some are kept in seconds.
const slack = 2 * time.Second

// wanted reports whether a new file is to be read. Of the past, that is what backfill says; a rotated file that no glob names
// may also be newer than the last complete look: then it was never seen under its live name.
func (in *Input) wanted(c *candidate) bool {
	if !c.sibling {
		return true
	}
	written := time.Unix(0, c.stat.mtime)
	if first := in.store.meta.First; !c.early && first > 0 {
		if c.matched || written.After(in.last.Add(-slack)) {
			return true
		}
		return c.cfg.Start != StartEnd && written.After(time.Unix(first, 0).Add(-c.cfg.backfill()))
	}
	return c.cfg.Start != StartEnd && written.After(in.now().Add(-c.cfg.backfill()))
}

// recent reports whether a file was written after the last look before this process began: it is no part of the past.
func (in *Input) recent(c *candidate) bool {
	return time.Unix(0, c.stat.mtime).After(in.since.Add(-slack))
}

// today returns the day of now, in one string for all.
func (in *Input) today(now time.Time) string {
	if day := now.UTC().Format(time.DateOnly); day != in.day {
		in.day = day
	}
	return in.day
}

// draw returns a new stream, and an epoch that nothing else can have used.
func draw() (event.Key, uint64) {
	k := event.RandomKey()
	return event.RandomKey(), binary.BigEndian.Uint64(k[:]) >> 16
}

// leave notes a file that is not read: a copy of a content, or a rotated file from before the first look.
func (in *Input) leave(c *candidate, of *content, j ident.Judgement) error {
	k := in.handles[c.stat.handle]
	if k == nil || !k.Copy {
		stream, epoch := draw()
		k = &content{Stream: stream, Epoch: epoch, Copy: true}
	}
	k.Path, k.Stem, k.Seen = c.path, c.live, in.now().Unix()
	k.Size, k.Mtime, k.Length, k.Ended = c.stat.size, c.stat.mtime, c.seen.Size, true
	k.Of, k.OfEp = event.Key{}, 0
	if of != nil {
		k.Of, k.OfEp = of.Stream, of.Epoch
	}
	in.ruled(k, c, j)
	in.own(k, c.stat.handle)
	return in.stateError(in.store.put(k))
}

// markCopy keeps a mark at the end of a copy that is shorter than its content was when that was cut off: by it the copy is known
// when it is packed, however much more was read.
func (in *Input) markCopy(of *content, c *candidate) error {
	if of == nil || c.kind != archive.Plain || c.stat.size >= of.Top || !in.isGone(of) {
		return nil
	}
	b, err := bytesBefore(c.file, c.stat.size)
	if err != nil || bytes.Contains(b, hole) {
		return nil // it changes at this moment, or may: then the next look tells
	}
	of.Note(ident.Mark{Off: c.stat.size, Hash: ident.Sum(b)})
	return in.stateError(in.store.put(of))
}

// own notes which content lies in a file.
func (in *Input) own(c *content, h Handle) {
	c.File = h
	in.handles[h] = c
	in.byInode(c)
}

// begin follows a content from its first byte, or from where it has its cursor. Its identity is on disk before anything else
// happens.
func (in *Input) begin(n *content, c *candidate, j ident.Judgement) error {
	now := in.now()
	n.Path, n.Stem, n.Class, n.Seen, n.Boot = c.path, c.live, c.cfg.class(), now.Unix(), in.store.meta.Boots
	in.own(n, c.stat.handle)
	day := in.today(now)
	if c.kind != archive.Plain {
		day = time.Unix(0, c.stat.mtime).UTC().Format(time.DateOnly)
	}
	n.Days = []step{{0, day}}
	in.ruled(n, c, j)
	return in.follow(n, c)
}

// follow opens a content in a file at its cursor.
func (in *Input) follow(of *content, c *candidate) error {
	old := of.File
	if old != c.stat.handle && in.handles[old] == of {
		delete(in.handles, old)
	}
	of.Path, of.Ended, of.Reopen, of.reader, of.gone, of.dead, of.cut = c.path, false, c.reopen, nil, 0, false, false
	in.own(of, c.stat.handle)
	in.index(of)
	delete(in.absent, of)
	f := &follower{
		in: in, content: of, cfg: c.cfg, path: c.path, file: c.file, kind: c.kind, sibling: c.sibling,
		changed: in.now(), since: in.now(), links: c.stat.links, size: c.stat.size, mtime: c.stat.mtime, limit: in.now(),
	}
	f.history = c.sibling && of.Cursor == 0 && (c.early || !in.recent(c))
	if f.kind != archive.Plain { // a process that is killed finds it again by these
		of.Size, of.Mtime, of.Length = c.stat.size, c.stat.mtime, max(of.Top, of.Length)
	}
	f.seeNow(c.stat)
	if err := in.store.put(of); err != nil {
		return in.unkept(err, c)
	}
	f.needs = in.syncing.want()
	if err := in.openSource(f, c.stat); err != nil {
		in.unreadable(c.entry, err)
		c.again = true
		return c.file.Close()
	}
	in.open[c.stat.handle] = f
	in.tellBegan(of)
	in.log.Info("following file", "path", c.path, "stream", of.Stream.String(), "epoch", of.Epoch, "cursor", of.next(),
		"as", of.ruled().Verdict, "why", of.ruled().Reason)
	if of.Cursor == 0 && of.handed == 0 && in.store.meta.First == 0 && !c.sibling && c.cfg.Start == StartEnd {
		f.skip = lastLineEnd(f.file, int64(c.stat.size), c.cfg.lines)
	}
	return nil
}

// openSource positions a follower where its content goes on.
func (in *Input) openSource(f *follower, st stat) error {
	at := f.content.next()
	var ref time.Time
	switch f.kind {
	case archive.Plain:
		f.src = &plain{f: f.file, at: int64(at)}
		f.tail = make([]byte, min(at, ident.MarkSize))
		if n, err := f.file.ReadAt(f.tail, int64(at)-int64(len(f.tail))); n < len(f.tail) {
			return fmt.Errorf("read before the cursor %d of %d bytes: %w", at, st.size, err)
		}
	default:
		src, when, err := in.openArchive(f, at)
		if err != nil {
			return err
		}
		if ref = when; ref.IsZero() {
			ref = time.Unix(0, st.mtime)
		}
		f.src = src
	}
	f.lines = lines.New(f.cfg.lines, at, f.content.Cuts, f.headBytes())
	f.enc = newEncoder(in.src, f.cfg, f.content, f.content.Stem, ref)
	f.enc.buf = &in.encoded
	return nil
}

// headBytes returns the first bytes of a plain file, which tell its encoding.
func (f *follower) headBytes() []byte {
	if f.kind != archive.Plain {
		return nil
	}
	b := make([]byte, 4)
	n, _ := f.file.ReadAt(b, 0)
	return b[:n]
}

// lastLineEnd returns the offset behind the last line end before size, looking back one maximal line. In a longer line
// than that it is size.
func lastLineEnd(r io.ReaderAt, size int64, l *lines.Compiled) uint64 {
	from := max(0, size-lookBack) &^ 1 // UTF-16 has its units at even offsets
	buf := make([]byte, size-from)
	n, _ := r.ReadAt(buf, from)
	if i := l.LastLineEnd(buf[:n], headOf(r, uint64(min(size, 4)))); i >= 0 {
		return uint64(from) + uint64(i)
	}
	if size > lookBack {
		return uint64(size)
	}
	return 0
}

// lookBack is how far a line end is looked for.
const lookBack = 64 << 10

// fdName names a descriptor in /proc/self/fd.
func fdName(f *os.File) string { return fmt.Sprint(f.Fd()) }
