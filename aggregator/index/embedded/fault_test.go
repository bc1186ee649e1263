package embedded

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"belfry/aggregator/index"
	"belfry/shared/event"
)

var errAlerts = errors.New("alerts are broken")

// send writes and returns a channel that gets the answer.
func send(x *Index, ctx context.Context, w index.Write) chan answer {
	ch := make(chan answer, 2) // one more than may come
	x.Write(ctx, w, func(r index.Result, err error) { ch <- answer{r, err} })
	return ch
}

// goRun runs an index and returns what Run returns.
func goRun(ctx context.Context, x *Index) chan error {
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	return ended
}

// waitFor waits until another goroutine has come so far.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain: ", what)
		}
	}
}

// reopenAfterFault expects that nothing of the events 0 to end is lost or doubled, and that the alerts see the records
// from a position on.
func reopenAfterFault(t *testing.T, dir string, end, position, last uint64) {
	t.Helper()
	y := start(t, Config{Dir: dir}, nil)
	checkFound(t, y, 0, end)
	var want []uint64
	for p := position; p <= last; p++ {
		want = append(want, p)
	}
	checkSince(t, y, position, want...)
	if r := mustWrite(t, y, data(testPos, 0, end)); r.New != 0 {
		t.Errorf("the same again: %+v", r)
	}
}

