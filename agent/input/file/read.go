package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/ident"
	"belfry/agent/input/file/lines"
	"belfry/shared/batch"
)

// turnSize is how many bytes are read from one file before the others have their turn.
const turnSize = 256 << 10

// errChanged says that the bytes that were read are not in the file any more.
var errChanged = errors.New("file was truncated or rewritten")

// source gives the bytes of a content by offset, whatever they lie in.
type source interface {
	// next reads bytes from the offset that follows the last ones. It returns io.EOF at the present end.
	next(buf []byte) (int, error)
	close() error
}

// plain reads a file as it is.
type plain struct {
	f  *os.File
	at int64
}

func (p *plain) next(buf []byte) (int, error) {
	n, err := p.f.ReadAt(buf, p.at)
	p.at += int64(n)
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

func (p *plain) close() error { return nil }

// follower reads one content from one file. It is the sink of its lines.
type follower struct {
	content *content
	cfg     *Config
	path    string
	file    *os.File
	kind    archive.Kind
	sibling bool // it has a rotated name
	src     source
	lines   *lines.Reader
	enc     *encoder
	tail    []byte // the last bytes before what was read, at most ident.MarkSize

	size    uint64 // of the file at the last look
	links   uint32 // its names then
	mtime   int64
	changed time.Time // when it last grew
	handed  time.Time // when the oldest line was handed on that is not confirmed, or one before it
	due     time.Time // when to look again
	probed  time.Time // when it was last asked who has the deleted file open
	turns   int       // since it was opened
	skip    uint64    // pass over what is before, first

	since    time.Time // when it was opened
	history  bool      // it is of the past: its rate is limited
	limit    time.Time // until then it may not be read, for that
	finished bool      // its end was read and handed on

	needs     uint64 // it is not read before its content is on the disk; see syncing
	abandoned bool   // it is to be given up as soon as the road does not hold it

	in  *Input          // of the turn that is being taken, with the next two
	ctx context.Context //nolint:containedctx // the Sink of lines has none
	now time.Time
}

// noteHanded notes that all before the line that is not whole yet was handed on.
func (f *follower) noteHanded() {
	c := f.content
	c.handed = max(c.handed, f.lines.Begin())
}

// read is how far the file was read.
func (f *follower) read() uint64 { return f.lines.At() }

// grown reports whether there may be something to read.
func (f *follower) grown() (bool, error) {
	if f.finished {
		return false, nil
	}
	if f.kind != archive.Plain {
		return true, nil
	}
	st, err := statFile(f.file)
	if err != nil {
		return false, err
	}
	if st.size < f.content.Top || st.size < f.read() {
		return false, errChanged
	}
	changed := st.size != f.size || st.mtime != f.mtime
	f.size, f.mtime, f.links = st.size, st.mtime, st.links
	return changed || st.size > f.read(), nil
}

// turn reads up to the buffer's size and hands on what it can. It returns the bytes read. The buffer is the caller's.
func (f *follower) turn(buf []byte) (int, error) {
	if f.skip > 0 {
		return 0, f.skipAhead()
	}
	if err := f.jumpHole(); err != nil {
		return 0, err
	}
	n, err := f.src.next(buf)
	if err != nil && !errors.Is(err, io.EOF) && n == 0 {
		return 0, err
	}
	if f.kind == archive.Plain {
		if n > 0 && f.read() == 0 && archive.KindOfFile(f.path, f.file) != archive.Plain {
			return 0, errChanged // it was empty when it was found
		}
		if err := f.verify(); err != nil {
			return 0, err
		}
		if n == 0 && !f.content.HeadLike(headOf(f.file, f.size), f.size) && f.content.Top > 0 {
			return 0, errChanged // it was written to, and did not grow
		}
	}
	if n > 0 {
		if err := f.take(buf[:n]); err != nil {
			return n, err
		}
	}
	if errors.Is(err, io.EOF) && f.kind != archive.Plain {
		return n, f.finish()
	}
	return n, nil
}

// verify reads the bytes before the offset again: were the file truncated and filled anew between two looks, its size
// alone would not tell. Of what was seen and is not read yet, the end tells.
func (f *follower) verify() error {
	if n := len(f.tail); n > 0 {
		again := f.in.scratch[:n]
		if m, err := f.file.ReadAt(again, int64(f.read())-int64(n)); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s again: %w", f.path, err)
		} else if !bytes.Equal(again[:m], f.tail) {
			return errChanged
		}
	}
	marks := f.content.Marks
	if n := len(marks); n > 0 && marks[n-1].Off > f.read() && !f.holds(marks[n-1]) {
		return errChanged
	}
	return nil
}

