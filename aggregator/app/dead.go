package app

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	httpin "belfry/aggregator/receive/http"
	"belfry/shared/event"
	"belfry/shared/segment"
)

// maxDead bounds the folder of dead letters, in bytes. Beyond it a batch that cannot be taken is refused, and waits at
// its agent.
const maxDead = 1 << 30

// deadLetters keeps what can never be taken where there is no broker to keep it: one file a batch, with its reason. So
// the batches behind it go on.
type deadLetters struct {
	dir   string
	limit int64

	mu    sync.Mutex
	bytes int64
}

// letter is a file of the folder.
type letter struct {
	Reason   string    `json:"reason"`
	Sender   string    `json:"sender"` // common name of the certificate
	Received time.Time `json:"received"`
	Manifest []byte    `json:"manifest"` // as it came, in base64
	Body     []byte    `json:"body"`     // likewise

	Signature   []byte `json:"signature,omitempty"`
	Certificate []byte `json:"certificate,omitempty"`
}

// openDead makes the folder, and counts what is in it.
func openDead(dir string) (*deadLetters, error) {
	d := &deadLetters{dir: dir, limit: maxDead}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make folder of dead letters: %w", err)
	}
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		if err == nil {
			d.bytes += st.Size()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count dead letters: %w", err)
	}
	return d, nil
}

// bury writes a batch down, on the disk when it returns nil.
func (d *deadLetters) bury(b httpin.Batch, reason error) error {
	text, err := json.Marshal(letter{
		Reason: reason.Error(), Sender: b.Sender, Received: time.Now().UTC(), Manifest: b.Manifest, Body: b.Body,
		Signature: b.Proof.Signature, Certificate: b.Proof.Chain,
	})
	if err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	// The same batch again has the same name.
	path := filepath.Join(d.dir, event.HashKey(string(b.Manifest), string(b.Body)).String()+".json")
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if d.bytes+int64(len(text)) > d.limit {
		return fmt.Errorf("the dead letters in %s are more than %d bytes; this one: %w", d.dir, d.limit, reason)
	}
	if err := segment.ReplaceFile(path, text, 0o640); err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	d.bytes += int64(len(text))
	return nil
}
