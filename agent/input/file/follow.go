package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"belfry/shared/batch"
)

// Bounds of reading.
const (
	maxLine  = 64 << 10  // bytes of a line that are sent; the rest is counted
	turnSize = 256 << 10 // bytes read from one file before the others have their turn
)

// What may be wrong with one file: the bytes that were read are not in it any more, or an archive is spoilt.
var (
	errChanged = errors.New("file was truncated or rewritten")
	errDamaged = errors.New("not whole")
)

// source gives the bytes of a content by offset, whatever they lie in.
type source interface {
	// next reads bytes from the offset that follows the last ones. It returns io.EOF at the present end.
	next(buf []byte) (int, error)
	close() error
}

// follower reads one content from one file.
type follower struct {
	content *content
	cfg     *Config
	path    string
	file    *os.File
	archive bool
	src     source
	enc     *encoder

	read    uint64 // bytes [0, read) were taken in
	line    uint64 // the line being read begins here
	nuls    uint64 // that it begins with, while nothing else has come; they are not in partial
	partial []byte // its first maxLine bytes so far
	tail    []byte // the last markSize bytes before read

	size     uint64 // of the file at the last look
	cut      uint64 // likewise before it was truncated
	links    uint32 // its names then
	mtime    int64
	changed  time.Time // when it last grew
	handed   time.Time // when the oldest line was handed on that is not confirmed, or one before it
	due      time.Time // when to look again
	finished bool      // its end was read and handed on
}

func (f *follower) place(offset uint64) batch.Place {
	c := f.content
	return batch.Place{Stream: c.Stream, Epoch: c.Epoch, Class: c.Class, Day: c.day(offset)}
}

// grown reports whether there may be something to read.
func (f *follower) grown() (bool, error) {
	if f.archive {
		return !f.finished, nil
	}
	if f.finished {
		return false, nil
	}
	st, err := statFile(f.file)
	if err != nil {
		return false, err
	}
	if st.size < f.read {
		f.cut = f.size // up to where it was seen to reach; what of it was not read is lost, if no copy has it
		return false, errChanged
	}
	changed := st.size != f.size || st.mtime != f.mtime
	f.size, f.mtime, f.links = st.size, st.mtime, st.links
	return changed || st.size > f.read, nil
}

