package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// How a host writes.
const (
	beat        = 10 * time.Millisecond // between two writes of a host
	maxWrite    = 32 << 10              // bytes handed over at once
	longestTurn = 400                   // lines that go to one file before the next has its turn
)

// logFiles are a host's files. One is rotated by copytruncate, for a program that cannot be told to begin a new file.
var logFiles = []struct {
	name      string
	truncated bool
}{{"app.log", false}, {"mail.log", false}, {"kern.log", true}}

// host writes numbered lines, 1 and up, to its files. Which number goes to which file, where the file is rotated, and
// what stands in the line depend on the seed alone. One goroutine writes.
type host struct {
	name string
	seed uint64
	rnd  *rand.Rand
	sent atomic.Int64

	quiet    *logFile // of the calm; nil before
	calmFrom int      // its first number

	files []*logFile
	left  int // lines of the present turn
	file  *logFile

	mu    sync.Mutex
	turns []turn

	packing sync.WaitGroup
	packed  chan error // the first fault of gzip
}

// turn is some lines in a row of one file.
type turn struct {
	first      int // number
	file       *logFile
	generation int   // how often the file was rotated before
	offset     int64 // of the first line
	at         time.Time
}

// logFile is one file with its archives.
type logFile struct {
	path       string
	truncated  bool // at a rotation, instead of renamed
	live       *os.File
	size       int64
	total      int64    // bytes, its archives included
	lines      int      // in the live file
	most       int      // before it is rotated
	late       int      // of them, those that are written after it was renamed
	next       *os.File // takes its place when they are
	generation int
	held       []byte // the second half of a line whose first half is written
	rotating   sync.Mutex
}

