package spool

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ballast is a file that takes some room, to be given up when a queue cannot be opened for want of a few blocks: so an agent
// starts, and sends what waits, on a disk that others have filled.
type ballast struct{ path string }

// ballastBytes is more than the first blocks of all queues.
const ballastBytes = 512 << 10

func newBallast(dir string) ballast { return ballast{filepath.Join(dir, "ballast")} }

// take sees to it that the file is there. Where there is no room for it, or no way to take it, there is none.
func (b ballast) take() {
	if _, err := os.Stat(b.path); err == nil {
		return
	}
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, ballastBytes)
	if f.Close() != nil || err != nil {
		_ = os.Remove(b.path) // an empty one is of no use
	}
}

// shed gives the file up, and returns whether there was one.
func (b ballast) shed() bool { return os.Remove(b.path) == nil }
