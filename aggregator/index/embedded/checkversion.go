package embedded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// CheckVersion says why this program would not open the index in a folder, as far as the head of its checkpoint tells: another
// version wrote it. It changes nothing, and may run beside the aggregator. No index is no fault, nor is one that may not be
// read.
func CheckVersion(dir string) error {
	path := filepath.Join(dir, "checkpoint")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, checkpointHeader))
	if err == nil {
		err = checkHeader(head)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
