package file

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"belfry/agent/input/file/archive"
	"belfry/agent/input/file/ident"
	"belfry/agent/input/file/lines"
	"belfry/shared/batch"
	"belfry/shared/heartbeat"
)

// Sink takes what is read. Its methods block for back pressure until ctx is done; who gives up may come again with the same.
// They copy what they are given.
type Sink interface {
	// Add takes one event, as a JSON object, that came from [first, end) of its place.
	Add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error
	// Pass takes a range of which no event is sent, or of one that is sent with another range.
	Pass(ctx context.Context, p batch.Place, kind batch.Kind, first, end uint64) error
	// Finish says that a place has ended at size.
	Finish(ctx context.Context, p batch.Place, size uint64) error
}

var zeroTime time.Time

// Input follows all files of an agent.
type Input struct {
	cfgs   []Config
	src    Source
	sink   Sink
	log    *slog.Logger
	now    func() time.Time
	pace   pace
	store  *store
	points *archive.Points

	open    map[Handle]*follower
	handles map[Handle]*content   // the last content or copy seen in each file
	inodes  map[uint64]*content   // likewise, by inode alone; the others of it follow by content.sameInode
	byBase  map[string][]*content // by the last part of the names under which they are sought
	surveys map[Handle]*survey
	kept    map[Handle]*candidate // files that wait to be judged: their names may go
	kick    chan struct{}         // a survey has ended
	calls   chan func()           // to be run by the goroutine of Run
	ended   chan struct{}         // closed when Run has ended
	faults  map[string]string

	folders    map[string]*folder
	folderGen  uint32
	stems      map[string]*Config // live names
	stemDirs   map[string]bool
	present    map[Handle]*entry // files that the last looks found
	gen        uint32
	todo       []*entry
	relook     bool // there are new live names
	shaken     bool // a file went away: copies of it may be all that is left
	hungry     bool // files wait for descriptors
	olderWaits bool // of the past: one that comes before those behind it is not judged yet
	unwatched  int  // folders for which there are no events
	seeking    bool // a content's file is gone, and what of it is missing is not declared yet
	statx      unix.Statx_t
	maxOpen    int
	scanned    time.Time
	nextScan   time.Time
	last       time.Time // of the last complete look
	since      time.Time // of the last one before this process began
	metaMoved  bool
	oldDirsAt  time.Time // when logrotate's configuration was read
	rotateds   []string  // its olddirs

	watcher    *fsnotify.Watcher
	woken      map[string]bool // names that directory events told of
	touched    map[string]bool // folders in which a name came or went
	hotFolders int             // too busy to be watched

	day      string // of today
	encoded  []byte // an event
	buf      []byte
	scratch  []byte
	reading  *follower
	catching map[string]*follower // by live name: the oldest rotated file that is being read
	awaits   map[string]bool      // live names of which rotated files are not judged yet
	patience time.Time            // until then they are waited for
	moved    map[*content]bool    // they differ from what is on disk; true if more than their cursors does
	pledges  []pledge
	tick     context.Context //nolint:containedctx // by which the sink gives up waiting for a while
	untick   context.CancelFunc
	blocked  bool
	saved    time.Time
	started  time.Time // by Run
	synced   time.Time
	syncing  syncing
	noted    time.Time // when the ends were
	guarded  time.Time
	foreseen time.Time
	visited  time.Time
	warned   time.Time         // that descriptors are short
	absent   map[*content]bool // their deleted files were let go, and may be written to
	repaired time.Time         // when a repair of the state was tried

	stateless    bool // nothing was known when this process began
	toldNoReopen bool

	mu        sync.Mutex
	confirmed []batch.Stream
	held      []held
	ends      []heartbeat.Stream
	told      []heartbeat.Stream // by the last call of Ends
	unindexed int
	doubts    []Doubt

	lines, bytes, problems                     *metrics.Counter
	skippedBytes, droppedBytes, abandonedBytes *metrics.Counter
	overflows                                  *metrics.Counter

	behind atomic.Uint64 // bytes of open files that are not confirmed, at the last note
	late   atomic.Int64  // since when there are such, in Unix time; 0: there are none
}

