package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Doubts says what is valid but probably not meant: a disk that has no room for what the spool may hold. Each begins with its key.
// The folder need not be there yet.
func Doubts(dir string, cfg Config) []string {
	free, err := freeBytes(dir)
	for errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
		dir = filepath.Dir(dir)
		free, err = freeBytes(dir)
	}
	if err != nil {
		return nil // who cannot look says nothing
	}
	switch {
	case free < cfg.minFree():
		return []string{fmt.Sprintf("min_free: the file system of %s has %d bytes free, and %d are to stay free: nothing is taken", dir, free, cfg.minFree())}
	case free-cfg.minFree() < cfg.maxBytes():
		return []string{fmt.Sprintf("max_bytes: the file system of %s has %d bytes free: senders will be held up before the spool has %d",
			dir, free, cfg.maxBytes())}
	}
	return nil
}

// slack is for what a message has beside its text.
const slack = 1 << 10

// MaxMessage is the longest message, in bytes, that fits.
func (c Config) MaxMessage() int64 { return int64(c.maxPayload()) - slack }
