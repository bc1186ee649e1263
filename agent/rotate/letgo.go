package rotate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// quiet is how a file looked, and since when it looks so.
type quiet struct {
	st    stat
	since time.Time
	seen  bool // in this round
}

// letGo says why a process may still write to an open file; "" if none can. The kernel knows it best: it grants a read
// lease only on a file that nobody has open for writing (fcntl(2), F_SETLEASE; for the file's owner, or with
// CAP_LEASE). Where it does not tell, every process is looked at, and the file must have been quiet for wait.
func (r *Rotator) letGo(f *os.File, st stat, wait time.Duration) string {
	why, known := r.writing(f, st)
	if known || why != "" {
		return why
	}
	was, ok := r.quiet[st.handle]
	if !ok || !was.st.unchanged(st) {
		was = quiet{st: st, since: time.Now()}
	}
	was.seen = true
	r.quiet[st.handle] = was
	if time.Since(was.since) < wait {
		return fmt.Sprintf("may still be written to: is to be quiet for %v", wait)
	}
	return ""
}

// writing says who has a file open for writing; known tells whether nothing said means nobody.
func (r *Rotator) writing(f *os.File, st stat) (why string, known bool) {
	free, known := r.leased(f)
	if known && free {
		return "", true
	}
	writers := writersOf(st)
	switch {
	case len(writers) > 0:
		return "open for writing by " + strings.Join(writers, ", "), true
	case known:
		return "open for writing by a process that cannot be seen", true
	}
	return "", false
}

// leased asks the kernel for a lease, and gives it back at once.
func leased(f *os.File) (free, known bool) {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
		return err == nil, err == nil
	}
	return false, errors.Is(err, unix.EAGAIN)
}

// maxWriters bounds how many processes are named.
const maxWriters = 5

// writersOf names the processes that have a file open for writing, as "nginx (123)", as far as they may be looked at.
func writersOf(st stat) (writers []string) {
	pids, _ := filepath.Glob("/proc/[1-9]*") // the pattern is good
	for _, p := range pids {
		if len(writers) < maxWriters && writes(p, st) {
			writers = append(writers, fmt.Sprintf("%s (%s)", commandOf(p), filepath.Base(p)))
		}
	}
	return writers
}

// writes reports whether the process of a folder in /proc has the file open for writing.
func writes(proc string, st stat) bool {
	dir, err := os.Open(filepath.Join(proc, "fd"))
	if err != nil {
		return false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what was read before an error counts
	for _, n := range names {
		// The link has write permission when the descriptor has.
		l, err := statAt(int(dir.Fd()), n)
		if err != nil || l.mode&0o200 == 0 {
			continue
		}
		var s unix.Stat_t
		if unix.Fstatat(int(dir.Fd()), n, &s, 0) == nil && s.Ino == st.Inode && s.Dev == st.dev {
			return true
		}
	}
	return false
}

// commandOf names a process. What it calls itself is its own choice: it is quoted where it is not plain.
func commandOf(proc string) string {
	text, _ := os.ReadFile(filepath.Join(proc, "comm"))
	name := strings.TrimSuffix(string(text), "\n")
	if q := strconv.Quote(name); q != `"`+name+`"` {
		return q
	}
	return name
}
