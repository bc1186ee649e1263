package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/ledger"
	"belfry/shared/segment"
)

// The file "checkpoint" is
//
//	8 bytes  "belfckp\x03", the version of the format, of this file and of the rows, last
//	8 bytes  lsn: the storage holds, durably, every row of the records up to it, and the ledger their ranges
//	twice, for the newest day of names and the one before:
//	  8 bytes  the day, since 1970
//	  8 bytes  how many names of its file count
//	  4 bytes  CRC-32C of these
//	4 bytes  CRC-32C of the bytes before
//	the rest is the ledger's snapshot, which has a checksum of its own
//
// Numbers are little-endian. Of the versions before, of which none was released, the rows have no folded words.
const (
	checkpointMagic  = "belfckp\x03"
	checkpointHeader = 8 + 8 + 2*nameFileSize + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (x *Index) checkpointPath() string { return filepath.Join(x.cfg.Dir, "checkpoint") }

// readCheckpoint fills the ledger, and returns the lsn that the checkpoint covers; 0 if there was none.
func (x *Index) readCheckpoint() (uint64, error) {
	b, err := os.ReadFile(x.checkpointPath())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read checkpoint: %w", err)
	}
	if err := checkHeader(b); err != nil {
		return 0, fmt.Errorf("%s: %w", x.checkpointPath(), err)
	}
	if err := x.names.load(b[16:]); err != nil {
		return 0, err
	}
	if err := x.ledger.Unmarshal(b[checkpointHeader:]); err != nil {
		return 0, fmt.Errorf("%s: %w", x.checkpointPath(), err)
	}
	return binary.LittleEndian.Uint64(b[8:]), nil
}

func checkHeader(b []byte) error {
	const version = len(checkpointMagic) - 1
	switch {
	case bytes.HasPrefix(b, []byte(checkpointMagic[:version])) && len(b) > version && b[version] < checkpointMagic[version]:
		return fmt.Errorf("version %d of the index, this program has version %d: export with the program that wrote it, and import "+
			"into a new one", b[version], checkpointMagic[version])
	case len(b) < checkpointHeader, !bytes.HasPrefix(b, []byte(checkpointMagic)):
		return errors.New("not a checkpoint of this version, or damaged")
	case crc32.Checksum(b[:checkpointHeader-4], castagnoli) != binary.LittleEndian.Uint32(b[checkpointHeader-4:]):
		return errors.New("the checkpoint's header is damaged")
	}
	return nil
}

// writeCheckpoint replaces the checkpoint, in one step.
func (x *Index) writeCheckpoint(at uint64) error {
	x.names.begin(dayOf(x.now()))
	b, err := x.names.save(binary.LittleEndian.AppendUint64([]byte(checkpointMagic), at))
	if err != nil {
		return err
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	b = append(b, x.ledger.Marshal()...)
	if err := segment.ReplaceFileOn(x.cfg.disk, x.checkpointPath(), b, 0o640); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	x.checkpoint.Store(at)
	if err := x.names.tidy(); err != nil {
		x.log.Warn("names of a day that is over stay", "err", err)
	}
	return nil
}

// Prepare makes the folder of a new index whose log begins behind a position, and whose ledger knows what a former one
// knew: of an index that is restored. The folder must hold no index.
func Prepare(dir string, behind uint64, claims *ledger.Ledger) error {
	cfg := Config{Dir: dir}
	cfg.setDefaults()
	x := &Index{cfg: cfg, now: time.Now, ledger: claims, names: &names{dir: dir, disk: cfg.disk}}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make index folder: %w", err)
	}
	if _, err := os.Stat(x.checkpointPath()); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s holds an index already", dir), err)
	}
	return x.writeCheckpoint(behind)
}

func (x *Index) checkpointDue() bool {
	if x.position.Load() == x.checkpoint.Load() {
		return false
	}
	return x.grown >= x.cfg.CheckpointBytes || x.now().Sub(x.last) >= x.cfg.CheckpointEvery
}

// makeCheckpoint waits until the storage has all that is in the log, makes it durable there, and cuts the log. A
// checkpoint that fails is told and made up for by a later one: the log is then only longer.
func (x *Index) makeCheckpoint() error {
	begin := time.Now()
	idle := make(chan struct{})
	x.applying <- job{idle: idle}
	<-idle
	if err := x.life.Failure(); err != nil { // some rows were not added
		return err
	}
	at := x.wal.Next() - 1
	err := x.flushStorage()
	if err == nil {
		err = x.writeCheckpoint(at)
	}
	if err == nil {
		err = x.wal.TruncateBefore(min(at, x.alertsAt.Load()) + 1)
	}
	x.logBytes.Store(x.wal.Bytes())
	x.grown, x.last = 0, x.now()
	x.measures.checkpoint.UpdateDuration(begin)
	if err != nil {
		x.measures.checkpointFaults.Inc()
		x.log.Error("checkpoint is put off", "err", err)
	}
	return err
}

// flushTries bounds how often flushStorage tries: a merge in memory that runs at the moment keeps its rows there.
const flushTries = 100

// flushStorage makes all rows durable. Nothing may be added meanwhile. A snapshot writes out what is in memory and not
// in a merge; a partition's own count tells whether anything is left.
func (x *Index) flushStorage() error {
	for _, f := range x.shelves.all() {
		dirty := make(map[int64]bool)
		for _, a := range x.adders {
			maps.Copy(dirty, a.dirty(f))
		}
		if err := x.flushShelf(f, dirty); err != nil {
			return err
		}
		for _, a := range x.adders {
			clear(a.dirty(f))
		}
	}
	return nil
}

func (x *Index) flushShelf(f *shelf, dirty map[int64]bool) error {
	if len(dirty) == 0 {
		return nil
	}
	for range flushTries {
		f.storage.DebugFlush()
		for day := range dirty {
			name := time.Unix(day*86400, 0).UTC().Format(dayName)
			x.dropSnapshots(f, f.storage.PartitionSnapshotMustCreate(name))
		}
		var s logstorage.StorageStats
		f.storage.UpdateStats(&s)
		if s.PendingRows == 0 && s.InmemoryRowsCount == 0 {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("flush the storage of class %s: rows stay in memory", f.class)
}

// dirty returns the days of a shelf that got rows of this adder since the last checkpoint.
func (a *adder) dirty(f *shelf) map[int64]bool {
	for _, b := range a.bins {
		if b.shelf == f {
			return b.dirty
		}
	}
	return nil
}

// dropSnapshots removes snapshots: they are made only for what making them does.
func (x *Index) dropSnapshots(f *shelf, paths []string) {
	for _, path := range paths {
		if err := f.storage.PartitionSnapshotDelete(path); err != nil {
			x.log.Warn("snapshot stays", "path", path, "err", err)
		}
	}
}
