package ops

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// aLook is the time between two looks.
const aLook = probePatience / looks

// stands waits until a watch says that something stands still, or that nothing does.
func stands(w *Watch, limit time.Duration, want bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(w.every) {
		if (w.Err() != nil) == want {
			return true
		}
	}
	return false
}

// A part that does not answer is named after two minutes, and no sooner; one that answers again is forgiven.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, free := make(chan struct{}), make(chan struct{})
		set := NewProbes(Probe{"lively", func() {}}, Probe{"alert", func() { <-stuck }}, Probe{"slow", func() { time.Sleep(time.Minute) }})
		var log strings.Builder
		w := NewWatch(func() *Probes { return set }, 0, slog.New(slog.NewTextHandler(&log, nil)))
		w.inCall = func() map[string]bool { return nil }
		ctx, cancel := context.WithCancel(t.Context())
		go func() { w.Run(ctx); close(free) }()
		if time.Sleep(probePatience); w.Err() != nil {
			t.Errorf("too soon: %v", w.Err())
		}
		if time.Sleep(2 * aLook); w.Err() == nil || !strings.HasPrefix(w.Err().Error(), "alert: it has not answered since ") {
			t.Errorf("%v", w.Err())
		}
		time.Sleep(time.Hour)
		close(stuck)
		if time.Sleep(2 * aLook); w.Err() != nil {
			t.Errorf("it goes on: %v", w.Err())
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("%d lines, want 2: %s", n, log.String())
		}
		cancel()
		<-free
		time.Sleep(time.Minute) // for the slow one
	})
}

// While a disk hangs, nobody is blamed; a goroutine that is at a file now and then is no disk that hangs.
func TestWatchOfASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		defer close(stuck)
		var set atomic.Pointer[Probes]
		set.Store(NewProbes(Probe{"spool", func() { <-stuck }}))
		var hangs atomic.Bool
		hangs.Store(true)
		looks := 0
		w := NewWatch(set.Load, 0, silent)
		w.inCall = func() map[string]bool {
			looks++
			all := map[string]bool{}
			if hangs.Load() {
				all["7"] = true
			}
			if looks%3 != 0 {
				all["8"] = true
			}
			return all
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.Run(ctx)
		if time.Sleep(time.Hour); w.Err() != nil {
			t.Errorf("while a disk hangs: %v", w.Err())
		}
		hangs.Store(false)
		if time.Sleep(2 * aLook); w.Err() == nil {
			t.Error("the disk is back, and nobody is blamed")
		}
		set.Store(NewProbes()) // a reload
		if time.Sleep(2 * aLook); w.Err() != nil {
			t.Errorf("of the daemon before: %v", w.Err())
		}
	})
}

// A lock that is held for ever is told from one whose holder waits for a file that does not come: here a pipe that nobody
// writes to.
func TestWatchSeesARealCall(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	var lock sync.Mutex
	set := NewProbes(Probe{"file", func() { lock.Lock(); defer lock.Unlock() }})
	w := NewWatch(func() *Probes { return set }, 50*time.Millisecond, silent)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lock.Lock()
	go w.Run(ctx)
	if !stands(w, 20*time.Second, true) {
		t.Error("a lock that nobody lets go of is not noticed")
	}
	opened := make(chan struct{})
	lock.Unlock()
	if !stands(w, 20*time.Second, false) {
		t.Errorf("it is free: %v", w.Err())
	}
	lock.Lock()
	go func() {
		defer close(opened)
		defer lock.Unlock()
		fd, err := syscall.Open(pipe, syscall.O_RDONLY, 0) // as a disk that hangs
		if err != nil {
			t.Error(err)
			return
		}
		_ = syscall.Close(fd) // nothing is read from it
	}()
	if stands(w, 10*w.limit, true) {
		t.Errorf("while a call hangs: %v", w.Err())
	}
	out, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	<-opened
	lock.Lock() // it is free again
}

func TestCallers(t *testing.T) {
	got := callers(`goroutine 1 [chan receive, 5 minutes]:
main.main()

goroutine 7 [syscall, 2 minutes]:
syscall.Syscall(0x4a, 0x5, 0x0, 0x0)
os.(*File).Sync(0xc000)

goroutine 8 [syscall]:
os/signal.signal_recv()
	/go/src/runtime/sigqueue.go:152 +0x98

goroutine 9 [syscall, 3 minutes, locked to thread]:
syscall.Syscall6(0xf7, 0x3)
os.(*Process).pidfdWait(0xc0)

goroutine 10 [IO wait, 9 minutes]:
internal/poll.runtime_pollWait(0x7f, 0x72)

goroutine 11 [sync.Mutex.Lock, 9 minutes]:
`)
	if !maps.Equal(got, map[string]bool{"7": true}) {
		t.Errorf("%v", got)
	}
}