func TestFaultOfAlerts(t *testing.T) {
	dir := t.TempDir()
	x := openIndex(t, Config{Dir: dir, CheckpointBytes: 1}, func(position uint64, _ []*event.Event) error {
		if position == 2 {
			return errAlerts
		}
		return nil
	})
	ended := goRun(t.Context(), x)
	mustWrite(t, x, data(testPos, 0, 10))
	for n := range uint64(3) {
		if a := write(t, x, data(testPos, 0, 20+n)); !errors.Is(a.err, errAlerts) {
			t.Errorf("after a fault: %+v", a)
		}
	}
	if err := <-ended; !errors.Is(err, errAlerts) || !strings.Contains(err.Error(), "record 2") {
		t.Errorf("Run: %v", err)
	}
	s := x.Stats()
	if !strings.Contains(s.Failure, errAlerts.Error()) || s.Position < 2 {
		t.Errorf("%+v", s)
	}
	if n := len(search(t, x, "", index.Search{Limit: -1})); n != 20 {
		t.Errorf("%d events are found, want 20: a fault does not end the searches", n)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	reopenAfterFault(t, dir, 20, 2, 2)
}

// TestFaultBeforeCheckpoint has more on disk than the alerts have seen, and a checkpoint that waits for them.
func TestFaultBeforeCheckpoint(t *testing.T) {
	dir := t.TempDir()
	release := make(chan bool)
	x := openIndex(t, Config{Dir: dir, CheckpointBytes: 1}, func(position uint64, _ []*event.Event) error {
		<-release
		return errAlerts
	})
	x.grown = -4 << 10 // the first record is shorter, the second longer
	ended := goRun(t.Context(), x)
	first := send(x, t.Context(), data(testPos, 0, 1))
	waitFor(t, "first record", func() bool { return x.Stats().Position == 1 })
	second := send(x, t.Context(), data(testPos, 1, 1000))
	waitFor(t, "second record", func() bool { return x.Stats().Position == 2 })
	close(release)
	for _, ch := range []chan answer{first, second} {
		if a := <-ch; !errors.Is(a.err, errAlerts) {
			t.Errorf("%+v", a)
		}
	}
	if err := <-ended; !errors.Is(err, errAlerts) {
		t.Errorf("Run: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	reopenAfterFault(t, dir, 1000, 1, 2)
}

// TestFaultAtTheEnd comes when Run is told to stop.
func TestFaultAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	begun, release := make(chan bool, 1), make(chan bool)
	x := openIndex(t, Config{Dir: dir}, func(position uint64, _ []*event.Event) error {
		begun <- true
		<-release
		return errAlerts
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := goRun(ctx, x)
	first := send(x, t.Context(), data(testPos, 0, 10))
	<-begun
	second := send(x, t.Context(), data(testPos, 10, 20))
	cancel()
	waitFor(t, "end of the writes", func() bool { return stopped(x) })
	close(release)
	for _, ch := range []chan answer{first, second} {
		if a := <-ch; !errors.Is(a.err, errAlerts) {
			t.Errorf("%+v", a)
		}
	}
	if err := <-ended; !errors.Is(err, errAlerts) {
		t.Errorf("Run: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	reopenAfterFault(t, dir, 20, 1, 2)
}

func stopped(x *Index) bool {
	select {
	case <-x.life.Stop:
		return true
	default:
		return false
	}
}

// TestFaultOfLog loses the file of the log.
func TestFaultOfLog(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	ended := goRun(t.Context(), x)
	mustWrite(t, x, data(testPos, 0, 10))
	mustWrite(t, x, index.Write{}) // Run is idle
	dir := unclean(t, x)
	if err := x.wal.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a := write(t, x, data(testPos, 0, 20)); a.err == nil || !strings.Contains(a.err.Error(), "write the log") {
			t.Errorf("%+v", a)
		}
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "write the log") {
		t.Errorf("Run: %v", err)
	}
	if x.Held(testPos, 15) {
		t.Error("an event is held that is not on disk")
	}
	y := start(t, Config{Dir: dir}, nil)
	if r := mustWrite(t, y, data(testPos, 0, 20)); r.New != 10 {
		t.Errorf("%+v", r)
	}
	checkFound(t, y, 0, 20)
	x.wal = nil // so that Close finds nothing wrong
}

// large is a write of about 4 MiB.
func large(n int) index.Write {
	var w index.Write
	for i := range 4 {
		e := sampleEvent(4*n+i, time.Now())
		e.Set("message", strings.Repeat("x", 1<<20))
		w.Items = append(w.Items, index.Item{Event: e})
	}
	return w
}

// TestNeverRun queues until nothing more fits, gives up waiting, and closes.
func TestNeverRun(t *testing.T) {
	dir := t.TempDir()
	x := openIndex(t, Config{Dir: dir}, nil)
	const writes = 12
	answers := make(chan error, 2*writes)
	ctx, cancel := context.WithCancel(t.Context())
	var giveUp []chan answer
	for n := range writes {
		go x.Write(t.Context(), large(n), func(_ index.Result, err error) { answers <- err })
	}
	waitFor(t, "full queue", func() bool { return x.gate.Taken() > queueBytes-5<<20 })
	for range 2 {
		ch := make(chan answer, 2)
		giveUp = append(giveUp, ch)
		go x.Write(ctx, large(0), func(r index.Result, err error) { ch <- answer{r, err} })
	}
	cancel()
	for _, ch := range giveUp {
		if a := <-ch; !errors.Is(a.err, context.Canceled) {
			t.Errorf("given up: %+v", a)
		}
	}
	if len(answers) > 0 {
		t.Errorf("answered: %v", <-answers)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	for range writes {
		if err := <-answers; !errors.Is(err, index.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	if n := x.gate.Taken(); n != 0 {
		t.Errorf("%d bytes stay in the queue", n)
	}
	if err := x.Run(t.Context()); !errors.Is(err, index.ErrClosed) {
		t.Errorf("Run after Close: %v", err)
	}
	y := openIndex(t, Config{Dir: dir}, nil)
	checkFound(t, y, 0, 0)
}

// TestCloseWhileFull closes while writes wait for room: each is answered once, and what was taken is found.
func TestCloseWhileFull(t *testing.T) {
	dir := t.TempDir()
	release := make(chan bool)
	x := openIndex(t, Config{Dir: dir}, func(uint64, []*event.Event) error { <-release; return nil })
	ended := goRun(t.Context(), x)
	const writes = 16
	answers := make(chan answer, 2*writes)
	for n := range writes {
		go x.Write(t.Context(), large(n), func(r index.Result, err error) { answers <- answer{r, err} })
	}
	waitFor(t, "full queue", func() bool { return x.gate.Taken() > queueBytes-5<<20 })
	closed := make(chan error)
	go func() { closed <- x.Close() }()
	waitFor(t, "end of the writes", func() bool { return stopped(x) })
	close(release)
	if err := errors.Join(<-closed, <-ended); err != nil {
		t.Error(err)
	}
	taken := 0
	for range writes {
		switch a := <-answers; {
		case a.err == nil:
			taken += a.New
		case !errors.Is(a.err, index.ErrClosed):
			t.Error(a.err)
		}
	}
	if len(answers) > 0 {
		t.Error("answered twice")
	}
	if a := write(t, x, index.Write{}); !errors.Is(a.err, index.ErrClosed) {
		t.Errorf("after Close: %+v", a)
	}
	if err := x.Search(t.Context(), index.Search{}, func(*event.Event, index.Cursor) error { return nil }); !errors.Is(err, index.ErrClosed) {
		t.Errorf("search after Close: %v", err)
	}
	if s := x.Stats(); s.Rows != 0 || s.Failure != "" {
		t.Errorf("%+v", s)
	}
	y := openIndex(t, Config{Dir: dir}, nil)
	if n := len(search(t, y, "", index.Search{Limit: -1})); n != taken || taken == 0 {
		t.Errorf("%d events are found, %d were taken", n, taken)
	}
}

// TestCloseWhileSearching ends searches that go on, and searches and writes that begin, with index.ErrClosed.
func TestCloseWhileSearching(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir()}, nil)
	ended := goRun(t.Context(), x)
	for n := range uint64(20) {
		mustWrite(t, x, data(testPos, 500*n, 500*n+500))
	}
	begun, searched := make(chan bool, 100), make(chan error)
	for range 4 {
		go func() {
			var err error
			for err == nil {
				err = x.Search(t.Context(), index.Search{Limit: -1}, func(*event.Event, index.Cursor) error {
					select {
					case begun <- true:
					default:
					}
					return nil
				})
				x.Stats()
			}
			searched <- err
		}()
	}
	<-begun
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	for range 4 {
		if err := <-searched; !errors.Is(err, index.ErrClosed) {
			t.Errorf("search: %v", err)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestRunAndClose lets both begin at once, and leaves no goroutine behind.
func TestRunAndClose(t *testing.T) {
	before := 0
	for n := range 20 {
		if n == 2 { // the storage has some that stay, whoever opens it
			before = runtime.NumGoroutine()
		}
		x := openIndex(t, Config{Dir: t.TempDir()}, nil)
		ended := goRun(t.Context(), x)
		if n%2 == 0 {
			mustWrite(t, x, data(testPos, 0, 1))
			if err := x.Run(t.Context()); err == nil {
				t.Error("it runs twice")
			}
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil && !errors.Is(err, index.ErrClosed) {
			t.Error(err)
		}
	}
	waitFor(t, "end of the goroutines", func() bool { return runtime.NumGoroutine() <= before })
}
