package file

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// simHost is a machine with one log, and what happens to it.
type simHost struct {
	t         *testing.T
	rnd       *rand.Rand
	seed      uint64
	road      *simRoad
	root      string // holds all of it
	dir, old  string // of the log and of the rotated files
	state     string
	cfg       Config
	headers   int  // constant lines at the beginning of each log
	dated     bool // rotated files are named by their date
	canReopen bool // an agent finds deleted files that somebody has open
	stalls    bool // copies take long
	drawn     bool // what happens follows from a seed
	trims     bool // the head of its log is cut off now and then
	torn      bool // its log had lines for a while that nobody wrote as they were
	slow      int  // of 100 changes of the road, how many shut it

	lines    []simLine
	runs     int            // how many times a log began
	runOf    map[uint64]int // by inode
	headed   int            // header lines that were written
	log      *simWriter
	late     []*simWriter // they write what was renamed
	own      map[int]bool // descriptors that are the host's
	gzipped  map[string][]int
	owed     []int // by line: the life of the agent that holds it deleted
	life     int   // how many agents there were
	rotated  int   // how many times
	tags     int
	copying  bool          // a file is written in pieces
	wrote    time.Time     // when the last one was
	stalled  time.Duration // the longest between two
	mu       sync.Mutex
	history  strings.Builder
	began    time.Time
	powerCut bool   // the next agent is the first since the machine was started
	stop     func() // nil while the agent is down
}

// simLine is a line that was written.
type simLine struct {
	text   string
	run    int   // which beginning of a log it came after
	offset int64 // in the file it was written to
	risk   string
}

// simHeader is how constant lines begin.
const simHeader = "#"

func newSimHost(t *testing.T, seed uint64, window, rate int) *simHost {
	root := t.TempDir()
	name := fnv.New64a()
	fmt.Fprint(name, t.Name()) // two families have two histories
	h := &simHost{
		t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, name.Sum64())), root: root, dir: filepath.Join(root, "log"),
		state: filepath.Join(root, "state"), canReopen: canReopen(root), runOf: make(map[uint64]int),
		own: make(map[int]bool), gzipped: make(map[string][]int), began: time.Now(),
		road: newRoad(rand.New(rand.NewPCG(seed, 1)), window, rate),
	}
	h.old = h.dir
	h.cfg = Config{Paths: []string{filepath.Join(h.dir, "*")}}
	must(t, os.Mkdir(h.dir, 0o755))
	return h
}

// say keeps what happened for the report of a failure.
func (h *simHost) say(format string, args ...any) {
	h.note(fmt.Sprintf("%5d lines  %s", len(h.lines), fmt.Sprintf(format, args...)))
}

// note adds a line to the history. It may be called from any goroutine.
func (h *simHost) note(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(&h.history, "%6.2f %s\n", float64(time.Since(h.began))/float64(simPause), text)
}

func (h *simHost) chance(percent int) bool { return h.rnd.IntN(100) < percent }

// pause lets time pass, up to some pauses of the agent; half the time next to none. While something is copied it is short,
// but on a host that stalls: nobody can tell a copy that stands still from one that is whole.
func (h *simHost) pause() {
	longest := [...]float64{0, 0, 0, 0, 0, 0.3, 0.3, 0.3, 1.5, 3}[h.rnd.IntN(10)]
	if h.copying && !h.stalls {
		longest = min(longest, 0.1)
	}
	h.wait(h.rnd.Float64() * longest)
}

func (h *simHost) wait(pauses float64) { time.Sleep(time.Duration(pauses * float64(simPause))) }

// piece notes that a piece of a copy was written, or its end was seen.
func (h *simHost) piece() {
	now := time.Now()
	if h.copying && h.stop != nil { // one who is down sees nothing
		h.stalled = max(h.stalled, now.Sub(h.wrote))
	}
	h.copying, h.wrote = true, now
}

// simWriter is a program that has a log open to append to it.
type simWriter struct {
	h    *simHost
	path string
	tag  string
	f    *os.File
}

// open begins to write a log as a program does that starts, or was told to open it again.
func (h *simHost) open(path string, flags int) *simWriter {
	h.t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|flags, 0o644)
	must(h.t, err)
	h.tags++
	h.own[int(f.Fd())] = true
	w := &simWriter{h, path, fmt.Sprintf("%s#%d.%d", filepath.Base(path), h.seed, h.tags), f}
	if st := w.stat(); st.Size == 0 {
		h.begins(st.Ino)
		w.header()
	}
	return w
}

// begins notes that a file has no bytes of before.
func (h *simHost) begins(inode uint64) {
	h.runs++
	h.runOf[inode] = h.runs
}

func (w *simWriter) stat() (st unix.Stat_t) {
	must(w.h.t, unix.Fstat(int(w.f.Fd()), &st))
	return st
}

func (w *simWriter) header() {
	for n := range w.h.headers {
		_, err := fmt.Fprintf(w.f, "%s %s %03d\n", simHeader, [...]string{
			"Version: 1.0 of the constant banner that each start writes", "Fields: a b c d e f g h i j k l m n o p q r s",
		}[n%2], n/2)
		must(w.h.t, err)
		w.h.headed++
	}
}

func (w *simWriter) write() { w.lines([...]int{1, 2, 5, 20, 60}[w.h.rnd.IntN(5)]) }

// lines writes some lines, each by a write of its own.
func (w *simWriter) lines(n int) {
	h := w.h
	first := len(h.lines)
	st := w.stat()
	at := st.Size
	for range n {
		text := fmt.Sprintf("%07d %s %s", len(h.lines), w.tag, strings.Repeat("x", 10+h.rnd.IntN(110)))
		h.lines = append(h.lines, simLine{text: text, run: h.runOf[st.Ino], offset: at})
		m, err := io.WriteString(w.f, text+"\n")
		must(h.t, err)
		at += int64(m)
	}
	if st.Nlink == 0 { // perhaps nobody can read it
		before := make([]bool, len(h.lines))
		for i := first; i < len(before); i++ {
			before[i] = true
		}
		h.lose("written to a deleted file", before, h.reach(true))
	}
}

func (w *simWriter) close() {
	w.h.destroys("writer of "+filepath.Base(w.path)+" closes", func() {
		delete(w.h.own, int(w.f.Fd()))
		must(w.h.t, w.f.Close())
	})
}

// destroys does what takes bytes away. Lines that nobody can read any more, and could before, are at risk.
func (h *simHost) destroys(what string, do func()) {
	before := h.reach(false)
	do()
	h.lose(what, before, h.reach(true))
}

// lose notes lines at risk: all of before that are not in after, but for those of a deleted file that the agent had open
// and gave up by itself.
func (h *simHost) lose(what string, before, after []bool) {
	n := 0
	for i := range before {
		if before[i] && !after[i] && h.lines[i].risk == "" && (i >= len(h.owed) || h.owed[i] != h.life || h.stop == nil) {
			h.lines[i].risk = what
			n++
		}
	}
	if n > 0 {
		what = fmt.Sprintf("%s: %d lines are at risk", what, n)
	}
	h.say("%s", what)
}

func (h *simHost) rename(from, to string) {
	rename(h.t, from, to)
	h.say("%s is %s now", filepath.Base(from), filepath.Base(to))
}

func (h *simHost) remove(path string) {
	h.destroys("rm "+filepath.Base(path), func() { must(h.t, os.Remove(path)) })
}

// truncate empties a file that others have open.
func (h *simHost) truncate(path string) {
	h.destroys("truncate "+filepath.Base(path), func() { must(h.t, os.Truncate(path, 0)) })
	h.begins(inode(h.t, path))
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	return st.Ino
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
