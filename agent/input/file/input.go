package file

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/fsnotify/fsnotify"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// How often things are looked at. Directory events only wake earlier; the periodic look is the truth.
const (
	scanEvery   = time.Second            // all names
	pollActive  = 100 * time.Millisecond // a file that grew within activeFor
	pollIdle    = time.Second            // any other open file
	activeFor   = 10 * time.Second
	saveEvery   = 250 * time.Millisecond // cursors to the disk
	minPause    = 20 * time.Millisecond  // between two rounds, however many events come
	holdDeleted = 10 * time.Second       // a deleted file is held this long after it last grew
	parkAfter   = time.Minute            // a file that did not grow is closed, and opened again when it does
)

// Sink takes what is read. Its methods block for back pressure; they copy what they are given.
type Sink interface {
	// Add takes one event, as a JSON object, that came from [first, end) of its place.
	Add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error
	// Pass takes a range of which no event is sent.
	Pass(ctx context.Context, p batch.Place, kind batch.Kind, first, end uint64) error
	// Finish says that a place has ended at size.
	Finish(ctx context.Context, p batch.Place, size uint64) error
}

// Input follows all files of an agent.
type Input struct {
	cfgs  []Config
	src   Source
	sink  Sink
	log   *slog.Logger
	now   func() time.Time
	store *store
	first bool // nothing was known when this process began

	open    map[Handle]*follower
	handles map[Handle]*content // the last content or copy seen in each file
	torn    map[Handle]uint64   // archives that are not whole, by size
	warned  map[string]bool     // archives of a kind that cannot be read
	present map[Handle]bool     // files that the last look found
	last    time.Time           // of the last complete look
	late    []*content          // confirmed after their file was let go; not on disk yet

	mu        sync.Mutex
	confirmed []batch.Stream
	status    []Status

	lines    *metrics.Counter
	bytes    *metrics.Counter
	problems *metrics.Counter
}

// Open reads the state in dir and returns the input. It starts nothing; see Run.
func Open(dir string, cfgs []Config, src Source, sink Sink, log *slog.Logger, set *metrics.Set) (*Input, error) {
	st, err := openStore(dir, log)
	if err != nil {
		return nil, err
	}
	in := &Input{
		cfgs: cfgs, src: src, sink: sink, log: log, now: time.Now, store: st,
		open: make(map[Handle]*follower), handles: make(map[Handle]*content),
		torn: make(map[Handle]uint64), warned: make(map[string]bool), present: make(map[Handle]bool),
		first: len(st.contents) == 0 && st.lastLook == 0, last: time.Unix(st.lastLook, 0),
		lines:    set.NewCounter("belfry_agent_file_lines_total"),
		bytes:    set.NewCounter("belfry_agent_file_read_bytes_total"),
		problems: set.NewCounter("belfry_agent_file_errors_total"),
	}
	for _, c := range st.contents {
		if old := in.handles[c.File]; old == nil || old.Epoch < c.Epoch && !c.Copy {
			in.handles[c.File] = c
		}
	}
	return in, nil
}

// Confirmed notes what the receiver has taken. It may be called from any goroutine.
func (in *Input) Confirmed(s batch.Stream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.confirmed = append(in.confirmed, s)
}

// Run follows the files until ctx is done. It returns nil then, with all cursors on disk.
func (in *Input) Run(ctx context.Context) error {
	hints, watch := in.watch()
	if watch != nil {
		defer watch.Close()
	}
	defer in.closeAll()
	buf := make([]byte, turnSize)
	var scanned, saved time.Time
	for ctx.Err() == nil {
		now := in.now()
		if now.Sub(scanned) >= scanEvery || drain(hints) {
			if err := in.scan(ctx, watch); err != nil {
				return stopped(ctx, err)
			}
			scanned = now
		}
		in.applyConfirmed()
		if err := in.readAll(ctx, buf); err != nil {
			return stopped(ctx, err)
		}
		if now.Sub(saved) >= saveEvery {
			if err := in.save(); err != nil {
				return err
			}
			in.noteStatus()
			saved = now
		}
		in.pause(ctx, hints)
	}
	in.applyConfirmed()
	return in.save()
}

// stopped turns the error that a cancelled context causes into nil.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Close saves what was confirmed after Run, and closes the state.
func (in *Input) Close() error {
	in.applyConfirmed()
	return errors.Join(in.save(), in.store.close())
}

// pause waits until a file is due, or a directory event came.
func (in *Input) pause(ctx context.Context, hints <-chan fsnotify.Event) {
	wait := pollActive
	for _, f := range in.open {
		wait = min(wait, time.Until(f.due))
	}
	t := time.NewTimer(max(wait, minPause))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case e, ok := <-hints:
		if ok {
			in.hint(e)
			time.Sleep(minPause)
		}
	}
}

// hint makes the file that an event names due.
func (in *Input) hint(e fsnotify.Event) {
	for _, f := range in.open {
		if f.path == e.Name {
			f.due = time.Time{}
		}
	}
}

// drain empties the events and reports whether a name came or went.
func drain(hints <-chan fsnotify.Event) bool {
	names := false
	for {
		select {
		case e, ok := <-hints:
			if !ok {
				return names
			}
			names = names || e.Has(fsnotify.Create) || e.Has(fsnotify.Rename) || e.Has(fsnotify.Remove)
		default:
			return names
		}
	}
}

// watch begins to listen for directory events. Without them the periodic look does all.
func (in *Input) watch() (<-chan fsnotify.Event, *fsnotify.Watcher) {
	w, err := fsnotify.NewBufferedWatcher(256)
	if err != nil {
		in.log.Warn("no directory events, looking once a second", "err", err)
		return nil, nil
	}
	go func() {
		for range w.Errors { // an overflow loses hints only
		}
	}()
	return w.Events, w
}

