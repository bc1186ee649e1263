package embedded

import (
	"belfry/aggregator/index"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestDiskFull(t *testing.T) {
	x := openIndex(t, Config{Dir: t.TempDir(), MinFree: 1 << 20}, nil)
	var free, clock atomic.Int64
	errDisk := errors.New("no such disk")
	free.Store(1 << 40)
	x.disk.ask = func(string) (int64, error) {
		if free.Load() < 0 {
			return 0, errDisk
		}
		return free.Load(), nil
	}
	begin := time.Now()
	x.now = func() time.Time { return begin.Add(time.Duration(clock.Load())) }
	runIndex(t, x)
	at := uint64(0)
	f := func(bytes int64, later time.Duration, want error, full bool) {
		t.Helper()
		free.Store(bytes)
		clock.Add(int64(later))
		a := write(t, x, data(testPos, at, at+10))
		if !errors.Is(a.err, want) || x.Stats().DiskFull != full {
			t.Errorf("%d bytes free: %+v, %+v", bytes, a, x.Stats())
		}
		if a.err == nil {
			at += 10
		}
	}
	f(1<<40, 0, nil, false)
	f(1<<20-1, 2*time.Second, index.ErrDiskFull, true)
	f(1<<40, 0, index.ErrDiskFull, true) // it looks once a second
	f(1<<20, time.Second, nil, false)
	f(-1, time.Second, errDisk, false)
	f(1<<20, time.Second, nil, false)
	if x.measures.refused.Get() != 3 {
		t.Errorf("%d writes refused", x.measures.refused.Get())
	}
	checkFound(t, x, 0, at)
	if at != 30 {
		t.Errorf("%d events taken", at)
	}
	y := start(t, Config{Dir: t.TempDir(), MinFree: 1 << 60}, nil)
	if a := write(t, y, data(testPos, 0, 1)); !errors.Is(a.err, index.ErrDiskFull) || !strings.Contains(a.err.Error(), y.cfg.Dir) {
		t.Errorf("a real disk: %+v", a)
	}
}

func TestUnusableFolder(t *testing.T) {
	f := func(name string, spoil func(dir string) error, want string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "index")
		if err := errors.Join(os.Mkdir(dir, 0o700), spoil(dir)); err != nil {
			t.Fatal(err)
		}
		x, err := Open(Config{Dir: dir, MinFree: -1}, slog.New(slog.DiscardHandler), nil, nil)
		if err == nil {
			x.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	file := func(name string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), nil, 0o600) }
	}
	f("rows is a file", file("rows"), "is not a folder")
	f("log is a file", file("log"), "is not a folder")
	f("probe is a folder", func(dir string) error { return os.Mkdir(filepath.Join(dir, "probe"), 0o700) }, "index folder")
	f("lock is a folder", func(dir string) error { return os.Mkdir(filepath.Join(dir, "lock"), 0o700) }, "lock: is a directory")
}

func TestTooFullToOpen(t *testing.T) {
	d := disk{dir: t.TempDir(), ask: func(string) (int64, error) { return leastToOpen - 1, nil }}
	if err := d.usable(); !errors.Is(err, index.ErrDiskFull) {
		t.Errorf("usable: %v", err)
	}
}

func TestValidate(t *testing.T) {
	f := func(c Config, faults ...string) {
		t.Helper()
		err := c.Validate()
		if (err == nil) != (len(faults) == 0) {
			t.Errorf("%+v: %v", c, err)
		}
		for _, want := range faults {
			if err == nil || !strings.Contains(err.Error(), want+": ") {
				t.Errorf("%+v: %v, want a fault of %s", c, err, want)
			}
		}
	}
	f(Config{Dir: "x"})
	f(Config{Dir: "x", Retention: 24 * time.Hour, Memory: 16 << 20, MinFree: -1, CheckpointEvery: 1, CheckpointBytes: 1})
	f(Config{Retention: time.Hour, Memory: 1, CheckpointEvery: -1, CheckpointBytes: -1},
		"dir", "retention", "memory", "checkpoint_every", "checkpoint_bytes")
	f(Config{Dir: "x", Retention: maxRetention + 1}, "retention")
}
