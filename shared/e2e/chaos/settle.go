package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"belfry/shared/broker"
)

// settle waits until all has arrived, reads the index, and judges. What seems to be lost is waited for once more, until
// nothing moves for long.
func (c *chaos) settle(ctx context.Context) error {
	arrived := c.wait(ctx, quiet)
	var tails error
	if arrived && len(c.aggregators) > 1 {
		tails = c.calm(ctx)
		arrived = c.wait(ctx, quiet)
	}
	err := c.judge(ctx)
	if err == nil && c.verdict.lost > 0 && arrived { // by a figure that is a little off
		c.say("%d lines are missing: waiting until nothing moves for %v", c.verdict.lost, gone)
		c.wait(ctx, gone)
		err = c.judge(ctx)
	}
	if err != nil {
		return err
	}
	c.report(ctx)
	v := c.verdict
	switch {
	case v.sent == 0:
		err = errors.New("nothing was sent")
	case v.lost+v.repeated+c.tally.strays > 0:
		err = fmt.Errorf("%d lines are lost, %d copies are too many, %d events are no line that was written",
			v.lost, v.repeated, c.tally.strays)
	}
	if v.lost > 0 {
		err = errors.Join(err, c.leaders(ctx))
	}
	if err == nil {
		err = c.watched(ctx)
	}
	return errors.Join(err, tails)
}

// wait returns when all has arrived and stayed so for enough, or when nothing moves for long. It reports which.
func (c *chaos) wait(ctx context.Context, enough time.Duration) (arrived bool) {
	last, told, moved, short := 0, time.Now(), time.Now(), time.Now()
	for sleep(ctx, lookEvery) {
		p, err := c.progress(ctx)
		if err != nil {
			c.say("looking how far it is: %v", err)
		}
		if now := p.rows - int(p.behind) - p.queued; now > last+own || now < last-own {
			last, moved = now, time.Now()
		}
		nowhere := p.behind == 0 && p.queued == 0 && err == nil // that something could still come from
		all := nowhere && p.rows >= c.sent()
		if !all {
			short = time.Now()
		}
		rest := time.Since(moved)
		if all && time.Since(short) >= enough || nowhere && rest >= gone || rest >= stuck {
			return all
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			c.say("waiting for the rest: sent %d, indexed %d; agents are %d bytes behind, %d batches are queued",
				c.sent(), p.rows, p.behind, p.queued)
		}
	}
	return false
}

// progress is how far things are.
type progress struct {
	rows, queued int
	behind       uint64
}

func (c *chaos) progress(ctx context.Context) (p progress, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answer)
	defer cancel()
	p.rows, err = c.rows(ctx)
	for _, a := range c.agents {
		s, e := a.State(ctx)
		p.behind += s.Behind
		err = errors.Join(err, e)
	}
	var e error
	p.queued, e = c.queued(ctx)
	return p, errors.Join(err, e)
}

// queued is how many batches wait at the broker.
func (c *chaos) queued(ctx context.Context) (int, error) {
	conn, err := c.rabbit.Connect(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.End()
	defer time.AfterFunc(answer, conn.Cut).Stop() // a queue without a leader answers nothing
	ch, err := conn.Channel()
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range broker.DefaultQueues {
		q, err := ch.QueueDeclarePassive(broker.EventQueue(i), true, false, false, false, nil)
		if err != nil {
			return n, fmt.Errorf("look at %s: %w", broker.EventQueue(i), err)
		}
		n += q.Messages
	}
	return n, nil
}

// judge reads the whole index, as each aggregator shows it; the worst of them counts.
func (c *chaos) judge(ctx context.Context) error {
	sent := map[string]int{}
	for _, h := range c.hosts {
		sent[h.name] = int(h.sent.Load())
	}
	worst := -1
	for _, a := range c.aggregators {
		t, begin := newTally(sent), time.Now()
		if err := a.Export(ctx, "", t.add); err != nil {
			return fmt.Errorf("export the index from %s: %w", a.name, err)
		}
		c.say("read %d events of ours and %d of the programs' own from %s in %v",
			t.whole, t.others, a.name, time.Since(begin).Round(time.Second))
		v := t.judge()
		if faults := v.lost + v.repeated + t.strays; faults > worst {
			worst, c.tally, c.verdict = faults, t, v
		}
	}
	return nil
}

// report tells samples of what is wrong, with their neighbourhood.
func (c *chaos) report(ctx context.Context) {
	for _, s := range c.tally.spoilt {
		c.say("no line that was written: %s", s)
	}
	// A search takes a moment.
	c.samples(ctx, "lost", c.verdict.losses, func(s stretch) []int { return []int{s.first - 1, s.last + 1} })
	c.samples(ctx, "repeated", c.verdict.repeats, func(s stretch) []int { return []int{s.first, s.last} })
}

// samples tells of the first stretches where they were written, and what the index holds of some numbers.
func (c *chaos) samples(ctx context.Context, what string, all []stretch, of func(stretch) []int) {
	for i, s := range all {
		if i == maxSamples {
			c.say("%s: and %d more stretches", what, len(all)-i)
			return
		}
		for _, h := range c.hosts {
			if h.name != s.host {
				continue
			}
			r := h.where(s.first)
			c.say("%s: %s %d to %d (%d lines); in a run of lines of %s, rotated %d times before, that begins with %d at byte %d at %s",
				what, s.host, s.first, s.last, s.last-s.first+1, r.file.path, r.generation, r.first, r.offset, r.at.Format("15:04:05.000"))
		}
		for _, n := range of(s) {
			c.found(ctx, s.host, n)
		}
	}
}

// found tells what the index holds of one number.
func (c *chaos) found(ctx context.Context, host string, n int) {
	found, err := c.aggregators[0].Search(ctx, fmt.Sprintf(`"number=%d of=%s"`, n, host))
	if err != nil {
		c.say("    number %d: %v", n, err)
	}
	if err == nil && len(found) == 0 {
		c.say("    number %d: not found", n)
	}
	for _, e := range found {
		c.say("    number %d: id %s, agent %s, %s at %s, created %s, ingested %s, tags %s", n, e.Get("event.id"), e.Get("agent.name"),
			e.Get("log.file.path"), e.Get("log.offset"), e.Get("event.created"), e.Get("event.ingested"), strings.Join(e.All("tags"), " "))
	}
}

// leaders is an error if a queue has no leader.
func (c *chaos) leaders(ctx context.Context) error {
	names, err := c.leaderless(ctx)
	if err != nil {
		return err
	}
	if names != "[]" {
		return fmt.Errorf("%w: %s: the broker, killed, forgot where their logs are; what is missing lies in them", errLeaderless, names)
	}
	return nil
}
