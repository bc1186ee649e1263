package file

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"belfry/shared/batch"
)

// barrier takes no more than 1000 events while it is up.
type barrier struct {
	*receiver
	up *bool // guarded by the receiver's mutex
}

func (b barrier) Add(ctx context.Context, p batch.Place, first, end uint64, line []byte) error {
	b.mu.Lock()
	up := *b.up && b.raw >= 1000
	b.mu.Unlock()
	if up {
		<-ctx.Done()
		return ctx.Err()
	}
	return b.receiver.Add(ctx, p, first, end, line)
}

// A deleted file that another process has open is not given up for a full disk. It is read on when the road is free, to its
// last line, though the guard came while a line of it was waiting.
func TestGuardLeavesWhatAnotherHasOpen(t *testing.T) {
	t.Parallel()
	if !canReopen(t.TempDir()) {
		t.Skip("files cannot be found by their handles here")
	}
	log, state, cfg := host(t)
	cfg.Hold.DiskPercent = 1
	write(t, filepath.Join(filepath.Dir(log), "fill"), string(make([]byte, 1<<20)))
	r := newReceiver(t)
	all := numbered(0, 40_000) // more than one turn
	write(t, log, text(all))
	writer, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	defer writer.Close()
	in := r.open(state, cfg)
	quick(in)
	up := true
	in.sink = barrier{r, &up}
	defer r.run(in)()
	becomes(t, in, "the file is followed", func() bool { return in.reading != nil })
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}

	for range 5 {
		becomes(t, in, "once more", func() bool { in.guarded = zeroTime; return true })
		becomes(t, in, "the guard has looked again", func() bool { return !in.guarded.IsZero() })
	}
	r.set(func() { up = false })
	_, err = writer.WriteString("the last line\n")
	must(t, err)
	r.want(append(all, "the last line")...)
}

// A deleted file is kept open while the state cannot be written: nobody could open it again.
func TestDeletedFileOutlastsAFullStateDisk(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	all := numbered(0, 40_000) // more than one turn
	write(t, log, text(all))
	in := r.open(state, cfg)
	quick(in)
	up := true
	in.sink = barrier{r, &up}
	defer r.run(in)()
	becomes(t, in, "the file is followed", func() bool { return in.reading != nil })
	must(t, os.Remove(log))
	becomes(t, in, "the state fails as soon as the road is free", func() bool {
		in.saved = in.now().Add(time.Second)
		r.set(func() { up = false })
		return in.store.log.Close() == nil
	})
	r.want(all...)
	if r.logged("state is kept again") == 0 {
		t.Error("the state did not fail")
	}
}

// How far a file reaches that the road holds up is known when the agent stops: what is deleted meanwhile is declared in full.
func TestStopWhileTheRoadIsBlocked(t *testing.T) {
	t.Parallel()
	log, state, cfg := host(t)
	r := newReceiver(t)
	all := text(numbered(0, 40_000)) // more than one turn
	write(t, log, all[:len(all)/2])
	in := r.open(state, cfg)
	quick(in)
	up := true
	in.sink = barrier{r, &up}
	stop := r.run(in)
	becomes(t, in, "the file is followed", func() bool {
		in.foreseen = in.now().Add(time.Hour)
		return in.reading != nil
	})
	write(t, log, all[len(all)/2:])
	stop()
	in = r.open(state, cfg)
	defer func() { must(t, in.Close()) }()
	for _, c := range in.store.contents {
		if c.Top != uint64(len(all)) {
			t.Errorf("the file is known to reach %d, want %d", c.Top, len(all))
		}
	}
}
