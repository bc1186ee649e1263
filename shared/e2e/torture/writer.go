package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	usualWidth = 60       // of a payload, in bytes
	maxWrite   = 64 << 10 // bytes handed over at once, unless a line is longer
	beat       = 10 * time.Millisecond
)

// writer writes numbered lines to one file by a descriptor that it keeps, as a daemon does. Its methods may be called
// while a flow of it runs: each write is a whole one, between two of theirs. What the scenario calls ends it on a fault.
type writer struct {
	h     *host
	path  string
	width int
	flags int // of open

	mu   sync.Mutex
	f    *os.File
	n    *number
	seq  int // of the next line
	buf  []byte
	held int // lines in buf
}

// create makes a file of the logs (or of anywhere, by an absolute path) and its writer.
func (h *host) create(name string) *writer { return h.createAs(name, usualWidth, os.O_APPEND) }

// createAs is create with a width of the payload and more flags of open: O_APPEND or none, O_TRUNC.
func (h *host) createAs(name string, width, flags int) *writer {
	if !filepath.IsAbs(name) {
		name = h.path(name)
	}
	if width > maxWidth {
		h.fatal(fmt.Errorf("width %d is more than %d", width, maxWidth))
	}
	w := &writer{h: h, path: name, width: width, flags: flags}
	h.must("create", w.open())
	h.cleanup(func() { w.f.Close() })
	return w
}

func (w *writer) open() (err error) {
	w.f, err = os.OpenFile(w.path, os.O_CREATE|os.O_WRONLY|w.flags, 0o644)
	w.begin()
	return err
}

// begin begins the next file number.
func (w *writer) begin() { w.n, w.seq = w.h.truth.begin(w.path, w.width), 0 }

// file is the number of the present file.
func (w *writer) file() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n.n
}

// written is how many lines are in the present file.
func (w *writer) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seq
}

// lines writes so many.
func (w *writer) lines(n int) { w.h.must("write "+w.path, w.write(n)) }

func (w *writer) write(n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		w.buf = appendLine(w.buf, w.h.name, w.width, mark{w.n.n, w.seq + w.held})
		w.held++
		if len(w.buf) >= maxWrite-w.width*2 {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

// flush writes what is in buf in one piece. The caller holds mu.
func (w *writer) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.f.Write(w.buf)
	if err == nil {
		w.seq += w.held
		w.h.truth.wrote(w.n, w.seq)
	}
	w.buf, w.held = w.buf[:0], 0
	return err
}

// bytes writes lines until they are so many bytes or a little more.
func (w *writer) bytes(size int64) {
	for size > 0 {
		n := int(min(size/int64(w.width+20)+1, 10_000))
		for i := range n {
			size -= int64(w.h.truth.length(w.n, w.seq+i))
		}
		w.lines(n)
	}
}

// next is the next line with its line end, counted as written: the scenario writes it, by raw, however it likes.
func (w *writer) next() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := appendLine(nil, w.h.name, w.width, mark{w.n.n, w.seq})
	w.seq++
	w.h.truth.wrote(w.n, w.seq)
	return line
}

// raw writes bytes that are not counted.
func (w *writer) raw(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.f.Write(b)
	w.h.must("write "+w.path, err)
}

// reopen closes the file and opens its name, as a daemon does when it is told that its log was rotated.
func (w *writer) reopen() { w.h.must("open again "+w.path, w.again(nil)) }

// again does what do says between two writes, and opens the name again.
func (w *writer) again(do func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if do != nil {
		if err := do(); err != nil {
			return err
		}
	}
	return errors.Join(w.f.Close(), w.open())
}

// follow opens the name again, for a file that was replaced by one of the same content: its number stays.
func (w *writer) follow() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.f.Close(); err != nil {
		return err
	}
	return w.onward()
}

// onward opens the name again after close, to go on with the same content.
func (w *writer) onward() (err error) {
	w.f, err = os.OpenFile(w.path, os.O_WRONLY|w.flags, 0)
	return err
}

// emptied says that the scenario has truncated the file, whose descriptor stays: do, which truncates, is called between two
// writes.
func (w *writer) emptied(do func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.h.must("truncate "+w.path, do())
	w.begin()
}

// close ends the writer; its file is what it is.
func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.h.must("close "+w.path, w.f.Close())
}

// flow writes so many lines a second until the function that it returns is called.
func (w *writer) flow(perSecond int) (end func()) {
	ctx, cancel := context.WithCancel(w.h.ctx)
	done := make(chan error, 1)
	w.h.flows.Go(func() { done <- w.run(ctx, perSecond) })
	w.h.cleanup(cancel)
	return func() {
		cancel()
		err := <-done
		done <- nil
		w.h.must("write "+w.path, err)
	}
}

func (w *writer) run(ctx context.Context, perSecond int) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	begin, total := time.Now(), 0
	for {
		due := int(time.Since(begin).Seconds() * float64(perSecond))
		if err := w.write(due - total); err != nil {
			return err
		}
		total = due
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
