package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/batch"
)

// Days go in three ways: logstorage removes those that are older than the shelf's retention; Drop those that it is
// told; and where all rows take more than Config.MaxBytes, the oldest go. The second and third are made here, for
// logstorage's own bound of bytes would refuse a day for good that had gone once, and in silence.

// goneDir is a shelf's folder for days that are being removed: logstorage ends the process over a day of which a part
// is missing. What a crash leaves in it, Open removes.
const goneDir = "gone"

// Drop removes the days of a retention class that are over before a day, as "2026-11-23" in UTC, and returns how many
// days went. What is written into such a day later makes it anew.
func (x *Index) Drop(ctx context.Context, class, before string) (int, error) {
	end, err := time.Parse(time.DateOnly, before)
	if err != nil {
		return 0, fmt.Errorf("%w: day %q: it is written as 2026-11-23", index.ErrQuestion, before)
	}
	if !batch.ValidClass(class) {
		return 0, fmt.Errorf("%w: class %q: it is 1 to 32 of a-z, 0-9 and _", index.ErrQuestion, class)
	}
	n := 0
	askErr := x.askLoop(ctx, func() {
		f := x.shelves.find(class)
		if f == nil {
			return
		}
		if err = x.makeCheckpoint(); err == nil { // or a replay would bring some of it back
			n, err = x.dropBefore(f, end)
		}
	})
	return n, errors.Join(askErr, err)
}

// askLoop has the loop that commits call fn between two groups, and waits for it, and for Run if that has not begun.
func (x *Index) askLoop(ctx context.Context, fn func()) error {
	done := make(chan struct{})
	select {
	case x.asks <- func() { fn(); close(done) }:
		<-done
		return nil
	case <-x.life.Stop:
		return index.ErrClosed
	case <-x.life.Ended:
		return index.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *Index) dropBefore(f *shelf, end time.Time) (n int, err error) {
	days, err := f.days()
	if err != nil {
		return 0, err
	}
	for _, day := range days {
		if !day.Before(end) {
			break
		}
		if err := x.dropDay(f, day); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// dropDay removes a day of a shelf. It waits for the searches that look at it; nothing is added meanwhile: logstorage
// drops rows of a day that is detached and whose folder is still there.
func (x *Index) dropDay(f *shelf, day time.Time) error {
	x.searches.RLock()
	defer x.searches.RUnlock()
	gone, err := x.detachDay(f, day)
	if err == nil {
		err = os.RemoveAll(gone)
	}
	if err != nil {
		return fmt.Errorf("drop day %s of class %s: %w", day.Format(time.DateOnly), f.class, err)
	}
	x.measures.dropped.Inc()
	return nil
}

// detachDay takes a day out of a shelf, in one step, and returns where it lies.
func (x *Index) detachDay(f *shelf, day time.Time) (gone string, err error) {
	x.adding.Lock()
	defer x.adding.Unlock()
	name := day.Format(dayName)
	if err := os.MkdirAll(filepath.Join(f.dir, goneDir), 0o750); err != nil {
		return "", err
	}
	gone = filepath.Join(f.dir, goneDir, name)
	if err := os.RemoveAll(gone); err != nil {
		return "", err
	}
	if err := f.storage.PartitionDetach(name); err != nil {
		return "", err
	}
	from := filepath.Join(f.dir, daysDir, name)
	if err := os.Rename(from, gone); err != nil {
		return "", errors.Join(err, f.storage.PartitionAttach(name)) // or its rows would be dropped from now on
	}
	return gone, errors.Join(syncDir(filepath.Dir(from)), syncDir(filepath.Dir(gone)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sizeEvery is how often the size of all rows is looked at.
const sizeEvery = 30 * time.Second

// keepSize removes the oldest days, over all classes, until all rows take no more than Config.MaxBytes; but today and
// what is ahead of it stays. It is called by the loop that commits.
func (x *Index) keepSize(now time.Time) {
	if x.cfg.MaxBytes <= 0 || now.Sub(x.sized) < sizeEvery {
		return
	}
	x.sized = now
	for {
		f, day, total := x.oldest(now)
		if total <= uint64(x.cfg.MaxBytes) {
			return
		}
		if f == nil {
			x.log.Warn("index takes more than max_bytes, and holds nothing but today", "bytes", total,
				"max_bytes", x.cfg.MaxBytes)
			return
		}
		if err := x.dropDay(f, day); err != nil {
			x.log.Error("index takes more than max_bytes, and the oldest day stays", "err", err)
			return
		}
		x.log.Warn("index takes more than max_bytes: the oldest day is dropped", "class", f.class,
			"day", day.Format(time.DateOnly), "bytes", total, "max_bytes", x.cfg.MaxBytes)
	}
}

// oldest returns the oldest day that may go, with its shelf, or nil, and how many bytes all rows take on disk.
func (x *Index) oldest(now time.Time) (oldest *shelf, day time.Time, total uint64) {
	today := now.UTC().Truncate(24 * time.Hour)
	for _, f := range x.shelves.all() {
		total += f.stats().Bytes
		days, err := f.days()
		if err == nil && len(days) > 0 && days[0].Before(today) && (oldest == nil || days[0].Before(day)) {
			oldest, day = f, days[0]
		}
	}
	return oldest, day, total
}
