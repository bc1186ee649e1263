package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"belfry/shared/e2e/gauge"
)

// The files that rest.
const (
	linesEach = 100 // of one file
	perFolder = 100 // files of one folder
)

// Memory has settled when it stayed within so much for so long; it is waited for no longer than the files may take to
// be closed.
const (
	settled    = 15 // seconds
	settledMiB = 0.5
)

// idle measures memory with the smaller number of files.
func (b *bench) idle(ctx context.Context) error {
	a, _, err := b.resting(ctx, "idle", b.Idle)
	if err != nil {
		return err
	}
	size, err := b.memory(ctx, a, b.Idle)
	if err == nil {
		b.set("rss_1000_idle_mib", size)
	}
	return a.quit(err)
}

// many measures CPU with the larger number of files, and memory while some more are written to.
func (b *bench) many(ctx context.Context) error {
	a, bytes, err := b.resting(ctx, "many", b.Many)
	if err != nil {
		return err
	}
	return a.quit(b.manyOf(ctx, a, bytes))
}

func (b *bench) manyOf(ctx context.Context, a *agent, bytes uint64) error {
	if _, err := b.memory(ctx, a, b.Many); err != nil {
		return err
	}
	idle, err := gauge.Clock(a.PID(), b.cpu, func() error { return sleep(ctx, b.Measure) })
	if err != nil {
		return err
	}
	b.set("idle_cpu_percent", 100*idle.CPU.Seconds()/idle.Took.Seconds())
	fmt.Fprintf(b.out, "%d files at rest: %v of CPU in %v\n", b.Many, idle.CPU, idle.Took.Round(time.Second))
	if err := gauge.ResetPeak(a.PID()); err != nil {
		return err
	}
	lines, written := 0, uint64(0)
	busy, err := gauge.Clock(a.PID(), b.cpu, func() (err error) {
		lines, written, err = b.write(ctx, a.logs)
		return err
	})
	if err != nil {
		return err
	}
	b.set("rss_10000_mib", busy.Peak)
	fmt.Fprintf(b.out, "%d files at rest, %d written to: %d lines in %v, %v of CPU, peak %.1f MiB\n",
		b.Many, b.Busy, lines, busy.Took.Round(time.Second), busy.CPU, busy.Peak)
	got, err := b.receiver.wait(ctx, b.Many*linesEach+lines, 0)
	if err != nil {
		return err
	}
	return got.expect(b.Many*linesEach+lines, bytes+written)
}

// resting starts an agent on so many files, and returns when all their lines have arrived.
func (b *bench) resting(ctx context.Context, name string, files int) (*agent, uint64, error) {
	a, err := b.agent(name, false, "*/*.log", "*.log")
	if err != nil {
		return nil, 0, err
	}
	size, err := fill(a.logs, files)
	if err != nil {
		return nil, 0, err
	}
	b.receiver.reset(0)
	ctx, cancel := patient(ctx, int(size/1_000_000)+files/10) // a new file may take a sync of the disk each
	defer cancel()
	if err := a.Start(ctx); err != nil {
		return nil, 0, err
	}
	got, err := b.receiver.wait(ctx, files*linesEach, size)
	if err == nil {
		err = got.expect(files*linesEach, size)
	}
	if err != nil {
		return nil, 0, a.quit(err)
	}
	return a, size, nil
}

// fill writes files whose lines differ, and returns how many bytes they are together.
func fill(dir string, files int) (size uint64, err error) {
	var all bytes.Buffer
	n := files * linesEach
	if err := gauge.Lines(&all, n, began(n)); err != nil {
		return 0, err
	}
	size = uint64(all.Len())
	for i := range files {
		folder := filepath.Join(dir, fmt.Sprintf("host%03d", i/perFolder))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return 0, err
		}
		var text []byte
		for range linesEach {
			line, err := all.ReadBytes('\n')
			if err != nil {
				return 0, err
			}
			text = append(text, line...)
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("app%05d.log", i)), text, 0o644); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// memory waits until the agent has closed all files, has rested, and its size has settled, and returns the largest size
// while it had.
func (b *bench) memory(ctx context.Context, a *agent, files int) (float64, error) {
	begin, open := time.Now(), 0
	for {
		var err error
		if open, err = openUnder(a.PID(), a.logs); err != nil {
			return 0, err
		}
		if open == 0 || time.Since(begin) >= b.Park {
			break
		}
		if err := sleep(ctx, time.Second); err != nil {
			return 0, err
		}
	}
	closed := time.Since(begin)
	if err := sleep(ctx, b.Settle-closed); err != nil {
		return 0, err
	}
	var sizes []float64
	for settles := time.Now(); ; {
		size, err := gauge.Resident(a.PID())
		if err != nil {
			return 0, err
		}
		sizes = append(sizes[max(0, len(sizes)-settled+1):], size)
		steady := slices.Max(sizes)-slices.Min(sizes) <= settledMiB
		if len(sizes) == settled && (steady || time.Since(settles) > b.Park) || time.Since(begin) > b.Settle+2*b.Park {
			break
		}
		if err := sleep(ctx, time.Second); err != nil {
			return 0, err
		}
	}
	allocated, err := gauge.Allocated(a.PID())
	fmt.Fprintf(b.out, "%d files at rest: %d open %.0f s after the last line had arrived; settled after %.0f s at %.1f MiB, %.1f of them allocated\n",
		files, open, closed.Seconds(), time.Since(begin).Seconds(), slices.Max(sizes), allocated)
	return slices.Max(sizes), err
}

// openUnder counts the files below a folder that a process has open.
func openUnder(pid int, dir string) (int, error) {
	fds := fmt.Sprintf("/proc/%d/fd", pid)
	all, err := os.ReadDir(fds)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, fd := range all {
		if to, err := os.Readlink(filepath.Join(fds, fd.Name())); err == nil && strings.HasPrefix(to, dir+"/") && strings.Contains(to, ".log") {
			n++
		}
	}
	return n, nil
}

// beat is how often the busy files are written to.
const beat = 100 * time.Millisecond

// write appends lines to the busy files, by turns, for as long as is measured.
func (b *bench) write(ctx context.Context, dir string) (lines int, bytes uint64, err error) {
	var files []*os.File
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	for i := range b.Busy {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("busy%02d.log", i)))
		if err != nil {
			return 0, 0, err
		}
		files = append(files, f)
	}
	begin := time.Now()
	for time.Since(begin) < b.Measure {
		if err := sleep(ctx, beat); err != nil {
			return 0, 0, err
		}
		for due := int(time.Since(begin).Seconds() * float64(b.Rate)); lines < due; lines++ {
			n, err := fmt.Fprintf(files[lines%b.Busy], "%s web01 app[%d]: request %d was answered with 200 after %d ms, all is as it should be\n",
				time.Now().Format(time.Stamp), 1000+lines%b.Busy, lines, lines%97)
			if err != nil {
				return 0, 0, err
			}
			bytes += uint64(n)
		}
	}
	return lines, bytes, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
