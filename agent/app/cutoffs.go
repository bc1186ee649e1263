package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"belfry/agent/input/file"
	"belfry/shared/segment"
)

// relayPath is how the relay is called where files are called by their paths.
const relayPath = "syslog"

// cutOffs knows what the receiver has to be told and was not yet: when the relay was cut off, and how many messages were dropped. The
// file "running" is there while it runs, with a line for each: one that finds the file adds another.
type cutOffs struct {
	path string

	mu      sync.Mutex
	times   []time.Time // up to when something is known to have been kept
	handed  bool        // doubts has returned them
	before  uint64      // messages dropped before this process, that nobody was told of
	dropped uint64      // those, and the ones of this process
	heard   uint64      // of them, that the receiver knows of
	saved   uint64      // what the file says of those that it does not know of
}

// maxCutOffs bounds the list of one that is killed again and again.
const maxCutOffs = 100

// openCutOffs notes that the relay of a folder runs. In last is when something was written there last, before it was opened.
func openCutOffs(dir string, last time.Time) (*cutOffs, error) {
	c := &cutOffs{path: filepath.Join(dir, "running")}
	text, err := os.ReadFile(c.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read whether the relay was cut off: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if t, err := time.Parse(time.RFC3339, line); err == nil {
			c.times = append(c.times, t)
		}
		if n, ok := strings.CutPrefix(line, droppedWord); ok {
			c.before, _ = strconv.ParseUint(n, 10, 64) // 0 if it is none
		}
	}
	c.dropped, c.saved = c.before, c.before
	if err == nil && !strings.HasSuffix(string(text), endedWell) {
		c.times = append(c.times, last.UTC())
	}
	c.times = c.times[max(0, len(c.times)-maxCutOffs):]
	return c, c.save("")
}

// droppedWord begins the line with the number of messages.
const droppedWord = "dropped "

// endedWell is the last line after an ordered end, if there is still something to be told.
const endedWell = "ended\n"

func (c *cutOffs) save(end string) error {
	var text strings.Builder
	for _, t := range c.times {
		text.WriteString(t.Format(time.RFC3339) + "\n")
	}
	if n := c.dropped - c.heard; n > 0 {
		text.WriteString(droppedWord + strconv.FormatUint(n, 10) + "\n")
	}
	c.saved = c.dropped - c.heard
	if err := segment.ReplaceFile(c.path, []byte(text.String()+end), 0o600); err != nil {
		return fmt.Errorf("note that the relay runs: %w", err)
	}
	return nil
}

// doubts returns what is in doubt, once in each process.
func (c *cutOffs) doubts() (all []file.Doubt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handed {
		return nil
	}
	c.handed = true
	for _, t := range c.times {
		all = append(all, file.Doubt{
			Path: relayPath, At: time.Now(),
			Reason: "the relay was cut off after " + t.Format(time.RFC3339) + ": what senders had written over UDP, TCP or a " +
				"unix socket, and it had not kept, is lost, and nobody can count all of it; over RELP nothing is",
		})
	}
	return all
}

// told notes that the receiver has what doubts returned.
func (c *cutOffs) told() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.times) == 0 {
		return nil
	}
	c.times = nil
	return c.save("")
}

// count notes how many messages this process has dropped, and returns how many the receiver is to be told of: with those of
// former ones that it did not hear of.
func (c *cutOffs) count(dropped uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped = c.before + dropped
	return c.dropped
}

// hear notes that the receiver knows of so many of them.
func (c *cutOffs) hear(dropped uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = max(c.heard, min(dropped, c.dropped))
}

// keep brings the number of those that the receiver does not know of to the disk, if it has changed.
func (c *cutOffs) keep() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped-c.heard == c.saved {
		return nil
	}
	return c.save("")
}

// end notes an ordered end, which may have left something all the same.
func (c *cutOffs) end(left bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left {
		c.times = append(c.times, time.Now().UTC())
	}
	if len(c.times) > 0 || c.dropped > c.heard {
		return c.save(endedWell)
	}
	return os.Remove(c.path)
}

// lastKept is when something below a folder was written last; zero if that is not known.
func lastKept(dir string) (last time.Time) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be looked at tells nothing
		}
		if st, err := d.Info(); err == nil && st.ModTime().After(last) && strings.HasSuffix(d.Name(), ".seg") {
			last = st.ModTime()
		}
		return nil
	})
	return last
}
