package file

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What does not grow, and what cannot be read, is shown as well.
func TestStatusShowsWhatIsNotOpen(t *testing.T) {
	dir, r := t.TempDir(), newReceiver(t)
	write(t, filepath.Join(dir, "x.log"), "first\n")
	write(t, filepath.Join(dir, "y.log.xz"), "?")
	in := r.open(t.TempDir(), Config{Paths: []string{filepath.Join(dir, "*")}})
	var ahead atomic.Int64
	in.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	r.sees("first")
	ahead.Store(int64(2 * usual.park))
	var all []Status
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var err error
		if all, _, err = in.Status(); err == nil && len(all) == 2 && all[0].Rests {
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	if x := all[0]; filepath.Base(x.Path) != "x.log" || !x.Rests || x.Cursor != 6 || x.Read != 6 || x.Size != 6 || x.Fault != "" {
		t.Errorf("at rest: %+v", x)
	}
	if y := all[1]; filepath.Base(y.Path) != "y.log.xz" || !strings.Contains(y.Fault, "archive of a kind") || y.Stream != "" {
		t.Errorf("not read: %+v", y)
	}
}
