package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"belfry/agent/input/file"
	"belfry/shared/segment"
)

// relayPath is how the relay is called where files are called by their paths.
const relayPath = "syslog"

// cutOffs knows when the relay was cut off, until the receiver has been told. The file "running" is there while it runs, with a
// line for each time that nobody was told of yet: one that finds the file adds another.
type cutOffs struct {
	path string

	mu     sync.Mutex
	times  []time.Time // up to when something is known to have been kept
	handed bool        // doubts has returned them
}

// maxCutOffs bounds the list of one that is killed again and again.
const maxCutOffs = 100

// openCutOffs notes that the relay of a folder runs.
func openCutOffs(dir string) (*cutOffs, error) {
	c := &cutOffs{path: filepath.Join(dir, "running")}
	last := lastKept(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	text, err := os.ReadFile(c.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read whether the relay was cut off: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if t, err := time.Parse(time.RFC3339, strings.TrimSpace(line)); err == nil {
			c.times = append(c.times, t)
		}
	}
	if err == nil && !strings.HasSuffix(string(text), endedWell) {
		c.times = append(c.times, last.UTC())
	}
	c.times = c.times[max(0, len(c.times)-maxCutOffs):]
	return c, c.save("")
}

// endedWell is the last line after an ordered end, if there is still something to be told.
const endedWell = "ended\n"

func (c *cutOffs) save(end string) error {
	var text strings.Builder
	for _, t := range c.times {
		text.WriteString(t.Format(time.RFC3339) + "\n")
	}
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
				"unix socket, and it had not kept, is lost, and nobody can count it; over RELP nothing is",
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

// end notes an ordered end.
func (c *cutOffs) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.times) > 0 {
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
		if st, err := d.Info(); err == nil && st.ModTime().After(last) && !d.IsDir() {
			last = st.ModTime()
		}
		return nil
	})
	return last
}
