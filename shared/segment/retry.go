package segment

import (
	"fmt"
	"os"
)

// Retry lets the log go on after a write that failed, for want of room, say. What the write has left in the file is cut off;
// what was appended and not written is still in memory, and goes with the next Flush or Sync. After a sync that failed it
// returns that error, and the log must be opened again: the system may have dropped what it could not write, and it tells so
// only once.
func (l *Log) Retry() error {
	if err := l.doubted(); err != nil {
		return err
	}
	if l.err == nil {
		return nil
	}
	if l.file == nil {
		return l.err
	}
	if err := l.file.Truncate(l.size - int64(len(l.buf))); err != nil {
		return fmt.Errorf("cut what a write left: %w", err)
	}
	l.kept, l.err = 0, nil
	return nil
}

// Abandon closes a log after a failure, and cuts from its last segment what is not known to be on the disk: the file may
// still show what a failed sync has lost. It returns the lsn behind the last record that stays. When it fails it may be
// called again.
func (l *Log) Abandon() (next uint64, err error) {
	l.doubt(os.ErrClosed)
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	if l.err == nil {
		l.err = os.ErrClosed
	}
	l.mu.Lock()
	last := *l.last()
	l.mu.Unlock()
	return last.next, cutFile(l.disk, last.path, last.end)
}

// doubt has every later sync fail.
func (l *Log) doubt(err error) {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if l.unsure == nil {
		l.unsure = err
	}
}

func (l *Log) doubted() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	return l.unsure
}

// Retries reports whether Retry may ever succeed.
func (l *Log) Retries() bool { return l.doubted() == nil }
