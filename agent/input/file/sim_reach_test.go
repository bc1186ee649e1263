package file

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// reach tells by line whether it can be read by somebody who has time: under a name, in a deleted file that the agent
// has open, or in one that a writer has open if deleted files can be reopened. With sure, the agent must have a deleted
// file open for longer than it takes to judge one; what is in it then is owed by this agent.
func (h *simHost) reach(sure bool) []bool {
	all := make([]bool, len(h.lines))
	mark := func(found []int) {
		for _, n := range found {
			all[n] = true
		}
	}
	for _, dir := range []string{h.dir, h.old} {
		entries, err := os.ReadDir(dir)
		must(h.t, err)
		for _, e := range entries {
			if e.Type().IsRegular() {
				mark(h.linesIn(filepath.Join(dir, e.Name())))
			}
		}
		if h.old == h.dir {
			break
		}
	}
	for fd, ino := range h.deleted(sure) {
		found := h.linesInOpen(fd, ino)
		mark(found)
		if sure && !h.own[fd] {
			h.owe(found)
		}
	}
	return all
}

// owe notes lines that the agent holds in a deleted file.
func (h *simHost) owe(found []int) {
	h.owed = append(h.owed, make([]int, len(h.lines)-len(h.owed))...)
	for _, n := range found {
		h.owed[n] = h.life
	}
}

// linesIn lists the lines in a file. An archive that is not whole has none.
func (h *simHost) linesIn(path string) []int {
	if strings.HasSuffix(path, ".gz") {
		return h.linesInGzip(path)
	}
	b, err := os.ReadFile(path)
	must(h.t, err)
	return h.parse(b)
}

func (h *simHost) linesInGzip(path string) []int {
	var st unix.Stat_t
	must(h.t, unix.Stat(path, &st))
	key := fmt.Sprint(st.Ino, st.Size, st.Mtim)
	if found, ok := h.gzipped[key]; ok {
		return found
	}
	b, err := os.ReadFile(path)
	must(h.t, err)
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	if b, err = io.ReadAll(z); err != nil {
		return nil
	}
	found := h.parse(b)
	h.gzipped[key] = found
	return found
}

// parse lists the lines that are whole.
func (h *simHost) parse(b []byte) (found []int) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return found
		}
		if n := h.number(string(b[:i])); n >= 0 {
			found = append(found, n)
		}
		b = b[i+1:]
	}
}

// number is that of a line of this host, or -1.
func (h *simHost) number(text string) int {
	digits, _, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n >= len(h.lines) || h.lines[n].text != text {
		return -1
	}
	return n
}

// linesInOpen lists the lines in a deleted file by a descriptor of this process, if it still is that file's.
func (h *simHost) linesInOpen(fd int, ino uint64) []int {
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil
	}
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || st.Ino != ino {
		return nil
	}
	b, err := io.ReadAll(f)
	must(h.t, err)
	return h.parse(b)
}

// deleted lists the deleted files of this host that can be read: inodes by descriptor.
func (h *simHost) deleted(sure bool) map[int]uint64 {
	found := h.deletedNow()
	if !sure || h.stop == nil {
		return found
	}
	for range 2 { // the agent opens a file to judge it, and closes it again
		if len(found) == 0 {
			break
		}
		time.Sleep(time.Millisecond)
		again := h.deletedNow()
		maps.DeleteFunc(found, func(fd int, ino uint64) bool { return again[fd] != ino })
	}
	return found
}

func (h *simHost) deletedNow() map[int]uint64 {
	entries, err := os.ReadDir("/proc/self/fd")
	must(h.t, err)
	found := make(map[int]uint64)
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || h.own[fd] && !h.canReopen {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 0 {
			continue
		}
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && strings.HasPrefix(target, h.root+"/") {
			found[fd] = st.Ino
		}
	}
	return found
}

// The judge itself: what counts as lost with its only copy.
func TestAtRisk(t *testing.T) {
	t.Parallel()
	h := newSimHost(t, 1, 1, 1)
	h.canReopen = false
	risks := func() (n int) {
		for _, l := range h.lines {
			if l.risk != "" {
				n++
			}
		}
		return n
	}
	f := func(what string, want int, do func()) {
		t.Helper()
		do()
		if got := risks(); got != want {
			t.Errorf("%s: %d lines are at risk, want %d\n%s", what, got, want, h.history.String())
		}
	}
	log, agent := h.path("app.log"), (*os.File)(nil)
	f("written", 0, func() { h.add(log, 10) })
	f("copied, grown and cut", 5, func() {
		must(t, os.WriteFile(log+".1", h.bytes(log), 0o644))
		h.add(log, 5)
		h.truncate(log)
	})
	f("compressed", 5, func() { h.gzip(log+".1", func() {}) })
	f("removed while the agent has it open", 5, func() {
		var err error
		h.stop, h.life = func() {}, 1
		h.add(log, 20)
		agent, err = os.Open(log)
		must(t, err)
		h.remove(log)
	})
	f("given up by the agent", 5, func() { h.destroys("nothing", func() { must(t, agent.Close()) }) })
	f("removed while nobody looks", 15, func() {
		h.stop = nil
		h.remove(log + ".1.gz")
	})
	h.log = h.open(log, 0)
	f("in a deleted file that only its writer has", 45, func() {
		h.log.lines(30)
		h.remove(log)
	})
	f("likewise, but it can be reopened", 45, func() {
		h.canReopen = true
		h.log.lines(40)
	})
	f("closed", 85, func() { h.log.close() })
}