// holds reports whether the file has what a mark says.
func (f *follower) holds(m ident.Mark) bool {
	n := min(m.Off, ident.MarkSize)
	b := f.in.scratch[:n]
	read, err := f.file.ReadAt(b, int64(m.Off-n))
	return uint64(read) == n && (err == nil || errors.Is(err, io.EOF)) && ident.Sum(b) == m.Hash
}

// intact reports whether the file still has all that was seen of it.
func (f *follower) intact() bool {
	if f.kind != archive.Plain {
		return true
	}
	st, err := statFile(f.file)
	if err != nil || st.size < f.content.Top {
		return err != nil
	}
	marks := f.content.Marks
	return len(marks) == 0 || f.holds(marks[len(marks)-1])
}

// take accepts bytes: first what identifies them goes to the state, then the events go on.
func (f *follower) take(b []byte) error {
	c := f.content
	sent := max(f.lines.Begin(), c.Taken) // nothing from here on can have left already, not even before a restart
	ch := change{Number: c.Number}
	if f.kind == archive.Plain {
		f.learn(b, &ch)
	}
	if err := f.record(&ch, sent); err != nil {
		return err
	}
	err := f.lines.Feed(b, f.now, f)
	f.noteHanded()
	return err
}

// learn lengthens what is known of a plain file's bytes.
func (f *follower) learn(b []byte, ch *change) {
	c, at := f.content, f.read()
	end := at + uint64(len(b))
	for off := (at/ident.Step + 1) * ident.Step; off <= end; off += ident.Step {
		if off == end && end >= c.Top || off%ident.Grid != 0 && off+ident.Grid < c.Top {
			continue // the end has a mark of its own; far before one that was seen already the grid is enough
		}
		if m := f.before(b, int(off-at)); !bytes.Contains(m, hole) {
			f.mark(ch, ident.Mark{Off: off, Hash: ident.Sum(m)})
		}
	}
	f.tail = ident.Extend(f.tail, b)
	f.noteFoot(b, ch)
	if end > c.Taken {
		c.Taken, ch.Taken = end, end
	}
	if end > c.Top {
		m := ident.Mark{Off: end, Hash: ident.Sum(f.tail)}
		if end == f.size {
			m.End = f.mtime
		}
		if bytes.Contains(f.tail, hole) { // a writer may fill it yet
			c.Top = end
			ch.Top = end
		} else {
			f.mark(ch, m)
		}
	}
	if !c.HeadKnown() && c.NoteHead(knownHead(f.file, end)) {
		ch.Head = c.Head
	}
}

// noteFoot notes the last bytes up to the last line end: there reading goes on if the file's head is cut off, or what stands
// behind is written over.
func (f *follower) noteFoot(b []byte, ch *change) {
	i := bytes.LastIndexByte(f.tail, '\n') + 1
	off := f.read() + uint64(len(b)) - uint64(len(f.tail)-i)
	if i == 0 || uint64(i) < min(off, footSize) {
		return
	}
	f.content.Foot = foot{off, ident.Sum(f.tail[max(0, i-footSize):i])}
	ch.Foot = f.content.Foot
}

// hole is what a place looks like that was not written yet.
var hole = make([]byte, 16)

func (f *follower) mark(ch *change, m ident.Mark) {
	f.content.Note(m)
	ch.Marks = append(ch.Marks, m)
}

// before returns the last bytes before b[:n] ends, at most ident.MarkSize, in memory that is used again.
func (f *follower) before(b []byte, n int) []byte {
	if n >= ident.MarkSize {
		return b[n-ident.MarkSize : n]
	}
	t := append(append(f.in.scratch[:0], f.tail...), b[:n]...)
	return t[max(0, len(t)-ident.MarkSize):]
}

// seeNow notes what a file holds when it begins to be followed: by that its copies are known, though nothing of it was read.
func (f *follower) seeNow(st stat) {
	if f.kind != archive.Plain || f.content.Top > st.size {
		return
	}
	f.size, f.mtime = st.size, st.mtime
	if m, ok := f.endMark(f.content.next()); ok {
		f.content.Note(m)
	}
	f.content.NoteHead(knownHead(f.file, st.size))
}

