package ship

import (
	"slices"
	"time"

	"belfry/shared/backoff"
	"belfry/shared/batch"
)

// flight is a batch between Seal and its confirm.
type flight struct {
	seq     uint64
	batch   *batch.Sealed
	tries   int
	waiting bool // for its next try
}

// window is what is on the road, oldest first.
type window struct {
	maxBatches, maxBytes int

	batches  []*flight
	bytes    int
	seq      uint64
	failures int // in a row
	pause    backoff.Backoff
	resume   time.Time // no try before
	count    inFlight
}

func (w *window) open() bool {
	return len(w.batches) < w.maxBatches && (w.bytes < w.maxBytes || len(w.batches) == 0) && w.failures == 0
}

func (w *window) empty() bool { return len(w.batches) == 0 }

func (w *window) add(b *batch.Sealed) *flight {
	w.seq++
	f := &flight{seq: w.seq, batch: b}
	w.batches = append(w.batches, f)
	w.bytes += len(b.Body)
	w.count.add(1, len(b.Body))
	return f
}

// retryDue reports whether a failed batch may be tried now.
func (w *window) retryDue(now time.Time) bool {
	return !now.Before(w.resume) && slices.ContainsFunc(w.batches, func(f *flight) bool { return f.waiting })
}

func (w *window) nextRetry() *flight {
	i := slices.IndexFunc(w.batches, func(f *flight) bool { return f.waiting })
	w.batches[i].waiting = false
	return w.batches[i]
}

// failed notes a failed try. It returns true for the first of a row. What failed at once, as one lost connection, is
// one failure.
func (w *window) failed(seq uint64, now time.Time) bool {
	i := w.index(seq)
	w.batches[i].waiting = true
	if now.Before(w.resume) {
		return false
	}
	w.failures++
	w.resume = now.Add(w.pause.Next())
	return w.failures == 1
}

// done takes a batch out. recovered is true if failures went before.
func (w *window) done(seq uint64) (f *flight, recovered bool) {
	i := w.index(seq)
	f = w.batches[i]
	w.batches = slices.Delete(w.batches, i, i+1)
	w.bytes -= len(f.batch.Body)
	w.count.add(-1, -len(f.batch.Body))
	if f.tries > 1 || !slices.ContainsFunc(w.batches, func(f *flight) bool { return f.waiting }) {
		recovered, w.failures = w.failures > 0, 0
		w.pause.Reset()
	}
	return f, recovered
}

func (w *window) index(seq uint64) int {
	return slices.IndexFunc(w.batches, func(f *flight) bool { return f.seq == seq })
}
