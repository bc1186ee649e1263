package file

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"belfry/shared/event"
	"belfry/shared/segment"
)

// Doubt is what the agent cannot be sure of: bytes that may have been sent under another id, or an archive that is damaged.
type Doubt struct {
	At     time.Time
	Path   string
	Stream event.Key
	Epoch  uint64
	End    uint64 // what begins before is in doubt
	Reason string
}

// maxDoubts bounds what waits to be told.
const maxDoubts = 1000

// doubt notes what is to be told.
func (in *Input) doubt(c *content, path, reason string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.doubts) < maxDoubts {
		in.doubts = append(in.doubts, Doubt{in.now(), path, c.Stream, c.Epoch, max(c.Doubt, c.Top), reason})
	}
}

// Doubts returns what is to be told, and forgets it. It may be called from any goroutine.
func (in *Input) Doubts() []Doubt {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := in.doubts
	in.doubts = nil
	return all
}

// maskKeySize is the bytes of a key that this agent makes for itself.
const maskKeySize = 32

func drawMaskKey() ([]byte, error) {
	key := make([]byte, maskKeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("draw mask key: %w", err)
	}
	return key, nil
}

// CheckMaskKey says why the file of mask_key_file cannot be used, or nil.
func (c *Config) CheckMaskKey() error {
	if c.MaskKey == "" {
		return nil
	}
	_, err := maskKey(c, "")
	return err
}

// ownMaskKey is where an agent keeps the key that it drew.
func ownMaskKey(state string) string { return filepath.Join(state, "mask.key") }

// maskKey returns the key of the HMAC that stands for what is masked: that of the file that is configured, or one of this
// agent's own, which lies in its state. Without a state that is a key for this once.
func maskKey(c *Config, state string) ([]byte, error) {
	if len(c.Mask) == 0 {
		return nil, nil
	}
	path := c.MaskKey
	if path == "" && state == "" {
		return drawMaskKey()
	}
	if path == "" {
		path = ownMaskKey(state)
	}
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) < 16:
		return nil, fmt.Errorf("mask_key_file: %s has %d bytes, at least 16 are needed", path, len(key))
	case err == nil:
		return key, nil
	case c.MaskKey != "" || !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("mask_key_file: %w", err)
	}
	if key, err = drawMaskKey(); err != nil {
		return nil, err
	}
	return key, segment.ReplaceFile(path, key, 0o600)
}