// newHost makes the files of a host. perSecond is how many lines it will write: files are rotated by their length.
func newHost(dir, name string, seed uint64, perSecond int) (*host, error) {
	h := &host{name: name, seed: seed, rnd: rand.New(rand.NewPCG(seed, nameHash(name))), packed: make(chan error, 1)}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, f := range logFiles {
		l := &logFile{path: filepath.Join(dir, f.name), truncated: f.truncated}
		h.draw(l, perSecond)
		h.files = append(h.files, l)
		var err error
		if l.live, err = l.open(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// draw draws after how many lines a file is rotated: what comes in 8 to 20 seconds, the last of it, at most of one
// second, after it was renamed.
func (h *host) draw(l *logFile, perSecond int) {
	second := max(1, perSecond/len(logFiles))
	l.most = 8*second + h.rnd.IntN(12*second)
	l.late = h.rnd.IntN(second)
	if l.truncated {
		l.late = 0
	}
}

func (l *logFile) open() (*os.File, error) {
	return os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// write writes lines at a pace until all are written, or ctx is done.
func (h *host) write(ctx context.Context, perSecond, total int) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	begin := time.Now()
	for n := 1; n <= total && ctx.Err() == nil; {
		due := min(total, int(time.Since(begin).Seconds()*float64(perSecond)))
		for n <= due {
			var err error
			if n, err = h.batch(n, due, perSecond); err != nil {
				return fmt.Errorf("write the log of %s: %w", h.name, err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		case err := <-h.packed:
			return err
		}
	}
	return h.end()
}

// batch writes lines from n on, at most to due, to one file, and returns the next number.
func (h *host) batch(n, due, perSecond int) (int, error) {
	if h.left == 0 {
		h.left, h.file = 1+h.rnd.IntN(longestTurn), h.files[h.rnd.IntN(len(h.files))]
	}
	f, first := h.file, n
	if err := h.rotate(f, perSecond); err != nil {
		return n, err
	}
	text, at := f.held, time.Now()
	f.held = nil
	begin := f.size + int64(len(text))
	for n <= due && h.left > 0 && len(text) < maxWrite && f.lines < f.until() {
		text = appendLine(text, h.seed, h.name, filepath.Base(f.path), n, at)
		n, h.left, f.lines = n+1, h.left-1, f.lines+1
	}
	h.note(turn{first, f, f.generation, begin, at})
	if n%7 == 0 && len(text) > 40 { // a writer whose buffer ends in the middle of a line
		text, f.held = text[:len(text)-20], append([]byte(nil), text[len(text)-20:]...)
	}
	err := f.put(text)
	h.sent.Store(int64(n - 1))
	return n, err
}

func (l *logFile) put(text []byte) error {
	m, err := l.live.Write(text)
	l.size, l.total = l.size+int64(m), l.total+int64(m)
	return err
}

func (h *host) note(t turn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turns = append(h.turns, t)
}

// until is how many lines are written before the next step of a rotation.
func (l *logFile) until() int {
	if l.next == nil {
		return l.most - l.late
	}
	return l.most
}

// rotate does what logrotate does, when it is time.
func (h *host) rotate(l *logFile, perSecond int) error {
	if l.lines < l.until() {
		return nil
	}
	switch {
	case l.truncated:
		if err := l.truncate(); err != nil {
			return err
		}
	case l.next == nil:
		if err := l.rename(); err != nil || l.lines < l.most {
			return err
		}
		fallthrough
	default:
		if err := errors.Join(l.put(l.held), l.live.Close()); err != nil {
			return err
		}
		l.live, l.next = l.next, nil
	}
	l.held, l.size, l.lines = nil, 0, 0
	l.generation++
	h.draw(l, perSecond)
	h.packing.Go(func() {
		defer l.rotating.Unlock()
		if out, err := exec.Command("gzip", l.path+".1").CombinedOutput(); err != nil {
			select {
			case h.packed <- fmt.Errorf("gzip %s.1: %w: %s", l.path, err, out):
			default:
			}
		}
	})
	return nil
}

// makeRoom moves the archives up by one. The last rotation must have ended; the next one waits for this.
func (l *logFile) makeRoom() error {
	l.rotating.Lock()
	for n := l.generation; n > 0; n-- {
		err := os.Rename(fmt.Sprintf("%s.%d.gz", l.path, n), fmt.Sprintf("%s.%d.gz", l.path, n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// rename gives the file its rotated name and makes a new one; its writer goes on with the old one for a little while.
func (l *logFile) rename() error {
	if err := errors.Join(l.makeRoom(), os.Rename(l.path, l.path+".1")); err != nil {
		return err
	}
	var err error
	l.next, err = l.open()
	return err
}

// truncate copies the file and empties it. Nothing is written in between: what were, no one could read.
func (l *logFile) truncate() error {
	if err := errors.Join(l.makeRoom(), l.put(l.held)); err != nil {
		return err
	}
	text, err := os.ReadFile(l.path)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(l.path+".1", text, 0o644), l.live.Truncate(0))
}

// end finishes what was begun: half lines, and archives.
func (h *host) end() error {
	h.packing.Wait()
	var errs []error
	for _, l := range h.files {
		errs = append(errs, l.put(l.held), l.live.Close())
		if l.next != nil {
			errs = append(errs, l.next.Close())
		}
	}
	select {
	case err := <-h.packed:
		errs = append(errs, err)
	default:
	}
	return errors.Join(errs...)
}

// where says where a number was written.
func (h *host) where(n int) turn {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := sort.Search(len(h.turns), func(i int) bool { return h.turns[i].first > n })
	if i == 0 {
		return turn{}
	}
	return h.turns[i-1]
}

// bytes is how much was written; for after the writing.
func (h *host) bytes() (n int64) {
	for _, l := range h.files {
		n += l.total
	}
	if h.quiet != nil {
		n += h.quiet.total
	}
	return n
}

// rotations is how often the files were rotated; for after the writing.
func (h *host) rotations() int {
	n := 0
	for _, l := range h.files {
		n += l.generation
	}
	return n
}
