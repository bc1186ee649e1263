package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"belfry/shared/e2e/stack"
)

// writer is rsyslog or syslog-ng: what it has taken are the lines of its file.
type writer struct {
	*stack.Receiving
	file   *os.File // nil until it is there
	lines  int
	buffer []byte
}

func (w *writer) addr() string { return w.Addr }
func (w *writer) pid() int     { return w.PID() }

// taken counts on from where it counted last.
func (w *writer) taken(context.Context) (tally, error) {
	err := errors.Join(w.count(), w.Ended())
	return tally{received: w.lines}, err
}

func (w *writer) count() (err error) {
	if w.file == nil {
		if w.file, err = os.Open(w.File); err != nil {
			w.file = nil
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it makes the file with the first message
			}
			return err
		}
		w.buffer = make([]byte, 1<<20)
	}
	for {
		n, err := w.file.Read(w.buffer)
		w.lines += bytes.Count(w.buffer[:n], []byte("\n"))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// stop ends it. It has nothing more to write by then: if it has, it was stopped too early, and measured wrongly.
func (w *writer) stop() error {
	before := w.lines
	err := errors.Join(w.Stop(), w.count())
	if w.file != nil {
		w.file.Close()
	}
	if w.lines != before {
		err = errors.Join(err, fmt.Errorf("it wrote %d messages only when it was stopped", w.lines-before))
	}
	return err
}