// endMark makes the mark of the end of a file as it was seen last; of the offset from, if only a part of a line follows there: that
// may be written over before it ends.
func (f *follower) endMark(from uint64) (m ident.Mark, ok bool) {
	b, ok := f.lastBytes(f.size)
	if !ok {
		return m, false // it changes at this moment: the next look tells
	}
	m = ident.Mark{Off: f.size, End: f.mtime}
	if more := f.size - min(f.size, from); more > 0 && more <= uint64(len(b)) && bytes.IndexByte(b[uint64(len(b))-more:], '\n') < 0 {
		m = ident.Mark{Off: from}
		if b, ok = f.lastBytes(from); !ok {
			return m, false
		}
	}
	m.Hash = ident.Sum(b)
	return m, true
}

// lastBytes reads what a mark at an offset covers; not where there is nothing, or a hole.
func (f *follower) lastBytes(before uint64) (b []byte, ok bool) {
	b, err := bytesBefore(f.file, before)
	return b, err == nil && len(b) > 0 && !bytes.Contains(b, hole)
}

// bytesBefore reads what a mark at an offset covers; it is an error if not all of that is there.
func bytesBefore(r io.ReaderAt, off uint64) ([]byte, error) {
	b := make([]byte, min(off, ident.MarkSize))
	if n, err := r.ReadAt(b, int64(off)-int64(len(b))); n < len(b) {
		return nil, err
	}
	return b, nil
}

// foresee notes the end of a file that is seen and not read yet: so much of it was there.
func (f *follower) foresee() error {
	if f.kind != archive.Plain || f.size <= f.content.Top {
		return nil
	}
	if n := len(f.content.Marks); n > 0 && !f.holds(f.content.Marks[n-1]) {
		return nil // it was truncated, and has grown again: the next turn tells
	}
	ch := change{Number: f.content.Number}
	if f.read() == 0 && archive.KindOfFile(f.path, f.file) != archive.Plain {
		return nil // the next turn tells
	}
	m, ok := f.endMark(f.read())
	if !ok || m.Off <= f.content.Top {
		return nil
	}
	f.mark(&ch, m)
	if c := f.content; !c.HeadKnown() && c.NoteHead(knownHead(f.file, f.size)) {
		ch.Head = c.Head
	}
	return f.in.store.note(&ch)
}

// record puts the content's evidence to the state, and its day if that changed, before any event beyond leaves. What
// begins before fresh keeps the day that it has: it may have been sent before a restart, and goes to the same place again.
func (f *follower) record(ch *change, fresh uint64) error {
	c, s := f.content, f.in.store
	day := f.in.today(f.now)
	if f.kind != archive.Plain || len(c.Days) > 0 && c.Days[len(c.Days)-1].Day == day {
		if len(ch.Marks) == 0 && len(ch.Head) == 0 && ch.Top == 0 && ch.Foot.Off == 0 && ch.Taken == 0 {
			return nil
		}
		return errors.Join(s.note(ch), s.flush())
	}
	for len(c.Days) > 1 && c.Days[1].From <= min(c.Cursor, f.lines.Begin()) { // nobody asks for it any more
		c.Days = c.Days[1:]
	}
	c.Days = append(c.Days, step{From: fresh, Day: day})
	return f.keep()
}

// keep writes the whole record of the content to the disk.
func (f *follower) keep() error {
	s := f.in.store
	if err := s.put(f.content); err != nil {
		return err
	}
	return s.sync(f.now)
}

// skipAhead passes over what was in a file before the first start, up to its last line end.
func (f *follower) skipAhead() error {
	end := f.skip
	f.tail = make([]byte, min(end, ident.MarkSize))
	if n, err := f.file.ReadAt(f.tail, int64(end)-int64(len(f.tail))); n < len(f.tail) {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	f.content.Note(ident.Mark{Off: end, Hash: ident.Sum(f.tail)})
	f.content.NoteHead(knownHead(f.file, end))
	if err := f.keep(); err != nil {
		return err
	}
	if err := f.in.pass(f.ctx, f.content.place(0), batch.Skipped, 0, end); err != nil {
		return err
	}
	f.src, f.lines = &plain{f: f.file, at: int64(end)}, lines.New(f.cfg.lines, end, nil, f.headBytes())
	f.content.handed, f.skip = end, 0
	return nil
}

// finish hands on a last line that has no end, and says that the content ends here.
func (f *follower) finish() error {
	if f.finished {
		return nil
	}
	f.finished = true
	if err := f.lines.End(f); err != nil {
		return err
	}
	c := f.content
	f.noteHanded()
	return f.in.finish(f.ctx, f.content.place(c.handed), c.handed)
}

// settled reports whether all that was handed on is confirmed.
func (f *follower) settled() bool { return f.content.Cursor >= f.lines.Begin() }

func (f *follower) close() error { return errors.Join(f.src.close(), f.file.Close()) }
