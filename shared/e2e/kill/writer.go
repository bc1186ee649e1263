package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// beat is between two writes of a host.
const beat = 10 * time.Millisecond

// A line says of itself which it is:
//
//	2026-11-24T17:49:56.123456+00:00 web01 kill[1]: number=17 of=web01 and this is its end
const (
	stampLayout = "2006-01-02T15:04:05.000000-07:00"
	beforeNum   = " kill[1]: number="
	beforeHost  = " of="
	itsEnd      = " and this is its end"
)

func appendLine(dst []byte, host string, n int, at time.Time) []byte {
	dst = at.AppendFormat(dst, stampLayout)
	dst = append(append(dst, ' '), host...)
	dst = strconv.AppendInt(append(dst, beforeNum...), int64(n), 10)
	dst = append(append(dst, beforeHost...), host...)
	return append(append(dst, itsEnd...), '\n')
}

// readLine reads which line this is. ok is false if it is none, or not whole.
func readLine(line []byte) (host string, n int, ok bool) {
	_, rest, found1 := bytes.Cut(line, []byte(beforeNum))
	number, rest, found2 := bytes.Cut(rest, []byte(beforeHost))
	name, whole := bytes.CutSuffix(rest, []byte(itsEnd))
	n, err := strconv.Atoi(string(number))
	return string(name), n, found1 && found2 && whole && err == nil
}

// writer writes the lines of a host, numbered from 1, to one file.
type writer struct {
	host    string
	path    string
	written atomic.Int64
}

// write writes lines at a pace until ctx is done. It does not wait for anybody.
func (w *writer) write(ctx context.Context, perSecond int) error {
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	begin, n := time.Now(), 0
	var text []byte
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return f.Close()
		}
		now := time.Now()
		text = text[:0]
		for due := int(now.Sub(begin).Seconds() * float64(perSecond)); n < due; {
			n++
			text = appendLine(text, w.host, n, now)
		}
		if _, err := f.Write(text); err != nil {
			return fmt.Errorf("write the log of %s: %w", w.host, err)
		}
		w.written.Store(int64(n))
	}
}
