package amqp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"belfry/shared/event"
	"belfry/shared/segment"
)

const (
	// suspectAfter is the number of deliveries from which on a message may be what ends the process. The broker counts
	// them for other reasons too: an index that was away, somebody else's end.
	suspectAfter = 5
	// maxAttempts is how often a message is tried alone without coming back before it is put away.
	maxAttempts = 3
	// maxAttemptFiles bounds the folder. Each end of the process leaves one file, so that this is many.
	maxAttemptFiles = 100
)

// attempts counts, on the disk, how often the process ended while it had a message alone. Of each message there is a
// file while it is tried, with the number of tries of which none came back; it goes when one does.
type attempts struct{ dir string }

// attempt is a file's content.
type attempt struct {
	Message  string    `json:"message"`
	Queue    string    `json:"queue"`
	Attempts int       `json:"attempts"`
	Last     time.Time `json:"last"`
}

// attemptKey is a message's own, whoever delivers it: senders may use each other's ids.
func attemptKey(m *Message) string {
	if m.MessageID == "" {
		return event.HashKey("body", m.Queue, string(m.Manifest), string(m.Body)).String()
	}
	return event.HashKey("id", m.Queue, m.UserID, m.MessageID).String()
}

func (a attempts) path(m *Message) string { return filepath.Join(a.dir, attemptKey(m)+".json") }

// begin notes an attempt, on the disk when it returns, and returns how many before it never came back. If those are
// too many, there is no other, and nothing is noted.
func (a attempts) begin(m *Message) (before int, err error) {
	if a.dir == "" {
		return 0, nil
	}
	path := a.path(m)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := a.makeRoom(); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, fmt.Errorf("read attempts: %w", err)
	default:
		var was attempt
		// A file that cannot be read was made for this message all the same.
		if json.Unmarshal(text, &was) != nil || was.Attempts < 1 {
			was.Attempts = 1
		}
		before = was.Attempts
	}
	if before >= maxAttempts {
		return before, nil
	}
	text, err = json.Marshal(attempt{m.MessageID, m.Queue, before + 1, time.Now().UTC()})
	if err != nil {
		return 0, fmt.Errorf("note attempt: %w", err)
	}
	if err := segment.ReplaceFile(path, text, 0o640); err != nil {
		return 0, fmt.Errorf("note attempt: %w", err)
	}
	return before, nil
}

// end forgets the attempts of a message: the last one came back.
func (a attempts) end(m *Message) error {
	if a.dir == "" {
		return nil
	}
	if err := os.Remove(a.path(m)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget attempts: %w", err)
	}
	return nil
}

// makeRoom makes the folder, and removes the oldest files where there are too many.
func (a attempts) makeRoom() error {
	if err := os.MkdirAll(a.dir, 0o750); err != nil {
		return fmt.Errorf("make folder of attempts: %w", err)
	}
	for {
		files, err := os.ReadDir(a.dir)
		if err != nil {
			return fmt.Errorf("read folder of attempts: %w", err)
		}
		if len(files) < maxAttemptFiles {
			return nil
		}
		if err := os.Remove(filepath.Join(a.dir, oldest(files))); err != nil {
			return fmt.Errorf("forget the oldest attempts: %w", err)
		}
	}
}

func oldest(files []fs.DirEntry) (name string) {
	var when time.Time
	for _, f := range files {
		info, err := f.Info()
		if err == nil && (name == "" || info.ModTime().Before(when)) {
			name, when = f.Name(), info.ModTime()
		}
	}
	return name
}
