package file

import (
	"os"
	"testing"

	"belfry/shared/batch"
	"belfry/shared/event"
)

// A stream is named until the index has all that was handed on of it, over restarts too.
func TestEnds(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	first := text(numbered(0, 100))
	write(t, log, first+"half")
	stop := r.start(state, cfg)
	r.want(numbered(0, 100)...)
	stop()
	ends := r.in.Ends()
	if len(ends) != 1 || ends[0].End != uint64(len(first)) || ends[0].Cursor != ends[0].End || ends[0].Path != log || ends[0].Final {
		t.Fatalf("%+v", ends)
	}
	key := contentKey{ends[0].ID, ends[0].Epoch}

	stop = r.start(state, cfg)
	r.in.IndexedTo(event.RandomKey(), 1, 5) // of another input
	r.in.IndexedTo(key.stream, key.epoch, 50)
	r.in.IndexedRanges(batch.Stream{ID: key.stream, Epoch: key.epoch, Ranges: []batch.Range{{Kind: batch.Data, First: 60, End: uint64(len(first))}}})
	stop()
	if ends := r.in.Ends(); len(ends) != 1 {
		t.Errorf("with a hole before the end: %+v", ends)
	}

	stop = r.start(state, cfg)
	r.in.IndexedTo(key.stream, key.epoch, uint64(len(first)))
	stop()
	for range 2 { // again after a restart
		if ends := r.in.Ends(); len(ends) != 1 || ends[0].End != uint64(len(first)) || r.in.Unindexed() != 0 {
			t.Errorf("after the index had all: %+v", ends) // named once, for who has not heard of it
		}
		r.in.noteEnds(r.in.now())
		if ends := r.in.Ends(); len(ends) != 0 {
			t.Errorf("named again: %+v", ends)
		}
		stop = r.start(state, cfg)
		stop()
	}

	// The rotated file ends; nobody has said so far that its last line is in the index.
	write(t, log, " a line\n")
	rename(t, log, log+".1")
	if err := os.WriteFile(log, []byte(text(numbered(100, 101))), 0o600); err != nil {
		t.Fatal(err)
	}
	stop = r.start(state, cfg)
	r.want(append(append(numbered(0, 100), "half a line"), numbered(100, 101)...)...)
	stop()
	if ends := r.in.Ends(); len(ends) != 2 || ends[1].End != uint64(len(first)+len("half a line\n")) {
		t.Errorf("%+v", ends)
	}
}
