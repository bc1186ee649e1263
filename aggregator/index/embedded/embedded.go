// Package embedded is the index of one machine: VictoriaLogs' logstorage as a library, behind a write-ahead log and a
// ledger, so that an acknowledgement means on disk, and every event is there exactly once.
//
// # Writing
//
// Write queues what a batch brings. One loop, Run, takes all that is queued as a group. For each Write it asks the
// ledger which events are repeats and appends one record to the log: the new events, finished, and the change of the
// ledger. One fsync makes the group durable, and only then the ledger in memory claims it. A second loop then puts the
// rows into the storage, calls onDurable for each record in order, and answers each Write in order. The answer to a
// repeat has waited for the fsync of what it repeats.
//
// A fault of the log or of onDurable is final: this and every later Write gets the error, and so does Run. The
// process must start again and replay. A disk that gets full is no fault: see index.ErrDiskFull.
//
// # What survives
//
// The storage keeps rows in memory for a while, so a kill loses some. At a checkpoint everything is flushed, the
// ledger is written with the log's position, and the log is cut behind it and behind the alerts (AlertsAt). Open
// replays the rest of the log: it asks the storage which of these rows it holds, and adds the others. Positions in the
// log are never given twice, so that this is exact.
//
// # Files
//
// Config.Dir holds: log/ (package segment; the records are described in record.go), rows/ and rows-CLASS/ (logstorage;
// see classes.go), checkpoint (described in checkpoint.go), names-DAY (described in names.go) and lock.
//
// An Index is safe for concurrent use. It starts no goroutine before Run, apart from those of logstorage, which also
// wants settings of the whole process: see library.go. logstorage ends the process on a fault of the disk.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"belfry/aggregator/index"
	"belfry/aggregator/index/admit"
	"belfry/aggregator/ledger"
	"belfry/shared/batch"
	"belfry/shared/event"
	"belfry/shared/segment"
)

// Config says where an index is and what it may use.
type Config struct {
	Dir             string                   // folder of the index; no default
	Retention       time.Duration            // how long events are kept, by their time; default 90 days, at least one, at most 50 years
	Classes         map[string]time.Duration // the same, of retention classes (index.Item.Class) that differ; default none
	MaxBytes        int64                    // of all rows on disk; beyond, the oldest days go, but never today; default 0: no bound
	Memory          int64                    // bytes for the storage's caches; the first index of a process decides; default 1 GiB
	MinFree         int64                    // refuse writes when the disk has less free; default 1 GiB, negative: never
	CheckpointEvery time.Duration            // at most so long between two checkpoints; default 5 minutes
	CheckpointBytes int64                    // and at most so many bytes of log; default 256 MiB
	Names           int                      // names of events that are kept of one day; beyond, events are tagged no_id; default 4 Mi, some 120 MiB

	disk segment.Disk // of all but the storages; default the system's
}

// maxRetention keeps every time behind 1970, from where the storage counts its days.
const maxRetention = 50 * 365 * 24 * time.Hour

func (c *Config) setDefaults() {
	if c.Retention == 0 {
		c.Retention = 90 * 24 * time.Hour
	}
	if c.Memory == 0 {
		c.Memory = 1 << 30
	}
	if c.MinFree == 0 {
		c.MinFree = 1 << 30
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = 5 * time.Minute
	}
	if c.CheckpointBytes == 0 {
		c.CheckpointBytes = 256 << 20
	}
	if c.Names == 0 {
		c.Names = namesOfDay
	}
	if c.disk == nil {
		c.disk = segment.OS{}
	}
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("dir: must be given"))
	}
	if c.Retention != 0 {
		errs = append(errs, validKeep("retention", c.Retention))
	}
	for _, class := range slices.Sorted(maps.Keys(c.Classes)) {
		if !batch.ValidClass(class) {
			errs = append(errs, fmt.Errorf("classes.%s: use 1 to 32 of a-z, 0-9 and _", class))
		}
		errs = append(errs, validKeep("classes."+class, c.Classes[class]))
	}
	if len(c.Classes) > maxClasses {
		errs = append(errs, fmt.Errorf("classes: %d of them, at most %d", len(c.Classes), maxClasses))
	}
	if c.MaxBytes < 0 {
		errs = append(errs, fmt.Errorf("max_bytes: %d is negative", c.MaxBytes))
	}
	if c.Memory != 0 && c.Memory < 16<<20 {
		errs = append(errs, fmt.Errorf("memory: %d bytes are less than 16 MiB", c.Memory))
	}
	if c.CheckpointEvery < 0 {
		errs = append(errs, fmt.Errorf("checkpoint_every: %v is negative", c.CheckpointEvery))
	}
	if c.CheckpointBytes < 0 {
		errs = append(errs, fmt.Errorf("checkpoint_bytes: %d is negative", c.CheckpointBytes))
	}
	if c.Names < 0 {
		errs = append(errs, fmt.Errorf("names: %d is negative", c.Names))
	}
	return errors.Join(errs...)
}

