// Package rotate rotates the log files that the configuration names, and deletes a rotated file only when the index has
// all of it.
//
//	plan ─▶ shift NAME.1 to NAME.2 … ─▶ prepare the new file ─▶ NAME to NAME.1 ─▶ new file to NAME ─▶ tell the writer
//	     ─▶ wait until nobody has NAME.1 open for writing ─▶ compress it, hidden ─▶ read that back ─▶ NAME.1.gz ─▶ remove NAME.1
//	     ─▶ delete what is over keep or keep_for, and indexed
//
// No byte is ever lost by it: nothing is overwritten (renameat2 with RENAME_NOREPLACE), a plain file goes only when its
// archive was read back and nobody can write to it, and what the index does not have stays, however much there is.
//
// Each step is in a journal, on disk, before it is done, and can be done again: a process that is killed anywhere goes
// on where it was. The writer may then be told twice, never not at all. A file is known by its inode and birth time: when
// somebody else has renamed it meanwhile, the job is given up, told, and what is there is left alone.
//
// It leaves alone what logrotate's configuration owns, links, files with several names, and files in directories that
// others may write; see Check. The journal is a shared/segment log of JSON records in a folder of its own; nobody else
// may write there.
package rotate

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"

	"belfry/agent/rotate/logrotate"
)

// Index tells what of a file the index has acknowledged.
type Index interface {
	// Indexed reports whether the index has all bytes of the file that lies at path (plain or compressed): false while
	// any is unread, unconfirmed or unacknowledged. An error: nothing is known of it. It may be called beside all else.
	Indexed(path string) (bool, error)
}

const (
	turnEvery = 10 * time.Second // looks at the live files that are known
	scanEvery = time.Minute      // looks for new ones
	tidyEvery = time.Minute      // looks at the rotated ones; also after each rotation
	retryLate = time.Minute      // until a file that could not be rotated is tried again
	maxTries  = 3                // of telling a writer
)

// Rotator rotates the files of some configurations. Run does the work; Status may be called beside it.
type Rotator struct {
	cfgs    []Config
	index   Index
	log     *slog.Logger
	count   *counters
	owners  *logrotate.Owners
	journal *journal
	now     func() time.Time                           // wall clock, for names and ages
	pause   func(ctx context.Context, d time.Duration) // between two pieces that are compressed
	leased  func(*os.File) (free, known bool)
	tidyNow chan struct{}
	scanned time.Time        // by turn
	quiet   map[handle]quiet // of tidy alone

	mu       sync.Mutex // guards what Status shows
	families map[string]*family
}

// family is a live file with its rotated ones.
type family struct {
	path, dir, base string
	cfg             *Config
	key             string // of cfg, as rotate[0]
	first           time.Time
	retry           time.Time // not before

	// Guarded by Rotator.mu.
	size    int64
	fault   string            // why it is not rotated
	notes   map[string]string // of rotated files: why they are still as they are
	rotated int
	kept    int // over keep or keep_for, and not deleted
	last    time.Time
}

// Open opens the journal in dir. A nil index has nothing. It starts nothing; see Run.
func Open(dir string, cfgs []Config, index Index, log *slog.Logger, set *metrics.Set) (*Rotator, error) {
	for i := range cfgs {
		if err := cfgs[i].Validate(); err != nil {
			return nil, fmt.Errorf("rotate[%d]: %w", i, err)
		}
	}
	j, err := openJournal(dir, log)
	if err != nil {
		return nil, err
	}
	r := &Rotator{
		cfgs: cfgs, index: index, log: log, journal: j, owners: logrotate.Open("/"), now: time.Now, pause: pause, leased: leased,
		tidyNow: make(chan struct{}, 1), quiet: map[handle]quiet{}, families: map[string]*family{},
	}
	r.count = newCounters(set, r.sums)
	return r, nil
}

// Close closes the journal. Run must have ended.
func (r *Rotator) Close() error { return r.journal.close() }

// Run goes on with what was under way, then rotates until ctx is done. What it is at then is left as a kill would leave
// it, but for an archive that is half written: that is removed.
func (r *Rotator) Run(ctx context.Context) error {
	for _, line := range Rights(r.cfgs) {
		r.log.Warn("rotation lacks a right", "what", line)
	}
	var g sync.WaitGroup
	g.Go(func() { // compressing takes long, and live files do not wait for it
		stepBack()
		for tick(ctx, tidyEvery, r.tidyNow) {
			r.tidy(ctx)
		}
	})
	for r.wakeTidy(); ctx.Err() == nil; pause(ctx, turnEvery) {
		r.turn(ctx)
	}
	g.Wait()
	return nil
}

// tick waits, and reports whether to go on.
func tick(ctx context.Context, d time.Duration, now <-chan struct{}) bool {
	pauseOr(ctx, d, now)
	return ctx.Err() == nil
}

func pause(ctx context.Context, d time.Duration) { pauseOr(ctx, d, nil) }

func pauseOr(ctx context.Context, d time.Duration, now <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-now:
	}
}

// wakeTidy has the rotated files looked at soon.
func (r *Rotator) wakeTidy() {
	select {
	case r.tidyNow <- struct{}{}:
	default:
	}
}

// stepBack gives a goroutine a thread of its own that gets what the rest of the machine leaves (nice(1), ionice(1)). The
// thread ends with it. Where that is not allowed, the pauses are all there is.
func stepBack() {
	runtime.LockOSThread()
	const lowest, whoProcess, idleClass = 19, 1, 3 << 13
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), lowest)
	_, _, _ = unix.RawSyscall(unix.SYS_IOPRIO_SET, whoProcess, 0, idleClass)
}