// Open reads the state in dir and returns the input. It starts nothing; see Run.
func Open(dir string, cfgs []Config, src Source, sink Sink, log *slog.Logger, set *metrics.Set) (*Input, error) {
	st, err := openStore(dir, log)
	if err != nil {
		return nil, err
	}
	in := &Input{
		cfgs: cfgs, src: src, sink: sink, log: log, now: time.Now, pace: usual, store: st,
		open: make(map[Handle]*follower), handles: make(map[Handle]*content), inodes: make(map[uint64]*content),
		byBase: make(map[string][]*content), surveys: make(map[Handle]*survey), kept: make(map[Handle]*candidate), kick: make(chan struct{}, 1), calls: make(chan func()), ended: make(chan struct{}), faults: make(map[string]string),
		folders: make(map[string]*folder), stems: make(map[string]*Config), stemDirs: make(map[string]bool),
		present: make(map[Handle]*entry), moved: make(map[*content]bool), catching: make(map[string]*follower), awaits: make(map[string]bool),
		absent: make(map[*content]bool), woken: make(map[string]bool), touched: make(map[string]bool),
		last: time.Unix(st.meta.Look, 0), since: time.Unix(st.meta.Look, 0), maxOpen: descriptors(),
		buf: make([]byte, turnSize), scratch: make([]byte, 2*ident.MarkSize),
		lines:          set.NewCounter("belfry_agent_file_lines_total"),
		bytes:          set.NewCounter("belfry_agent_file_read_bytes_total"),
		problems:       set.NewCounter("belfry_agent_file_errors_total"),
		skippedBytes:   set.NewCounter("belfry_agent_file_skipped_bytes_total"),
		droppedBytes:   set.NewCounter("belfry_agent_file_dropped_bytes_total"),
		abandonedBytes: set.NewCounter("belfry_agent_file_abandoned_bytes_total"),
		overflows:      set.NewCounter("belfry_agent_file_event_overflows_total"),
	}
	set.NewGauge("belfry_agent_file_behind_bytes", func() float64 { return float64(in.behind.Load()) })
	set.NewGauge("belfry_agent_file_behind_seconds", in.lateSeconds)
	if in.points, err = archive.OpenPoints(filepath.Join(dir, "points")); err != nil {
		return nil, errors.Join(err, st.close())
	}
	if err := in.prepare(); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return in, nil
}

// prepare compiles the configuration, and takes in what the state knows.
func (in *Input) prepare() error {
	for i := range in.cfgs {
		if err := in.cfgs[i].compile(filepath.Dir(in.store.dir)); err != nil {
			return fmt.Errorf("inputs.files[%d].%w", i, err)
		}
		in.store.remember = max(in.store.remember, in.cfgs[i].backfill())
	}
	in.store.remember = max(in.store.remember, forgetAfter)
	in.store.held, in.store.forgot = in.holding, in.forgotten
	for _, c := range in.store.contents {
		old := in.handles[c.File]
		if old == nil || old.Copy && !c.Copy || old.Copy == c.Copy && old.Number < c.Number { // the last to be begun in it
			in.handles[c.File] = c
		}
		in.byInode(c)
		in.index(c)
		if cfg := in.configOf(c); cfg != nil && !c.Copy {
			in.stem(c.Stem, cfg)
		}
	}
	if in.stateless = len(in.store.contents) == 0 && in.store.meta.First == 0; in.stateless {
		in.doubts = append(in.doubts, Doubt{At: in.now(), Path: in.store.dir,
			Reason: "there is no state: what lay in the files before this start carries the tag doubt, for nobody knows whether it was sent before"})
	}
	in.shaken = true
	in.noteBoot()
	in.tellAgain()
	return in.sweepPoints()
}

// forgetAfter is how long an ended content is remembered when no file has it any more: somebody may bring it back.
const forgetAfter = 90 * 24 * time.Hour

// holding tells of each content whether some file has it, or a copy of it. It is nil until the process has run for a while: not
// everything has been found yet.
func (in *Input) holding() func(*content) bool {
	if in.scanned.IsZero() || in.now().Sub(in.started) < time.Hour {
		return nil
	}
	copied := make(map[contentKey]bool)
	for h := range in.present {
		if k := in.handles[h]; k != nil && k.Copy {
			copied[contentKey{k.Of, k.OfEp}] = true
		}
	}
	return func(c *content) bool {
		return in.handles[c.File] == c && (in.present[c.File] != nil || in.open[c.File] != nil) || copied[c.key()]
	}
}

// forgotten removes a content from what it is found by.
func (in *Input) forgotten(c *content) {
	if in.handles[c.File] == c {
		delete(in.handles, c.File)
	}
	in.noInode(c)
	for _, base := range c.bases {
		in.byBase[base] = slices.DeleteFunc(in.byBase[base], func(o *content) bool { return o == c })
		if len(in.byBase[base]) == 0 {
			delete(in.byBase, base)
		}
	}
	delete(in.moved, c)
	delete(in.absent, c)
}

// byInode makes a content be found by its file's inode alone.
func (in *Input) byInode(c *content) {
	if c.inode == c.File.Inode {
		return
	}
	in.noInode(c)
	c.inode, c.sameInode = c.File.Inode, in.inodes[c.File.Inode]
	in.inodes[c.inode] = c
}

// noInode makes a content be found by no inode.
func (in *Input) noInode(c *content) {
	at := in.inodes[c.inode]
	if at == c {
		if in.inodes[c.inode] = c.sameInode; c.sameInode == nil {
			delete(in.inodes, c.inode)
		}
	}
	for ; at != nil; at = at.sameInode {
		if at.sameInode == c {
			at.sameInode = c.sameInode
			break
		}
	}
	c.inode, c.sameInode = 0, nil
}

// noteBoot finds out whether the machine went down without a clean stop of the agent: then neither the ends of the files nor
// that of the state can be believed.
func (in *Input) noteBoot() {
	m := &in.store.meta
	boot := bootID()
	if m.Boot != "" && m.Boot != boot && !m.Clean {
		m.Boots++
		in.log.Warn("the machine went down while the agent ran, files are taken up from what surely is there", "starts", m.Boots)
	}
	if m.Boot != boot || m.Clean {
		m.Boot, m.Clean, in.metaMoved = boot, false, true
	}
}

