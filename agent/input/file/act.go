package file

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// act carries a verdict out. It owns file.
func (in *Input) act(ctx context.Context, v verdict, known *content, c *candidate, s seen, file *os.File) error {
	switch v {
	case goesOn:
		if !isGzip(c.path) && c.stat.size < known.Top {
			known.cutTo(file, c.stat.size)
		}
		return in.follow(ctx, known, c, file)
	case renewed:
		next := *known
		next.Epoch, next.Cursor, next.Ended, next.Evidence = in.nextEpoch(known.Stream), 0, false, Evidence{}
		next.Days, next.Length, next.Size, next.Mtime, next.acked = nil, 0, 0, 0, nil
		next.Indexed, next.indexed, next.told = 0, nil, 0
		in.log.Info("file begins anew", "path", c.path, "epoch", next.Epoch)
		return in.begin(ctx, &next, c, file)
	case copied:
		return errors.Join(in.leave(c, known, s.size), file.Close())
	}
	if !c.matched && !in.newSince(c) || in.first && c.cfg.Start == StartEnd && isGzip(c.path) {
		return errors.Join(in.leave(c, nil, s.size), file.Close())
	}
	stream, epoch := draw()
	return in.begin(ctx, &content{Stream: stream, Epoch: epoch}, c, file)
}

// nextEpoch returns an epoch that the stream has not had.
func (in *Input) nextEpoch(stream event.Key) uint64 {
	last := uint64(0)
	for k := range in.store.contents {
		if k.stream == stream {
			last = max(last, k.epoch)
		}
	}
	return last + 1
}

// newSince reports whether a rotated file that no glob names was written after the last complete look: then it was
// never seen under its live name, and must be read.
func (in *Input) newSince(c *candidate) bool {
	const slack = 2 * time.Second // of clocks that are kept in seconds
	return !in.first && time.Unix(0, c.stat.mtime).After(in.last.Add(-slack))
}

// draw returns a new stream, and an epoch that nothing else can have used.
func draw() (event.Key, uint64) {
	k := event.RandomKey()
	return event.RandomKey(), binary.BigEndian.Uint64(k[:]) >> 16
}

// leave notes a file that is not read: a copy of a content, or a rotated file from before the first look.
func (in *Input) leave(c *candidate, of *content, length uint64) error {
	k := in.handles[c.stat.handle]
	if k == nil || !k.Copy {
		stream, epoch := draw()
		k = &content{Stream: stream, Epoch: epoch, Copy: true}
	}
	k.Path, k.Stem, k.File, k.Seen = c.path, c.live, c.stat.handle, in.now().Unix()
	k.Size, k.Mtime, k.Length, k.Ended = c.stat.size, c.stat.mtime, length, true
	if of != nil {
		k.Of, k.OfEp = of.Stream, of.Epoch
		if in.isGone(of) && !of.Ended && of.Cursor >= length {
			of.Ended = true
			if err := in.store.put(of); err != nil {
				return err
			}
		}
	}
	in.handles[c.stat.handle] = k
	return in.store.put(k)
}

// begin follows a content from its first byte. Its identity is on disk before anything else happens.
func (in *Input) begin(ctx context.Context, c *content, found *candidate, file *os.File) error {
	now := in.now()
	c.Path, c.Stem, c.File = found.path, found.live, found.stat.handle
	c.Class, c.Seen = found.cfg.class(), now.Unix()
	day := now
	if isGzip(found.path) {
		day = time.Unix(0, found.stat.mtime)
	}
	c.Days = []step{{0, day.UTC().Format(time.DateOnly)}}
	if err := in.store.put(c); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := in.store.sync(now); err != nil {
		return errors.Join(err, file.Close())
	}
	return in.follow(ctx, c, found, file)
}

// follow opens a content in a file at its cursor.
func (in *Input) follow(ctx context.Context, c *content, found *candidate, file *os.File) error {
	f := &follower{
		content: c, cfg: found.cfg, path: found.path, file: file, archive: isGzip(found.path),
		read: c.Cursor, line: c.Cursor, changed: in.now(), links: 1, size: found.stat.size,
	}
	in.moved[c] = true
	c.Path, c.File, c.Ended = found.path, found.stat.handle, false
	ref, err := f.openSource(found.stat)
	if err != nil {
		in.problem("file cannot be read", found.path, err)
		return file.Close()
	}
	if f.archive { // a process that is killed finds it again by these; its length shows at its end
		c.Size, c.Mtime, c.Length = found.stat.size, found.stat.mtime, math.MaxUint64
	}
	f.enc = newEncoder(in.src, found.cfg, c, c.Stem, ref)
	in.open[found.stat.handle], in.handles[found.stat.handle] = f, c
	in.log.Info("following file", "path", found.path, "stream", c.Stream.String(), "epoch", c.Epoch, "cursor", c.Cursor)
	if c.Cursor == 0 && c.Top == 0 && in.first && found.cfg.Start == StartEnd {
		return f.skipToEnd(ctx, in)
	}
	return nil
}

// openSource positions the follower at its cursor. It returns the reference time of an archive.
func (f *follower) openSource(st stat) (time.Time, error) {
	if !f.archive {
		f.src = &plain{f: f.file, at: int64(f.read)}
		f.tail = make([]byte, min(f.read, markSize), 2*markSize)
		if _, err := f.file.ReadAt(f.tail, int64(f.read)-int64(len(f.tail))); err != nil && err != io.EOF {
			return time.Time{}, fmt.Errorf("read before the cursor: %w", err)
		}
		return time.Time{}, nil
	}
	g, err := openGzip(f.file)
	if err != nil {
		return time.Time{}, err
	}
	f.src = g
	return g.writtenAt(st), g.skip(f.read)
}

// skipToEnd passes over what was in a file before the first start, up to its last line end.
func (f *follower) skipToEnd(ctx context.Context, in *Input) error {
	st, err := statFile(f.file)
	if err != nil {
		return err
	}
	end := lastLineEnd(f.file, int64(st.size))
	if end == 0 {
		return nil
	}
	f.read, f.line, f.src = end, end, &plain{f: f.file, at: int64(end)}
	f.tail = make([]byte, min(end, markSize), 2*markSize)
	if _, err := f.file.ReadAt(f.tail, int64(end)-int64(len(f.tail))); err != nil {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	f.noteTop()
	if err := f.record(in, end); err != nil {
		return err
	}
	return in.sink.Pass(ctx, f.place(0), batch.Skipped, 0, end)
}

// lastLineEnd returns the offset behind the last line end before size, looking back one maximal line. In a longer line
// than that it is size.
func lastLineEnd(r io.ReaderAt, size int64) uint64 {
	buf := make([]byte, min(size, maxLine))
	n, _ := r.ReadAt(buf, size-int64(len(buf)))
	if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
		return uint64(size) - uint64(len(buf)) + uint64(i) + 1
	}
	if size > maxLine {
		return uint64(size)
	}
	return 0
}