// turn reads up to turnSize bytes and hands the whole lines on. It returns the bytes read. The buffer is the caller's.
func (f *follower) turn(ctx context.Context, in *Input, buf []byte) (int, error) {
	n, err := f.src.next(buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if n > 0 || !f.archive {
		if err := f.verify(); err != nil {
			return 0, err
		}
	}
	if n > 0 {
		if err := f.take(ctx, in, buf[:n]); err != nil {
			return n, err
		}
	}
	if errors.Is(err, io.EOF) && f.archive {
		return n, f.finish(ctx, in)
	}
	return n, nil
}

// verify reads the bytes before the offset again: were the file truncated and filled anew between two looks, its size
// alone would not tell.
func (f *follower) verify() error {
	if f.archive || len(f.tail) == 0 {
		return nil
	}
	again := make([]byte, len(f.tail))
	if _, err := f.file.ReadAt(again, int64(f.read)-int64(len(f.tail))); err != nil && err != io.EOF {
		return fmt.Errorf("read %s again: %w", f.path, err)
	}
	if !bytes.Equal(again, f.tail) {
		return errChanged
	}
	return nil
}

// take accepts bytes: first what identifies them goes to the state, then the lines go on.
func (f *follower) take(ctx context.Context, in *Input, b []byte) error {
	sent := max(f.line, f.content.Top) // nothing from here on can have left already, not even before a restart
	if f.archive && f.read == 0 {
		f.content.noteHead(b[:min(len(b), headSize)])
	}
	f.tail = append(f.tail, b...)
	if over := len(f.tail) - markSize; over > 0 {
		f.tail = append(f.tail[:0], f.tail[over:]...)
	}
	f.read += uint64(len(b))
	f.noteTop()
	if err := f.record(in, sent); err != nil {
		return err
	}
	now := in.now()
	for {
		var err error
		if b, err = f.jumpHole(ctx, in, b); err != nil {
			return err
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			f.keep(b)
			return nil
		}
		text, length := b[:i], i
		if len(f.partial) > 0 {
			length += int(f.read-uint64(len(b))) - int(f.line)
			f.keep(b[:i])
			text = f.partial
		}
		b = b[i+1:]
		end := f.read - uint64(len(b))
		if err := f.hand(ctx, in, line{offset: f.line, text: text[:min(len(text), maxLine)], length: length}, end, now); err != nil {
			return err
		}
		f.line, f.partial = end, f.partial[:0]
	}
}

// keep adds to the line that has not ended yet; what is over maxLine is only counted, by offsets.
func (f *follower) keep(b []byte) {
	f.partial = append(f.partial, b[:min(len(b), maxLine-min(maxLine, len(f.partial)))]...)
}

func (f *follower) hand(ctx context.Context, in *Input, l line, end uint64, now time.Time) error {
	in.lines.Inc()
	if f.content.Cursor >= l.offset {
		f.handed = now
	}
	return in.sink.Add(ctx, f.place(l.offset), l.offset, end, f.enc.encode(l, now))
}

// noteTop lengthens what is known of the content's bytes. What was known before a restart is not known less after it.
func (f *follower) noteTop() {
	c := f.content
	if f.read < c.Top || uint64(len(f.tail)) < min(f.read, markSize) {
		return
	}
	c.Top, c.TopMark = f.read, digest(f.tail)
	if n := int(min(f.read, headSize)); c.HeadLen < n && !f.archive {
		if h := digestAt(f.file, 0, n); h != "" {
			c.HeadLen, c.Head = n, h
		}
	}
}

// record puts the content's evidence to the state, and its day if that changed, before any event beyond leaves. What
// begins before fresh keeps the day that it has: it may have been sent before a restart, and goes to the same place again.
func (f *follower) record(in *Input, fresh uint64) error {
	c := f.content
	day := in.now().UTC().Format(time.DateOnly)
	newDay := !f.archive && len(c.Days) > 0 && c.Days[len(c.Days)-1].Day != day
	if newDay {
		for len(c.Days) > 1 && c.Days[1].From <= min(c.Cursor, f.line) { // nobody asks for it any more
			c.Days = c.Days[1:]
		}
		c.Days = append(c.Days, step{From: fresh, Day: day})
	}
	if err := in.store.put(c); err != nil {
		return err
	}
	if newDay {
		return in.store.sync(in.now())
	}
	return in.store.flush()
}

// holeSize is how many NULs at the beginning of a line are no part of it: a writer that goes on at its old offset after
// the file was truncated leaves as many as the file was long.
const holeSize = 4 << 10

// jumpHole takes the NULs off b, which ends at read, if a line begins there. They are only counted until another byte
// comes: where the line begins must not depend on how much was read at once.
func (f *follower) jumpHole(ctx context.Context, in *Input, b []byte) ([]byte, error) {
	if len(b) == 0 || f.line+f.nuls != f.read-uint64(len(b)) || f.nuls == 0 && b[0] != 0 {
		return b, nil
	}
	rest := bytes.TrimLeft(b, "\x00")
	f.nuls += uint64(len(b) - len(rest))
	if len(rest) == 0 {
		return rest, nil
	}
	return rest, f.endHole(ctx, in)
}

// endHole passes over the NULs that were counted, or makes them part of the line if they are few.
func (f *follower) endHole(ctx context.Context, in *Input) error {
	n := f.nuls
	f.nuls = 0
	if n < holeSize {
		f.keep(make([]byte, n))
		return nil
	}
	from := f.line
	f.line += n
	return in.sink.Pass(ctx, f.place(from), batch.Skipped, from, f.line)
}

// finish hands on a last line that has no end, and says that the content ends here.
func (f *follower) finish(ctx context.Context, in *Input) error {
	if f.finished {
		return nil
	}
	f.finished = true
	if err := f.endHole(ctx, in); err != nil {
		return err
	}
	if f.read > f.line {
		l := line{offset: f.line, text: f.partial, length: int(f.read - f.line), partial: true}
		if err := f.hand(ctx, in, l, f.read, in.now()); err != nil {
			return err
		}
		f.line, f.partial = f.read, nil
	}
	return in.sink.Finish(ctx, f.place(f.read), f.read)
}

// settled reports whether all that was read is confirmed.
func (f *follower) settled() bool { return f.content.Cursor >= f.line }

func (f *follower) close() error { return errors.Join(f.src.close(), f.file.Close()) }