// scan looks at all names, and begins or ends to follow what they name.
func (in *Input) scan(ctx context.Context, watch *fsnotify.Watcher) error {
	all := in.find()
	clear(in.present)
	for _, c := range all {
		in.present[c.stat.handle] = true
	}
	settled := true
	for _, c := range all {
		if watch != nil {
			_ = watch.Add(filepath.Dir(c.path)) // only a hint
		}
		ok, err := in.meet(ctx, c)
		if err != nil {
			return err
		}
		settled = settled && ok
	}
	if settled {
		in.last, in.first = in.now(), false
	}
	return nil
}

// meet follows a file that was found, or leaves it alone. ok is false if it must be looked at again.
func (in *Input) meet(ctx context.Context, c *candidate) (ok bool, err error) {
	if f := in.open[c.stat.handle]; f != nil {
		in.rename(f, c)
		return true, nil
	}
	k := in.handles[c.stat.handle]
	if k != nil && k.Copy && !in.copyChanged(k, c) || k != nil && !k.Copy && in.parked(k, c) || !readable(c.path) {
		in.warnOnce(c)
		return true, nil
	}
	file, st, err := openRegular(c.path, c.stat.handle)
	if err != nil {
		in.problem("file cannot be read", c.path, err)
		return false, nil
	}
	c.stat = st
	s, err := in.examine(c, file)
	if err != nil {
		in.problem("file cannot be read", c.path, err)
		return true, file.Close()
	}
	v, known := judge(s)
	if v == wait {
		return false, file.Close()
	}
	return true, in.act(ctx, v, known, c, s, file)
}

// problem tells a fault of one path once, until that path was read.
func (in *Input) problem(what, path string, err error) {
	in.problems.Inc()
	if !in.warned[path] {
		in.warned[path] = true
		in.log.Warn(what, "path", path, "err", err)
	}
}

func (in *Input) warnOnce(c *candidate) {
	if !readable(c.path) && !in.warned[c.path] {
		in.warned[c.path] = true
		in.log.Warn("archive of a kind that is not read", "path", c.path)
	}
}

// readable reports whether a name is not that of an archive that this version cannot read.
func readable(path string) bool {
	return !slices.Contains(compressed[1:], filepath.Ext(path))
}

// rename notes the name under which a followed file is found now.
func (in *Input) rename(f *follower, c *candidate) {
	if f.path == c.path {
		return
	}
	in.log.Info("file has a new name", "from", f.path, "to", c.path)
	f.path, f.content.Path, f.dirty = c.path, c.path, true
}

// parked reports whether a file that was read to its end has not changed since.
func (in *Input) parked(k *content, c *candidate) bool {
	return k.Size == c.stat.size && k.Mtime == c.stat.mtime && k.Size > 0 && (k.Ended || k.Cursor == k.Length)
}

// copyChanged reports whether a file that was left alone must be judged again: it changed, or what it repeats is gone
// before all of it was read.
func (in *Input) copyChanged(k *content, c *candidate) bool {
	if k.Size != c.stat.size || k.Mtime != c.stat.mtime {
		return true
	}
	of := in.store.contents[contentKey{k.Of, k.OfEp}]
	return of != nil && !of.Ended && in.isGone(of) && k.Length > of.Cursor
}

// isGone reports whether a content lies in no file that is open or was found by the last look.
func (in *Input) isGone(c *content) bool {
	if f := in.open[c.File]; f != nil && f.content == c {
		return false
	}
	return !in.present[c.File] || in.handles[c.File] != c
}

func (in *Input) byHandle(h Handle) *content { return in.handles[h] }

// sameStem lists the contents that belong to a live name, the longest known first.
func (in *Input) sameStem(live string) []*content {
	var all []*content
	for _, c := range in.store.contents {
		if c.Stem == live && !c.Copy && c.HeadLen > 0 {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *content) int { return cmp.Compare(b.Top, a.Top) })
	return all
}

// act carries a verdict out. It owns file.
func (in *Input) act(ctx context.Context, v verdict, known *content, c *candidate, s seen, file *os.File) error {
	switch v {
	case goesOn:
		return in.follow(ctx, known, c, file)
	case renewed:
		next := *known
		next.Epoch, next.Cursor, next.Ended, next.Evidence = in.nextEpoch(known.Stream), 0, false, Evidence{}
		next.Days, next.Length, next.Size, next.Mtime = nil, 0, 0, 0
		in.log.Info("file begins anew", "path", c.path, "epoch", next.Epoch)
		return in.begin(ctx, &next, c, file)
	case copied:
		return errors.Join(in.leave(c, known, s.size), file.Close())
	}
	if !c.matched && !in.newSince(c) {
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
		read: c.Cursor, line: c.Cursor, changed: in.now(), dirty: true, links: 1,
	}
	c.Path, c.File, c.Ended = found.path, found.stat.handle, false
	ref, err := f.openSource(found.stat)
	if err != nil {
		in.problem("file cannot be read", found.path, err)
		return file.Close()
	}
	f.enc = newEncoder(in.src, found.cfg, c, c.Stem, ref)
	delete(in.warned, found.path)
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
	if err := f.record(in); err != nil {
		return err
	}
	return in.sink.Pass(ctx, f.place(0), batch.Skipped, 0, end)
}

// lastLineEnd returns the offset behind the last line end before size, looking back one maximal line.
func lastLineEnd(r io.ReaderAt, size int64) uint64 {
	buf := make([]byte, min(size, maxLine))
	n, _ := r.ReadAt(buf, size-int64(len(buf)))
	for i := n - 1; i >= 0; i-- {
		if buf[i] == '\n' {
			return uint64(size) - uint64(len(buf)) + uint64(i) + 1
		}
	}
	return 0
}
