package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"belfry/shared/e2e/gauge"
)

// turn is what the agent made of one file.
type turn struct {
	mb float64
	gauge.Spent
}

// perCPU is MB for each second of the agent's CPU.
func (t turn) perCPU() float64 { return t.mb / t.CPU.Seconds() }

// read measures the way of a plain file.
func (b *bench) read(ctx context.Context) error {
	name, lines, err := b.plain(b.MB)
	if err != nil {
		return err
	}
	size, err := sizeOf(name)
	if err != nil {
		return err
	}
	rates, err := b.turns(ctx, input{"plain", name, "app.log", lines, size})
	if err == nil {
		fmt.Fprintf(b.out, "plain from end to end: %.1f MB for each second of the agent's CPU\n", gauge.Median(rates))
	}
	return err
}

// input is a file that an agent is given.
type input struct {
	kind  string // to be printed
	file  string
	as    string // its name among the logs
	lines int
	size  uint64 // of the text
}

// turns gives a file to one new agent after the other, and returns MB for each second of CPU.
func (b *bench) turns(ctx context.Context, in input) (rates []float64, err error) {
	for round := 1; round <= b.Rounds; round++ {
		t, err := b.turn(ctx, in, fmt.Sprint(in.kind, round))
		if err != nil {
			return nil, err
		}
		rates = append(rates, t.perCPU())
		fmt.Fprintf(b.out, "%-5s round %d: %6.1f MB/s of its CPU; %.0f MB in %v, of its core it had %.0f %%, others %.0f %%; peak %.0f MiB\n",
			in.kind, round, t.perCPU(), t.mb, t.Took.Round(time.Millisecond),
			100*t.CPU.Seconds()/t.Took.Seconds(), 100*t.Others.Seconds()/t.Took.Seconds(), t.Peak)
	}
	return rates, nil
}

func (b *bench) turn(ctx context.Context, in input, dir string) (t turn, err error) {
	ctx, cancel := patient(ctx, int(in.size/1_000_000))
	defer cancel()
	a, err := b.agent(dir, true, "*.log*")
	if err != nil {
		return t, err
	}
	if err := b.warm(ctx, a); err != nil {
		return t, err
	}
	t.Spent, err = gauge.Clock(a.PID(), b.cpu, func() error {
		if err := os.Link(in.file, filepath.Join(a.logs, in.as)); err != nil {
			return err
		}
		_, err := b.receiver.wait(ctx, in.lines+1, 0)
		return err
	})
	t.mb = float64(in.size) / 1e6
	if err := a.quit(err); err != nil { // it stops when all is confirmed
		return t, err
	}
	got, err := b.receiver.wait(ctx, 0, 0)
	if err == nil {
		err = got.expect(in.lines+1, in.size+uint64(len(idleLine)))
	}
	return t, err
}

// compress writes so many lines into a gzip file, as gzip -6 does, and returns the size of their text.
func compress(ctx context.Context, name string, lines int) (size uint64, err error) {
	out, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, "gzip", "-6", "-c")
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	counted := &counter{to: in}
	if err := gauge.Lines(counted, lines, began(lines)); err != nil {
		return 0, fmt.Errorf("compress: %w", err)
	}
	if err := in.Close(); err != nil {
		return 0, err
	}
	return counted.n, cmd.Wait()
}
