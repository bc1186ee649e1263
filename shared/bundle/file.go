package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Save writes a bundle into a new file that its owner alone may read, and prints to list what is in it. Without a path it is
// a file in the working directory.
func Save(ctx context.Context, d Daemon, path string, list io.Writer) (err error) {
	path = cmp.Or(path, Folder(d.Name, time.Now())+".tar.gz")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	entries, err := Write(ctx, d, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the bundle: %w", errors.Join(err, os.Remove(path)))
	}
	for _, e := range entries {
		if _, err := fmt.Fprintf(list, "%8d  %s\n", e.Bytes, e.Name); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(list, "%s: %d files, without secrets, log lines and events; look through it before you give it away\n", path, len(entries))
	return err
}
