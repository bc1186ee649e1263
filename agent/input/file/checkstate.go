package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"belfry/shared/segment"
)

// CheckState says why this program would not go on from the state in a folder: a later version wrote it. It changes
// nothing, and may run beside the agent. No state is no fault.
func CheckState(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := segment.Examine(dir, func(lsn uint64, rec []byte) error {
		var v struct {
			Version int `json:"v"`
		}
		if err := json.Unmarshal(rec, &v); err != nil {
			return fmt.Errorf("record %d: %w", lsn, err)
		}
		return knownVersion(lsn, v.Version)
	})
	if err != nil {
		return fmt.Errorf("read file state %s: %w", dir, err)
	}
	return nil
}

func knownVersion(lsn uint64, version int) error {
	if version > stateVersion {
		return fmt.Errorf("record %d has version %d, this program knows %d", lsn, version, stateVersion)
	}
	return nil
}
