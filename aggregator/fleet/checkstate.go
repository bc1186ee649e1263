package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// inUse is how long a file may be locked before it is taken for one that an aggregator has open, which knows its format.
const inUse = 100 * time.Millisecond

// CheckState says why this program would not open a file: another version wrote it. It changes nothing, and may run beside
// the aggregator. No file is no fault, nor is one that may not be read.
func CheckState(path string) error {
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	bolt, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: inUse})
	switch {
	case errors.Is(err, berrors.ErrTimeout), errors.Is(err, fs.ErrPermission):
		return nil
	case err != nil:
		return fmt.Errorf("open fleet %s: %w", path, err)
	}
	err = bolt.View(func(tx *bbolt.Tx) error {
		state := tx.Bucket([]byte(bucketState))
		if state == nil {
			return nil // it was just begun
		}
		return knownVersion(state)
	})
	if err != nil {
		err = fmt.Errorf("open fleet %s: %w", path, err)
	}
	return errors.Join(err, bolt.Close())
}

func knownVersion(state *bbolt.Bucket) error {
	if v := state.Get([]byte("version")); v != nil && string(v) != dbVersion {
		return fmt.Errorf("its format is version %q, and this program knows %s", v, dbVersion)
	}
	return nil
}