// bootID is the kernel's name of the present start of the machine (random(4)), or "" where it has none.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Confirmed notes what the receiver has taken. It may be called from any goroutine.
func (in *Input) Confirmed(s batch.Stream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.confirmed = append(in.confirmed, s)
}

// Run follows the files until ctx is done, and returns nil then. Close must follow: it brings the cursors to the disk.
func (in *Input) Run(ctx context.Context) error {
	defer close(in.ended)
	hints := in.listen()
	defer in.unlisten()
	defer in.closeAll()
	defer in.stopSurveys()
	defer in.awaitSync()
	if in.started = in.now(); in.since.Unix() <= 0 {
		in.since = in.started
	}
	in.patience = in.now().Add(stillAfter * in.pace.settle)
	if err := in.save(); err != nil { // that the machine has started again
		return err
	}
	for ctx.Err() == nil {
		if err := in.round(ctx, hints); stopped(ctx, err) != nil {
			return err
		}
	}
	in.lastLook()
	return in.save()
}

// round does what is due, and gives each file a turn.
func (in *Input) round(ctx context.Context, hints <-chan fsnotify.Event) error {
	in.drain(hints)
	if err := in.housekeep(); err != nil {
		return err
	}
	if in.store.fault != nil {
		in.pause(ctx, hints)
		return nil
	}
	if in.settleSync(); in.syncing.due() {
		if err := in.beginSync(); err != nil {
			return err
		}
	}
	in.renewTick(ctx)
	if err := in.keepPledges(ctx); err != nil {
		return err
	}
	more, err := in.readRound(ctx)
	if err != nil {
		return err
	}
	in.applyConfirmed()
	if !more {
		in.pause(ctx, hints)
	}
	return nil
}

// housekeep does what is due besides reading. It needs no road.
func (in *Input) housekeep() error {
	in.applyConfirmed()
	if in.store.fault != nil {
		in.repair()
	}
	now := in.now()
	switch {
	case !now.Before(in.nextScan):
		if err := in.scan(); err != nil {
			return err
		}
	case len(in.touched) > 0 || in.hotFolders > 0:
		if err := in.scanTouched(); err != nil {
			return err
		}
	}
	in.foreseeAll()
	in.visitAbsent()
	in.guardDisks()
	if now.Sub(in.saved) >= in.pace.save {
		if err := in.save(); err != nil {
			return err
		}
		in.saved = now
	}
	in.noteStatus()
	return nil
}

// foreseeAll notes how far the files reach that are not read to their end: they wait for the road, or for older ones.
func (in *Input) foreseeAll() {
	now := in.now()
	if now.Sub(in.foreseen) < in.pace.scan || in.store.fault != nil {
		return
	}
	in.foreseen = now
	for _, f := range in.open {
		if f.finished {
			continue
		}
		if st, err := statFile(f.file); err == nil && st.size >= f.size && st.size > f.content.Top {
			f.size, f.mtime, f.in = st.size, st.mtime, in
			_ = in.stateError(f.foresee())
		}
	}
}

// lastLook notes how far everything reaches, before the process ends.
func (in *Input) lastLook() {
	in.applyConfirmed()
	for _, f := range in.open {
		if st, err := statFile(f.file); err == nil && f.kind == archive.Plain && st.size > f.content.Top {
			f.size, f.mtime, f.in = st.size, st.mtime, in
			_ = in.stateError(f.foresee())
		}
	}
	in.noteEnds(in.now())
}

// stopped turns the error that a cancelled context causes into nil.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// stateError tells that the state cannot be written. It is no reason to end: what was read stays in memory, and reading goes
// on when the disk has room again.
func (in *Input) stateError(err error) error {
	if err != nil && in.store.fault != nil {
		if in.faults[in.store.dir] == "" {
			in.problem("state cannot be kept, reading waits", in.store.dir, err)
			in.repaired = in.now()
		}
		return nil
	}
	return err
}

// repair tries to keep the state again.
func (in *Input) repair() {
	now := in.now()
	if now.Sub(in.repaired) < in.pace.scan {
		return
	}
	in.repaired = now
	in.awaitSync() // it has the file that is closed now
	if err := in.store.repair(now); err != nil {
		return
	}
	in.syncing.onDisk = in.syncing.wanted
	delete(in.faults, in.store.dir)
	in.log.Info("state is kept again", "path", in.store.dir)
}

// Close saves what was confirmed after Run, and closes the state.
func (in *Input) Close() error {
	in.applyConfirmed()
	in.store.meta.Clean, in.metaMoved = true, true
	err := in.save()
	in.awaitSync()
	return errors.Join(err, in.store.close())
}

func (in *Input) skipped(path string, why lines.SkipReason, n uint64) {
	in.skippedBytes.AddInt64(int64(n))
	if why == lines.SkipHole {
		in.log.Info("a place that was never written is passed over", "path", path, "bytes", n)
	}
}
