package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"belfry/shared/segment"
)

// Files is a Store in a folder: one file an agent, AGENT.ledger, and one an epoch that has ended, AGENT-STREAM-EPOCH.ledger.
// A file is 8 bytes, its sequence number (big-endian), and the document. It is replaced as a whole. Any number of
// goroutines and processes may use one folder at once; whoever writes holds a lock on the file "lock" in it.
type Files struct{ dir string }

// OpenFiles makes the folder if it is not there.
func OpenFiles(dir string) (*Files, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make folder of ledgers: %w", err)
	}
	return &Files{dir}, nil
}

const suffix = ".ledger"

func (f *Files) path(n Name) string { return filepath.Join(f.dir, n.String()+suffix) }

// Load is Store's.
func (f *Files) Load(_ context.Context, n Name) (document []byte, v Version, err error) {
	b, err := os.ReadFile(f.path(n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, v, nil
	}
	if err != nil {
		return nil, v, fmt.Errorf("read ledger: %w", err)
	}
	if len(b) < 8 {
		return nil, v, fmt.Errorf("%s: damaged: %d bytes", f.path(n), len(b))
	}
	return b[8:], Version{Seq: binary.BigEndian.Uint64(b)}, nil
}

// Save is Store's.
func (f *Files) Save(ctx context.Context, n Name, document []byte, v Version) (err error) {
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	_, now, err := f.Load(ctx, n)
	if err != nil {
		return err
	}
	if now != v {
		return ErrConflict
	}
	b := append(binary.BigEndian.AppendUint64(nil, v.Seq+1), document...)
	if err := segment.ReplaceFile(f.path(n), b, 0o640); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// lock waits for its turn to write.
func (f *Files) lock() (unlock func() error, err error) {
	l, err := os.OpenFile(filepath.Join(f.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock ledgers: %w", err)
	}
	for {
		err = syscall.Flock(int(l.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock ledgers: %w", errors.Join(err, l.Close()))
	}
	return l.Close, nil // which gives the lock back
}

// Names is Store's.
func (f *Files) Names(_ context.Context, fn func(Name) error) error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return fmt.Errorf("list ledgers: %w", err)
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		n, err := ParseName(base)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(f.dir, e.Name()), err)
		}
		if err := fn(n); err != nil {
			return err
		}
	}
	return nil
}
