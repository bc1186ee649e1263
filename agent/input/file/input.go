package file

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/fsnotify/fsnotify"

	"belfry/shared/batch"
	"belfry/shared/heartbeat"
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
	looks   map[Handle]look     // rotated files that are not judged yet
	faults  map[string]string   // by path: what was told of it
	present map[Handle]bool     // files that the last look found
	last    time.Time           // of the last complete look
	moved   map[*content]bool   // their record differs from the one on disk
	woken   map[string]bool     // names that directory events told of
	names   bool                // a name came or went
	noted   time.Time           // when the ends were

	mu        sync.Mutex
	confirmed []batch.Stream
	held      []held
	status    []Status
	ends      []heartbeat.Stream
	told      []heartbeat.Stream // by the last call of Ends
	unindexed int

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
		looks: make(map[Handle]look), faults: make(map[string]string), present: make(map[Handle]bool),
		moved: make(map[*content]bool), woken: make(map[string]bool),
		first: len(st.contents) == 0 && st.lastLook == 0, last: time.Unix(st.lastLook, 0),
		lines:    set.NewCounter("belfry_agent_file_lines_total"),
		bytes:    set.NewCounter("belfry_agent_file_read_bytes_total"),
		problems: set.NewCounter("belfry_agent_file_errors_total"),
	}
	for _, c := range st.contents {
		old := in.handles[c.File]
		if old == nil || old.Copy && !c.Copy || old.Copy == c.Copy && old.Epoch < c.Epoch {
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

// Run follows the files until ctx is done, and returns nil then. Close must follow: it brings the cursors to the disk.
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
		if in.drain(hints) || now.Sub(scanned) >= scanEvery {
			if err := in.scan(ctx, watch); err != nil {
				return stopped(ctx, err)
			}
			in.noteStatus()
			scanned = now
		}
		in.applyConfirmed()
		more, err := in.readRound(ctx, buf)
		if err != nil {
			return stopped(ctx, err)
		}
		in.applyConfirmed()
		if now.Sub(saved) >= saveEvery {
			if err := in.save(); err != nil {
				return err
			}
			in.noteStatus()
			saved = now
		}
		if !more {
			in.pause(ctx, hints)
		}
	}
	in.applyConfirmed()
	in.noteEnds(in.now())
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

// scan looks at all names, and begins or ends to follow what they name.
func (in *Input) scan(ctx context.Context, watch *fsnotify.Watcher) error {
	all := in.find()
	clear(in.present)
	names := make(map[string]bool, len(all))
	for _, c := range all {
		in.present[c.stat.handle], names[c.path] = true, true
	}
	maps.DeleteFunc(in.faults, func(path, _ string) bool { return !names[path] })
	maps.DeleteFunc(in.looks, func(h Handle, _ look) bool { return !in.present[h] })
	// A file that is known is judged by itself, the others by what is known.
	slices.SortStableFunc(all, func(a, b *candidate) int { return cmp.Compare(in.rank(a), in.rank(b)) })
	worst := judged
	for _, c := range all {
		if watch != nil {
			_ = watch.Add(filepath.Dir(c.path)) // only a hint
		}
		o, err := in.meet(ctx, c)
		if err != nil {
			return err
		}
		worst = max(worst, o)
	}
	if worst < waits {
		in.first = false
	}
	if worst == judged {
		in.last = in.now()
	}
	return nil
}

func (in *Input) rank(c *candidate) int {
	if k := in.handles[c.stat.handle]; k != nil && !k.Copy {
		return 0
	}
	return 1
}

// outcome is what became of one file in a look at all.
type outcome uint8

const (
	judged outcome = iota // it is followed, or left alone
	closed                // it cannot be opened; it may be one day
	waits                 // it is not settled yet
)

// meet follows a file that was found, or leaves it alone.
func (in *Input) meet(ctx context.Context, c *candidate) (outcome, error) {
	if f := in.open[c.stat.handle]; f != nil {
		in.rename(f, c)
		return judged, nil
	}
	k := in.handles[c.stat.handle]
	if k != nil && k.Copy && !k.changed(c) && !in.orphan(k) || k != nil && !k.Copy && in.parked(k, c) || !readable(c.path) {
		in.warnOnce(c)
		return judged, nil
	}
	file, st, err := openRegular(c.path, c.stat.handle)
	if err != nil {
		in.problem("file cannot be read", c.path, err)
		return closed, nil
	}
	c.stat = st
	s, err := in.examine(c, file)
	if err != nil {
		in.problem("file cannot be read", c.path, err)
		return closed, file.Close()
	}
	v, known := judge(s)
	in.log.Debug("judged", "path", c.path, "as", v.String(), "size", s.size)
	if v == wait {
		return waits, file.Close()
	}
	delete(in.looks, st.handle)
	return judged, in.act(ctx, v, known, c, s, file)
}

// problem tells a fault of one path once, until that path was read.
func (in *Input) problem(what, path string, err error) {
	in.problems.Inc()
	if in.faults[path] == "" {
		in.faults[path] = what + ": " + err.Error()
		in.log.Warn(what, "path", path, "err", err)
	}
}

func (in *Input) warnOnce(c *candidate) {
	const what = "archive of a kind that is not read"
	if !readable(c.path) && in.faults[c.path] == "" {
		in.faults[c.path] = what
		in.log.Warn(what, "path", c.path)
	}
}

// readable reports whether a name is not that of an archive that this version cannot read.
func readable(path string) bool {
	return !slices.Contains(compressed[1:], filepath.Ext(path))
}

// rename notes the name under which a followed file is found now. A second name beside the first one is none.
func (in *Input) rename(f *follower, c *candidate) {
	if f.path == c.path {
		return
	}
	if st, err := statPath(f.path); err == nil && st.handle == c.stat.handle {
		return
	}
	in.log.Info("file has a new name", "from", f.path, "to", c.path)
	f.path, f.content.Path, in.moved[f.content] = c.path, c.path, true
}

// parked reports whether a file that was read to its end has not changed since.
func (in *Input) parked(k *content, c *candidate) bool {
	return k.Size == c.stat.size && k.Mtime == c.stat.mtime && k.Size > 0 && (k.Ended || k.Cursor >= k.Length)
}

// changed reports whether a file that was left alone must be judged again.
func (c *content) changed(now *candidate) bool {
	return c.Size != now.stat.size || c.Mtime != now.stat.mtime
}

// orphan reports whether what a copy repeats is gone before all that the copy has of it was read.
func (in *Input) orphan(k *content) bool {
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
