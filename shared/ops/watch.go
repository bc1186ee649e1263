package ops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Probe asks one part of a daemon whether it goes on.
type Probe struct {
	Name string // of the part, as in the log
	// Ask takes the locks that the part works with, or has its loop answer, and returns. It must not wait for a peer.
	Ask func()
}

// Probes are those of a daemon that was opened once.
type Probes struct{ all []Probe }

// NewProbes returns a set of probes.
func NewProbes(all ...Probe) *Probes { return &Probes{all} }

const (
	probePatience = 2 * time.Minute
	looks         = 24 // within the patience
)

// Watch finds out whether all parts of a daemon go on. A part whose probe does not return for two minutes stands still,
// unless the process waits for a disk all that time: then a call for a file has not returned, and to start anew would
// not help.
type Watch struct {
	log    *slog.Logger
	probes func() *Probes
	every  time.Duration
	limit  time.Duration
	inCall func() map[string]bool // goroutines that are within a call of the system

	of    *Probes
	asked []*question

	mu  sync.Mutex
	err error
}

// question is a probe that was asked.
type question struct {
	since time.Time
	done  chan struct{}
	calls map[string]bool // goroutines that were within a call at each look since it was late; nil: not late
}

// NewWatch returns one that asks the probes which a function returns: nil while there is nothing to ask. Of another set, all
// is asked anew.
// A part may be silent for some time; 0: two minutes.
func NewWatch(probes func() *Probes, patience time.Duration, log *slog.Logger) *Watch {
	patience = cmp.Or(patience, probePatience)
	return &Watch{log: log, probes: probes, every: patience / looks, limit: patience, inCall: inCall}
}

// Err says which parts stand still, or nil.
func (w *Watch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Run asks until ctx is done.
func (w *Watch) Run(ctx context.Context) {
	t := time.NewTicker(w.every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		w.note(w.look(time.Now()))
	}
}

// note keeps what was found, and tells when that changes.
func (w *Watch) note(err error) {
	w.mu.Lock()
	was := w.err
	w.err = err
	w.mu.Unlock()
	switch {
	case err != nil && was == nil:
		w.log.Error("a part of the process stands still: no watchdog is told that it lives", "err", err)
	case err == nil && was != nil:
		w.log.Info("all parts of the process go on again")
	}
}

// look asks what is not being asked yet, and says what has been for too long.
func (w *Watch) look(now time.Time) error {
	set := w.probes()
	if set != w.of {
		w.of, w.asked = set, nil
	}
	if set == nil {
		return nil
	}
	if w.asked == nil {
		w.asked = make([]*question, len(set.all))
	}
	var calls map[string]bool
	var errs []error
	for i, p := range set.all {
		q := w.asked[i]
		if q == nil || q.answered() {
			w.asked[i] = ask(p, now)
			continue
		}
		if now.Sub(q.since) < w.limit/2 {
			continue
		}
		if calls == nil {
			calls = w.inCall()
		}
		q.keep(calls)
		if now.Sub(q.since) >= w.limit && len(q.calls) == 0 {
			errs = append(errs, fmt.Errorf("%s: it has not answered since %s", p.Name, q.since.UTC().Format(time.RFC3339)))
		}
	}
	return errors.Join(errs...)
}

func ask(p Probe, now time.Time) *question {
	q := &question{since: now, done: make(chan struct{})}
	go func() {
		defer close(q.done)
		p.Ask()
	}()
	return q
}

func (q *question) answered() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// keep leaves the goroutines that were within a call at this look and at all before.
func (q *question) keep(calls map[string]bool) {
	kept := make(map[string]bool)
	for id := range calls {
		if q.calls == nil || q.calls[id] {
			kept[id] = true
		}
	}
	q.calls = kept
}