func validKeep(key string, d time.Duration) error {
	switch {
	case d < 24*time.Hour:
		return fmt.Errorf("%s: %v is less than a day", key, d)
	case d > maxRetention:
		return fmt.Errorf("%s: %v is more than %v", key, d, maxRetention)
	}
	return nil
}

// keep returns how long events of a class are kept.
func (c *Config) keep(class string) time.Duration {
	if d, ok := c.Classes[class]; ok {
		return d
	}
	return c.Retention
}

// maxClasses bounds the retention classes: each is a storage of its own, and its name comes from outside.
const maxClasses = 32

// Index is an open index.
type Index struct {
	cfg       Config
	log       *slog.Logger
	now       func() time.Time
	onDurable index.Watch
	lock      *os.File
	shelves   shelves
	wal       *segment.Log
	ledger    *ledger.Ledger
	names     *names
	gate      *admit.Gate
	queue     chan *pending
	applying  chan job // from the loop that commits to the one that applies
	disk      disk
	eraser    eraser
	measures  measures

	life *admit.Life // after a fault, no checkpoint is made: it would claim what is left out of the storage

	searches sync.RWMutex // held for reading while the shelves are asked, for writing to close them
	flushing sync.Mutex
	adding   sync.Mutex  // held while rows are added, and while a day is taken away
	asks     chan func() // for the loop that commits, to be called between two groups

	position   atomic.Uint64 // lsn of the last record that is on disk
	checkpoint atomic.Uint64 // lsn that the last checkpoint covers
	alertsAt   atomic.Uint64 // the alerts need no record up to this one
	logBytes   atomic.Int64

	adders  []*adder    // of the loop that applies
	hosts   hostSet     // of the loop that applies
	sets    *columnSets // safe for concurrent use
	refusal error       // what onDurable said, after which nothing is applied; of the loop that applies
	grown   int64       // bytes of log since the last checkpoint; of the loop that commits
	last    time.Time   // of the last checkpoint, or the last try; of the loop that commits
	sized   time.Time   // when the size of all rows was looked at; of the loop that commits

	mu      sync.Mutex // guards damaged
	damaged int        // places of damage in the log that were told
}

// Open opens the index in cfg.Dir, or makes it, and replays what the last process left in the log. It calls nobody:
// onDurable is called by Run, for each record in order of position, once its events are on disk; the events are
// shared from then on, and nobody may change them. Without onDurable there are no alerts, and nothing waits for
// AlertsAt.
func Open(cfg Config, log *slog.Logger, set *metrics.Set,
	onDurable index.Watch) (*Index, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("index.embedded: %w", err)
	}
	cfg.setDefaults()
	if set == nil {
		set = metrics.NewSet()
	}
	x := &Index{
		cfg: cfg, log: log, now: time.Now, onDurable: onDurable,
		ledger: ledger.New(), gate: admit.NewGate(queueBytes), queue: make(chan *pending, queueBytes/queueLeast),
		applying: make(chan job, 1), life: admit.NewLife(log),
		measures: newMeasures(set), asks: make(chan func()),
	}
	x.names = &names{dir: cfg.Dir, most: cfg.Names, disk: cfg.disk}
	x.sets = newColumnSets()
	x.adders = newAdders(x)
	x.disk = disk{dir: cfg.Dir, least: cfg.MinFree, ask: freeSpace}
	if onDurable == nil {
		x.onDurable = func(uint64, []*event.Event) error { return nil }
		x.alertsAt.Store(^uint64(0))
	}
	if err := x.open(); err != nil {
		return nil, errors.Join(err, x.release())
	}
	x.gauges(set)
	return x, nil
}

