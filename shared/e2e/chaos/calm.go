package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"belfry/shared/broker"
	"belfry/shared/e2e/stack"
)

const (
	calmFile  = "calm.log"
	calmLines = 25              // of each host, when the tails have shown that they follow
	calmBound = 3 * time.Minute // for them to be shown: whatever a fault has left has backed off by then
)

// calm looks at tails while no fault happens: at each aggregator one must show each line that is written now, once,
// whichever of them holds the queue that it comes through.
func (c *chaos) calm(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, calmBound)
	defer cancel()
	if err := c.shared(ctx); err != nil {
		return err
	}
	var tails []*stack.Tail
	defer func() {
		for _, t := range tails {
			err = errors.Join(err, t.End())
		}
	}()
	for _, a := range c.aggregators {
		t, err := a.Tail("log.file.path:*" + calmFile)
		if err != nil {
			return err
		}
		tails = append(tails, t)
	}
	begun := false
	for !begun { // when they follow nobody says
		for _, h := range c.hosts {
			if err := h.calm(1); err != nil {
				return err
			}
		}
		if !sleep(ctx, lookEvery) {
			return fmt.Errorf("tails: %w: %s", ctx.Err(), c.untold(tails, 0))
		}
		begun = c.untold(tails, 0) == ""
	}
	for _, h := range c.hosts {
		if err := h.calm(calmLines); err != nil {
			return err
		}
	}
	for c.untold(tails, calmLines) != "" {
		if !sleep(ctx, lookEvery) {
			return fmt.Errorf("tails: %w: %s", ctx.Err(), c.untold(tails, calmLines))
		}
	}
	c.say("a tail at each of the %d aggregators shows the lines of all hosts, as they pass", len(tails))
	return c.twice(tails)
}

// shared waits until all queues of events are held, some by each aggregator, and says which.
func (c *chaos) shared(ctx context.Context) error {
	for {
		var idle, held, all []string
		for _, a := range c.aggregators {
			queues, err := a.Queues(ctx)
			if err != nil || len(queues) == 0 {
				idle = append(idle, fmt.Sprintf("%s holds no queue (%v)", a.name, err))
			}
			slices.Sort(queues)
			all = append(all, queues...)
			held = append(held, fmt.Sprintf("%s holds %s", a.name, strings.Join(queues, " ")))
		}
		for n := range broker.DefaultQueues {
			if q := broker.EventQueue(n); !slices.Contains(all, q) {
				idle = append(idle, "nobody holds "+q)
			}
		}
		if len(idle) == 0 {
			c.say("calm: %s", strings.Join(held, "; "))
			return nil
		}
		if !sleep(ctx, lookEvery) {
			return fmt.Errorf("the queues are not shared: %s: %w", strings.Join(idle, "; "), ctx.Err())
		}
	}
}

// untold says which of the last lines of each host, or of all if that is 0, a tail has not shown; of all it need be one.
func (c *chaos) untold(tails []*stack.Tail, last int) string {
	var all []string
	for i, t := range tails {
		for _, h := range c.hosts {
			if last == 0 {
				if t.Count(beforeHost+h.name+beforeFile) == 0 {
					all = append(all, fmt.Sprintf("%s shows nothing of %s", c.aggregators[i].name, h.name))
				}
				continue
			}
			for n := int(h.sent.Load()) - last + 1; n <= int(h.sent.Load()); n++ {
				if t.Count(numbered(h.name, n)) == 0 {
					all = append(all, fmt.Sprintf("%s does not show number %d of %s", c.aggregators[i].name, n, h.name))
				}
			}
		}
	}
	if len(all) > maxSamples {
		all = append(all[:maxSamples], "…")
	}
	return strings.Join(all, "; ")
}

// twice is an error if a tail has shown a line more than once.
func (c *chaos) twice(tails []*stack.Tail) error {
	var errs []error
	for i, t := range tails {
		for _, h := range c.hosts {
			for n := h.calmFrom; n <= int(h.sent.Load()); n++ {
				if times := t.Count(numbered(h.name, n)); times > 1 {
					errs = append(errs, fmt.Errorf("the tail at %s shows number %d of %s %d times", c.aggregators[i].name, n, h.name, times))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// numbered is what no other line has in it.
func numbered(host string, n int) string {
	return fmt.Sprintf("%s%d%s%s%s", beforeNum, n, beforeHost, host, beforeFile)
}

// calm writes some lines more to a file of their own, when the others are closed.
func (h *host) calm(lines int) (err error) {
	first := int(h.sent.Load()) + 1
	f := h.quiet
	if f == nil {
		f = &logFile{path: filepath.Join(filepath.Dir(h.files[0].path), calmFile)}
		h.quiet, h.calmFrom = f, first
	}
	if f.live, err = f.open(); err != nil {
		return err
	}
	now := time.Now()
	h.note(turn{first, f, 0, f.size, now})
	var text []byte
	for n := range lines {
		text = appendLine(text, h.seed, h.name, calmFile, first+n, now)
	}
	err = errors.Join(f.put(text), f.live.Close())
	h.sent.Add(int64(lines))
	return err
}
