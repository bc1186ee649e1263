package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Program is the name by which the feeder's numbered lines can be found.
const Program = "feeder"

const (
	keepArchives = 8               // rotated files that stay, as in a usual logrotate.conf
	headerLen    = len(time.Stamp) // of the time in an RFC 3164 header
	maxWritten   = 100_000         // lines remembered; a demo may run for days
)

// Written is one line that went into the file, and when its write returned.
type Written struct {
	At   time.Time
	Line string
}

// Feeder writes an auth.log as a syslog daemon does, and rotates it as logrotate does: renamed, written to for a little
// longer through the descriptor that is open, then compressed by gzip. It is safe for concurrent use.
type Feeder struct {
	dir, host string

	mu      sync.Mutex
	live    *os.File
	numbers int
	rotated int
	log     []Written
}

// OpenFeeder starts an empty auth.log in dir, of a host of that name.
func OpenFeeder(dir, host string) (*Feeder, error) {
	f := &Feeder{dir: dir, host: host}
	return f, f.open()
}

func (f *Feeder) open() (err error) {
	f.live, err = os.OpenFile(f.Path(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	return nil
}

// Path is the name of the live file.
func (f *Feeder) Path() string { return filepath.Join(f.dir, "auth.log") }

// Write appends one line, "program[pid]: text", with the present time and the host in front.
func (f *Feeder) Write(line string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.write(stamp(time.Now(), f.host, line))
}

// Number appends the next of the numbered lines.
func (f *Feeder) Number() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.number()
}

func (f *Feeder) number() error {
	f.numbers++
	return f.write(stamp(time.Now(), f.host, fmt.Sprintf("%s[%d]: number %d", Program, os.Getpid(), f.numbers)))
}

func (f *Feeder) write(line string) error {
	if _, err := f.live.WriteString(line + "\n"); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	if len(f.log) >= maxWritten {
		f.log = append([]Written(nil), f.log[maxWritten/2:]...)
	}
	f.log = append(f.log, Written{time.Now(), line})
	return nil
}

func stamp(now time.Time, host, line string) string {
	return now.Format(time.Stamp) + " " + host + " " + line
}

var numbered = regexp.MustCompile(Program + `\[\d+\]: number (\d+)$`)

// NumberOf reads the number of a numbered line.
func NumberOf(line string) (int, bool) {
	m := numbered.FindStringSubmatch(line)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// Numbers is how many numbered lines were written: 1 up to this.
func (f *Feeder) Numbers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.numbers
}

// Rotations is how many times the file was rotated and compressed.
func (f *Feeder) Rotations() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rotated
}

// Written returns the lines so far that hold a text, in order; the oldest of very many are forgotten.
func (f *Feeder) Written(text string) []Written {
	f.mu.Lock()
	defer f.mu.Unlock()
	var some []Written
	for _, w := range f.log {
		if strings.Contains(w.Line, text) {
			some = append(some, w)
		}
	}
	return some
}

// Replay writes recorded lines, one each pace, under the present time and the feeder's host, each followed by a
// numbered one. A recorded line without an RFC 3164 header (a message's second line) stays as it is.
func (f *Feeder) Replay(ctx context.Context, lines []string, pace time.Duration) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for _, line := range lines {
		if err := errors.Join(f.again(line), f.Number()); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (f *Feeder) again(line string) error {
	rest, ok := afterHeader(line)
	if ok {
		return f.Write(rest)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.write(line)
}

// afterHeader is what follows the time and the host of an RFC 3164 line.
func afterHeader(line string) (string, bool) {
	if len(line) <= headerLen {
		return "", false
	}
	if _, err := time.Parse(time.Stamp, line[:headerLen]); err != nil {
		return "", false
	}
	_, rest, ok := strings.Cut(strings.TrimPrefix(line[headerLen:], " "), " ")
	return rest, ok
}

// Rotate renames auth.log to auth.log.1 (and what was .1.gz to .2.gz, and so on), writes late numbered lines to it as a
// daemon does that was not yet told, begins a new auth.log, and compresses the old one.
func (f *Feeder) Rotate(ctx context.Context, late int) error {
	old, err := f.swap(late)
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	if out, err := exec.CommandContext(ctx, "gzip", old).CombinedOutput(); err != nil {
		return fmt.Errorf("gzip %s: %w: %s", old, err, out)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rotated++
	return nil
}

// swap does the part of a rotation during which nobody else may write. It returns the name of the old file.
func (f *Feeder) swap(late int) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := keepArchives; n > 0; n-- {
		err := os.Rename(f.archive(n), f.archive(n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	old := f.Path() + ".1"
	if err := os.Rename(f.Path(), old); err != nil {
		return "", err
	}
	for range late {
		if err := f.number(); err != nil {
			return "", err
		}
	}
	if err := f.live.Close(); err != nil {
		return "", err
	}
	return old, f.open()
}

func (f *Feeder) archive(n int) string { return fmt.Sprintf("%s.%d.gz", f.Path(), n) }

// Close closes the live file; the files stay.
func (f *Feeder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.live.Close()
}