func (x *Index) open() error {
	if err := segment.MakeDir(x.cfg.disk, x.cfg.Dir, 0o750); err != nil {
		return fmt.Errorf("make index folder: %w", err)
	}
	var err error
	// logstorage has such a lock too, but ends the process over it.
	if x.lock, err = segment.Lock(filepath.Join(x.cfg.Dir, "lock")); err != nil {
		return err
	}
	if err := x.disk.usable(); err != nil {
		return err
	}
	allowFiles(x.log)
	if err := prepareLibrary(x.cfg.Memory, x.log); err != nil {
		return err
	}
	at, err := x.readCheckpoint()
	if err != nil {
		return err
	}
	x.wal, err = segment.Open(filepath.Join(x.cfg.Dir, "log"), segment.Config{First: at + 1, Disk: x.cfg.disk})
	if err != nil {
		return err
	}
	if first := x.wal.First(); first > at+1 {
		return fmt.Errorf("%s is missing or too old: it covers the records up to %d, and the log begins at record %d: "+
			"the ledger is lost", x.checkpointPath(), at, first)
	}
	if err := x.openShelves(); err != nil {
		return err
	}
	if err := x.replay(at); err != nil {
		return err
	}
	x.position.Store(x.wal.Next() - 1)
	x.checkpoint.Store(at)
	x.logBytes.Store(x.wal.Bytes())
	return nil
}

// century keeps logstorage from its own judgement of what is in the future: it deletes whole days that are ahead of
// the clock when it opens, which a clock that is wrong at boot would make all of them.
const century = 100 * 365 * 24 * time.Hour

// flushInterval is how long the storage keeps rows in memory. The log has them: longer means larger parts and fewer
// writes, but more to replay.
const flushInterval = 15 * time.Second

// Held reports whether the event at offset is on disk, or was a part of a batch that is: then it need not be parsed.
// Its Write must be made all the same, without it, to be answered.
func (x *Index) Held(pos ledger.Position, offset uint64) bool { return x.ledger.Held(pos, offset) }

// Ledger returns the ledger, for reading.
func (x *Index) Ledger() *ledger.Ledger { return x.ledger }

// AlertsAt says that the alerts have done with every record up to position, so that the log may be cut there.
func (x *Index) AlertsAt(position uint64) {
	for {
		old := x.alertsAt.Load()
		if position <= old || x.alertsAt.CompareAndSwap(old, position) {
			return
		}
	}
}

// Since calls fn for each record of the log from position on that is on disk, in order, with its events. The events
// are fn's. It ends with the first error of fn.
func (x *Index) Since(position uint64, fn index.Watch) error {
	if first := x.wal.First(); position < first && x.position.Load() >= first && position > 0 {
		x.log.Warn("the log does not reach back so far", "wanted", position, "first", first)
	}
	err := x.wal.Read(position, func(lsn uint64, rec []byte) error {
		r, err := decodeRecord(rec)
		if err != nil {
			return fmt.Errorf("log record %d: %w", lsn, err)
		}
		return fn(lsn, r.events)
	})
	x.reportDamage()
	return err
}

// Close ends Run and the searches, makes a last checkpoint and closes the files.
func (x *Index) Close() error {
	if !x.life.Close(x.refuseQueued) {
		return nil
	}
	x.searches.Lock()
	defer x.searches.Unlock()
	x.closeShelves() // writes all rows
	var err error
	if x.life.Failure() == nil {
		at := x.position.Load()
		if err = x.writeCheckpoint(at); err == nil {
			err = x.wal.TruncateBefore(min(at, x.alertsAt.Load()) + 1)
		}
	}
	return errors.Join(err, x.release())
}

// release gives back what open took.
func (x *Index) release() error {
	var errs []error
	x.closeShelves()
	if x.wal != nil {
		errs = append(errs, x.wal.Close())
	}
	if x.lock != nil {
		errs = append(errs, x.lock.Close())
	}
	return errors.Join(errs...)
}
