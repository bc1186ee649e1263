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

// errChanged says that the bytes that were read are not in the file any more.
var errChanged = errors.New("file was truncated or rewritten")

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
	partial []byte // its first maxLine bytes so far
	tail    []byte // the last markSize bytes before read
	acked   ranges // confirmed ahead of the cursor

	size     uint64 // of the file at the last look
	links    uint32 // its names then
	mtime    int64
	changed  time.Time // when it last grew
	due      time.Time // when to look again
	dirty    bool      // its record differs from the one on disk
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
		return false, errChanged
	}
	changed := st.size != f.size || st.mtime != f.mtime
	f.size, f.mtime, f.links = st.size, st.mtime, st.links
	return changed || st.size > f.read, nil
}

// turn reads up to turnSize bytes and hands the whole lines on. It returns the bytes read. The buffer is the caller's.
func (f *follower) turn(ctx context.Context, in *Input, buf []byte) (int, error) {
	n, err := f.src.next(buf)
	if err != nil && err != io.EOF {
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
	if err == io.EOF && f.archive {
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
	f.tail = append(f.tail, b...)
	if over := len(f.tail) - markSize; over > 0 {
		f.tail = append(f.tail[:0], f.tail[over:]...)
	}
	f.read += uint64(len(b))
	f.noteTop()
	if err := f.record(in); err != nil {
		return err
	}
	now := in.now()
	for {
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
	return in.sink.Add(ctx, f.place(l.offset), l.offset, end, f.enc.encode(l, now))
}

// noteTop lengthens what is known of the content's bytes. What was known before a restart is not known less after it.
func (f *follower) noteTop() {
	c := f.content
	if f.read < c.Top || uint64(len(f.tail)) < min(f.read, markSize) {
		return
	}
	c.Top, c.TopMark = f.read, digest(f.tail)
	if n := int(min(f.read, headSize)); c.HeadLen < n {
		if f.archive && f.read <= markSize {
			c.HeadLen, c.Head = n, digest(f.tail[:n])
		} else if h := digestAt(f.file, 0, n); h != "" && !f.archive {
			c.HeadLen, c.Head = n, h
		}
	}
}

// record puts the content's evidence to the state, and its day if that changed, before any event beyond leaves.
func (f *follower) record(in *Input) error {
	c := f.content
	day := in.now().UTC().Format(time.DateOnly)
	newDay := !f.archive && len(c.Days) > 0 && c.Days[len(c.Days)-1].Day < day
	if newDay {
		c.Days = append(c.Days, step{From: f.line, Day: day})
	}
	if err := in.store.put(c); err != nil {
		return err
	}
	if newDay {
		return in.store.sync(in.now())
	}
	return in.store.flush()
}

// finish hands on a last line that has no end, and says that the content ends here.
func (f *follower) finish(ctx context.Context, in *Input) error {
	if f.finished {
		return nil
	}
	f.finished = true
	if f.read > f.line {
		l := line{offset: f.line, text: f.partial, length: int(f.read - f.line), partial: true}
		if err := f.hand(ctx, in, l, f.read, in.now()); err != nil {
			return err
		}
		f.line, f.partial = f.read, nil
	}
	return in.sink.Finish(ctx, f.place(f.read), f.read)
}

// confirm notes that the receiver has a range; the cursor moves as far as there is no hole.
func (f *follower) confirm(r batch.Range) {
	f.acked.add(r.First, r.End)
	if to := f.acked.advance(f.content.Cursor); to > f.content.Cursor {
		f.content.Cursor = to
		f.dirty = true
	}
}

// settled reports whether all that was read is confirmed.
func (f *follower) settled() bool { return f.content.Cursor == f.line }

func (f *follower) close() error { return errors.Join(f.src.close(), f.file.Close()) }
