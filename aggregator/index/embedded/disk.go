package embedded

import (
	"belfry/aggregator/index"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// disk watches the free space.
type disk struct {
	dir   string
	least int64                           // bytes; negative: do not watch
	ask   func(dir string) (int64, error) // freeSpace
	full  atomic.Bool
	free  atomic.Int64
	next  time.Time
}

// leastToOpen is what Open wants: logstorage ends the process when it cannot write.
const leastToOpen = 16 << 20

// usable returns why the storage must not be opened: it would end the process over it.
func (d *disk) usable() error {
	probe := filepath.Join(d.dir, "probe")
	if err := os.WriteFile(probe, []byte("x"), 0o600); err != nil {
		return fmt.Errorf("index folder: %w", err)
	}
	if err := os.Remove(probe); err != nil {
		return fmt.Errorf("index folder: %w", err)
	}
	for _, name := range []string{"rows", "log"} {
		fi, err := os.Stat(filepath.Join(d.dir, name))
		if err == nil && !fi.IsDir() {
			return fmt.Errorf("%s is not a folder", filepath.Join(d.dir, name))
		}
	}
	free, err := d.ask(d.dir)
	if err != nil {
		return err
	}
	d.free.Store(free)
	if free < leastToOpen {
		return fmt.Errorf("index folder %s: %w: %d bytes free, %d are needed to start", d.dir, index.ErrDiskFull, free, leastToOpen)
	}
	return nil
}

// roomy returns index.ErrDiskFull when there is too little room. It looks once a second.
func (d *disk) roomy(now time.Time) error {
	if d.least < 0 {
		return nil
	}
	if !now.Before(d.next) {
		free, err := d.ask(d.dir)
		if err != nil {
			return err
		}
		d.next = now.Add(time.Second)
		d.free.Store(free)
		d.full.Store(free < d.least)
	}
	if d.full.Load() {
		return fmt.Errorf("%w: %d bytes free in %s, min_free is %d", index.ErrDiskFull, d.free.Load(), d.dir, d.least)
	}
	return nil
}

func freeSpace(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask for free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}
