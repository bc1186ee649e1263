package segment

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// small mounts a file system of a few pages on a folder.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755,size=1m"); err != nil {
		t.Skip("only root can mount a small file system: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all room that a disk has.
func fill(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
}

// TestRetry fills the disk under a log: what it could not write is written when there is room.
func TestRetry(t *testing.T) {
	disk := small(t)
	ballast := filepath.Join(disk, "ballast")
	l := open(t, filepath.Join(disk, "log"), Config{MaxBytes: 20000})
	defer l.Close()
	add(t, l, 10)
	for range 30 { // with whatever is left in the last page
		fill(t, ballast)
		for range 200 {
			if _, err := l.Append(payload(l.Next())); err != nil {
				break
			}
		}
		if err := l.Sync(); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("Sync on a full disk = %v", err)
		}
		if err := l.Retry(); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(); len(l.buf) > 0 && !errors.Is(err, unix.ENOSPC) { // it may be a new segment that has no room
			t.Fatalf("Sync on a full disk = %v", err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := l.Retry(); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		got := read(t, l, 0)
		checkRun(t, got, got[0], l.Next())
		if err := l.TruncateBefore(l.Next() - 5); err != nil {
			t.Fatal(err)
		}
	}
	if d := l.Damage(); d != nil {
		t.Errorf("damage %v", d)
	}
}

// TestAbandon has a sync fail: only what was on the disk before it is believed.
func TestAbandon(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Config{})
	add(t, l, 10)
	if _, err := l.Append(payload(11)); err != nil {
		t.Fatal(err)
	}
	sync, err := l.SyncBeside()
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("disk failed")
	l.doubt(failed) // what a failed sync does
	if err := sync(); !errors.Is(err, failed) {
		t.Errorf("a sync behind one that failed = %v", err)
	}
	if err := l.Sync(); !errors.Is(err, failed) {
		t.Errorf("a sync behind one that failed = %v", err)
	}
	if err := l.Retry(); !errors.Is(err, failed) {
		t.Errorf("Retry = %v", err)
	}
	checkRun(t, read(t, l, 0), 1, 11)
	for range 2 {
		if next, err := l.Abandon(); next != 11 || err != nil {
			t.Errorf("Abandon = %d, %v", next, err)
		}
	}
	if err := sync(); err == nil {
		t.Error("a sync of a log that was abandoned = nil")
	}
	if _, err := l.Append(nil); err == nil {
		t.Error("Append to a log that was abandoned = nil")
	}
	next := open(t, dir, Config{First: 12})
	defer next.Close()
	checkRun(t, read(t, next, 0), 1, 11)
	if d := next.Damage(); d != nil || next.Next() != 12 {
		t.Errorf("damage %v, next %d", d, next.Next())
	}
}

func TestRollAndBytes(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Config{MaxBytes: 5000})
	for range 3 { // an empty one is not ended
		if err := l.Roll(); err != nil {
			t.Fatal(err)
		}
	}
	add(t, l, 40)
	if err := l.Roll(); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		want := int64(0)
		for _, path := range files(t, dir) {
			fi, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			want += fi.Size()
		}
		if got := l.Bytes(); got != want {
			t.Errorf("%d bytes, on the disk are %d", got, want)
		}
	}
	check()
	if l.Size() != fileHeader {
		t.Errorf("size %d behind Roll", l.Size())
	}
	add(t, l, 20)
	l.Close()
	last := l.last().path
	fi, err := os.Stat(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(last, fi.Size()-1); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, Config{MaxBytes: 5000})
	check()
	if err := l.Release(1000); err != nil {
		t.Fatal(err)
	}
	check()
	if l.Size() != l.Bytes() {
		t.Errorf("%d bytes, the last segment has %d", l.Bytes(), l.Size())
	}
	l.Close()
}
