package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// written is what the archives hold.
type written struct {
	lines, su    int64
	text, packed int64 // bytes
}

// folder is where the logs of a host lie.
func (b *bench) folder(host int) string { return filepath.Join(b.dir, "logs", hostName(host)) }

// writeAll writes the archives of all hosts, on all cores.
func (b *bench) writeAll(ctx context.Context) (w written, err error) {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	err = parallel(ctx, b.cores, b.Hosts, func(host int) error {
		if err := os.MkdirAll(b.folder(host), 0o755); err != nil {
			return err
		}
		// What is being written today is no archive yet, and here it is empty.
		if err := os.WriteFile(filepath.Join(b.folder(host), "auth.log"), nil, 0o644); err != nil {
			return err
		}
		for n := range b.Days {
			if err := b.writeDay(host, n, today.AddDate(0, 0, n-b.Days), &w); err != nil {
				return err
			}
		}
		return nil
	})
	return w, err
}

// writeDay writes a host's archive of a day, named and dated as logrotate does with dateext.
func (b *bench) writeDay(host, number int, begin time.Time, w *written) (err error) {
	end := begin.AddDate(0, 0, 1)
	name := filepath.Join(b.folder(host), end.Format("auth.log-20060102.gz"))
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	to := bufio.NewWriter(f)
	z := gzip.NewWriter(to)
	z.ModTime = end
	d := newDay(b.Seed, host, number, begin, b.Lines)
	for i := range b.Lines {
		n, err := z.Write(d.next(i))
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		atomic.AddInt64(&w.text, int64(n))
	}
	for _, end := range []func() error{z.Close, to.Flush} {
		if err := end(); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	atomic.AddInt64(&w.lines, int64(b.Lines))
	atomic.AddInt64(&w.su, int64(len(d.su)))
	atomic.AddInt64(&w.packed, st.Size())
	if err := f.Close(); err != nil {
		return err
	}
	return os.Chtimes(name, end, end)
}

// parallel calls do for 0 to n-1, so many at a time, until one fails or ctx is done; it returns the first error.
func parallel(ctx context.Context, width, n int, do func(int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range width {
		all.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
