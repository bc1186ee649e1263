package app

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The states of an erasure.
const (
	erasureBegun       = "begun"
	erasureDone        = "done"
	erasureFailed      = "failed"      // on its way: some of it may be gone
	erasureInterrupted = "interrupted" // the aggregator ended on its way; never in the file
)

// erasure is the record of who erased what, and why.
type erasure struct {
	ID     string     `json:"id"`
	State  string     `json:"state"`
	At     time.Time  `json:"at"` // when it was begun
	By     string     `json:"by"`
	Proof  string     `json:"proof"`             // of who that is: socket or token
	Peer   string     `json:"address,omitempty"` // from where, if not on the aggregator's machine
	Query  string     `json:"query"`
	From   *time.Time `json:"from,omitempty"`
	To     *time.Time `json:"to,omitempty"`
	Reason string     `json:"reason"`
	Gone   uint64     `json:"gone"` // events
	Took   float64    `json:"seconds,omitempty"`
	Error  string     `json:"error,omitempty"`
}

// erasures is the file of the records, erasures.ndjson in the state: a line when one is begun, on the disk before the
// first event goes, and a line when it has ended, which counts instead. Nobody shortens it.
type erasures struct {
	path    string
	mu      sync.Mutex
	running string // id
}

var errErasing = errors.New("another erasure is under way")

// begin writes down that an erasure begins. Until end there is no other one.
func (f *erasures) begin(e erasure) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running != "" {
		return errErasing
	}
	if err := f.append(e); err != nil {
		return err
	}
	f.running = e.ID
	return nil
}

// end writes down what came of it.
func (f *erasures) end(e erasure) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = ""
	return f.append(e)
}

// append writes a line, and waits until it is on the disk. What a power cut left of one before is ended first.
func (f *erasures) append(e erasure) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write erasures: %w", err)
	}
	_, err = os.Stat(f.path)
	fresh := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("write erasures: %w", err)
	}
	if st, err := file.Stat(); err == nil && st.Size() > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, st.Size()-1); err != nil || last[0] != '\n' {
			text = append([]byte{'\n'}, text...)
		}
	}
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write erasures: %w", err)
	}
	if !fresh {
		return nil
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return fmt.Errorf("write erasures: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// list returns all erasures, the first one first. What a power cut left of a line is passed over: what it would have told
// had not begun, or is told by the line of its beginning.
func (f *erasures) list() ([]erasure, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	defer file.Close()
	var all []erasure
	places := make(map[string]int)
	in := bufio.NewReader(file)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read erasures: %w", err)
		}
		var e erasure
		if bad := json.Unmarshal(line, &e); len(line) > 1 && bad == nil {
			if i, known := places[e.ID]; known {
				all[i] = e
			} else {
				places[e.ID] = len(all)
				all = append(all, e)
			}
		}
		if err != nil {
			break
		}
	}
	for i := range all {
		if all[i].State == erasureBegun && all[i].ID != f.running {
			all[i].State = erasureInterrupted
		}
	}
	return all, nil
}
