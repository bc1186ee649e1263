package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	settlePoll = 100 * time.Millisecond
	agentAsked = 2 * time.Second // between two questions to the agent
)

// arrived waits until all that was written has arrived. It is no fault if not: see settle.
func (h *host) arrived() bool {
	last, moved := -1, time.Now()
	for ; ; h.sleep(settlePoll) {
		if err := h.world.sink.failed(); err != nil {
			h.fatal(err)
		}
		c := h.record.count()
		if h.all(c) {
			return true
		}
		if c.moves != last {
			last, moved = c.moves, time.Now()
		}
		if time.Since(moved) >= h.wait {
			return false
		}
	}
}

// all reports whether every line, and each of the other texts, has arrived.
func (h *host) all(c tally) bool {
	return c.distinct >= h.truth.lines() && missing(h.truth, h.record) == 0
}

// quiet waits until nothing has arrived for so long.
func (h *host) quiet(d time.Duration) {
	last, moved := -1, time.Now()
	for ; time.Since(moved) < d; h.sleep(settlePoll) {
		if n := h.record.count().moves; n != last {
			last, moved = n, time.Now()
		}
	}
}

// settle is the end of every scenario: all has arrived, or nothing moves any more; then nothing more may arrive, nor when the
// agent is started once more.
func (h *host) settle() {
	defer func() {
		for _, p := range h.peers {
			p.settle()
		}
	}()
	if !h.arrived() {
		h.say("%s: %d of %d lines have arrived, and nothing moves", h.label, h.record.count().distinct, h.truth.lines())
		if h.rules.mustLose {
			h.declared()
		}
	}
	h.quiet(h.calm)
	h.confirmed()
	h.stop()
	h.start()
	h.quiet(h.calm)
}

// declared waits until the agent has declared a loss. It is no fault if it does not: the judge says so.
func (h *host) declared() {
	for end := time.Now().Add(h.wait); time.Now().Before(end) && !h.record.drops(); h.sleep(settlePoll) {
	}
}

// confirmed waits until the agent says that it is behind with nothing, for a while: a restart then repeats nothing.
func (h *host) confirmed() {
	for end := time.Now().Add(h.wait); time.Now().Before(end); h.sleep(agentAsked) {
		if behind, err := h.behind(); err == nil && behind == 0 {
			return
		}
	}
}

// behind is how many bytes the agent says that are not confirmed.
func (h *host) behind() (uint64, error) {
	ctx, cancel := context.WithTimeout(h.ctx, startup)
	defer cancel()
	s, err := h.agent.State(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask the agent: %w", err)
	}
	return s.Behind, nil
}

// seen waits until something of what a writer writes now has arrived, so that the agent holds the file.
func (h *host) seen(w *writer) {
	h.until("the first of "+w.path, h.wait, func() bool { return h.record.of(h.truth.host, w.file()) > 0 })
}

// read waits until all that a writer wrote to its present file has arrived.
func (h *host) read(w *writer) {
	h.until("all of "+w.path, h.wait, func() bool { return h.record.of(h.truth.host, w.file()) >= w.written() })
}

// oldestFirst complains if a file number came before a smaller one had come whole, but for those that need not wait.
func (h *host) oldestFirst(but ...int) {
	order := slices.DeleteFunc(h.record.order(h.truth.host), func(n int) bool { return slices.Contains(but, n) })
	if !slices.IsSorted(order) {
		h.complain("the files came in the order %v, not the oldest first", order)
	}
}

// noRepeats complains if anything came twice, even by the same id.
func (h *host) noRepeats() {
	if n := h.record.count().repeats; n > 0 {
		h.complain("%d events came again", n)
	}
}
