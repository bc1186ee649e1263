package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"belfry/shared/e2e/gauge"
)

// counter counts what goes through it.
type counter struct {
	to io.Writer
	n  uint64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += uint64(n)
	return n, err
}

// gz measures the reader of archives against the bare decompressor, and the whole agent on an archive and on the same
// text uncompressed.
func (b *bench) gz(ctx context.Context) error {
	ratioErr := b.gunzip(ctx)
	if err := b.endToEnd(ctx); err != nil {
		return err
	}
	return ratioErr
}

func (b *bench) endToEnd(ctx context.Context) error {
	plain, lines, err := b.plain(b.MB)
	if err != nil {
		return err
	}
	name := filepath.Join(b.dir, "archive.gz")
	size, err := compress(ctx, name, lines)
	if err != nil {
		return err
	}
	packed, err := b.turns(ctx, input{"gz", name, "app.log.1.gz", lines, size})
	if err != nil {
		return err
	}
	bare, err := b.turns(ctx, input{"text", plain, "app.log.1", lines, size})
	if err != nil {
		return err
	}
	a, p := gauge.Median(packed), gauge.Median(bare)
	fmt.Fprintf(b.out, "gz from end to end: %.1f MB/s of the agent's CPU, the same text uncompressed %.1f: %.2f\n", a, p, a/p)
	return nil
}

// resume kills an agent half-way through an archive, and measures how soon the next one is past that place.
func (b *bench) resume(ctx context.Context) error {
	ctx, cancel := patient(ctx, b.ResumeMB)
	defer cancel()
	a, err := b.agent("resume", true, "*.log*")
	if err != nil {
		return err
	}
	size, err := compress(ctx, filepath.Join(a.logs, "app.log.1.gz"), linesIn(b.ResumeMB))
	if err != nil {
		return err
	}
	b.receiver.reset(size / 2)
	if err := a.Start(ctx); err != nil {
		return err
	}
	if _, err := b.receiver.wait(ctx, 0, size/2); err != nil {
		return a.quit(err)
	}
	a.Kill()
	old, err := b.receiver.wait(ctx, 0, 0)
	if err != nil {
		return err
	}
	b.receiver.goOn()
	return b.again(ctx, a, size, old.bytes)
}

// again starts the second agent; old is the place that the first one reached.
func (b *bench) again(ctx context.Context, a *agent, size, old uint64) error {
	begin := time.Now()
	if err := a.Start(ctx); err != nil {
		return err
	}
	started := time.Since(begin)
	got, err := b.receiver.wait(ctx, 0, old+1)
	if err != nil {
		return a.quit(err)
	}
	took := got.at.Sub(begin)
	fmt.Fprintf(b.out, "resume: killed at %.0f of %.0f MB; its ports are open after %.2f s, the first event from beyond arrives after %.2f s\n",
		float64(old)/1e6, float64(size)/1e6, started.Seconds(), took.Seconds())
	b.set("gz_resume_s", took.Seconds())
	a.Kill() // the rest of the archive tells nothing more
	return nil
}
