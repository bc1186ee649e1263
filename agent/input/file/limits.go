package file

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Descriptors are for files that are read; the others are closed, and opened again when they grow.
const (
	spareDescriptors = 24 // for the road, the state, the folders and what else a process opens
	mostDescriptors  = 512
	leastFiles       = 4

	warnEvery = time.Minute // that they are short
)

// descriptors returns how many files may be open at once.
func descriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return leastFiles
	}
	taken := 0
	if all, err := os.ReadDir("/proc/self/fd"); err == nil {
		taken = len(all)
	}
	free := int(min(limit.Cur, 1<<20)) - taken - spareDescriptors
	return max(leastFiles, min(free, mostDescriptors))
}

// room reports whether one more file may be opened. If not, one that was read to its end is closed for it.
func (in *Input) room() bool {
	if len(in.open)+len(in.kept) < in.maxOpen {
		return true
	}
	var longest *follower
	var at Handle
	var since time.Time
	for h, f := range in.open {
		if f == in.reading || f.links == 0 || f.sibling || f.lines == nil || f.lines.Begin() < f.size || f.lines.Begin() < f.read() {
			continue
		}
		if longest == nil || f.changed.Before(since) {
			longest, at, since = f, h, f.changed
		}
	}
	if longest == nil {
		if now := in.now(); now.Sub(in.warned) >= warnEvery {
			in.warned = now
			in.log.Warn("descriptors are short, files are read in turns", "open", len(in.open), "limit", in.maxOpen)
		}
		return false
	}
	in.release(at, longest)
	if e := in.present[at]; e != nil {
		e.settled = e.stat.size == longest.size && e.stat.mtime == longest.mtime // until it grows; else it has already
	}
	return true
}
