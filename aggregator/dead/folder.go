package dead

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"belfry/shared/event"
	"belfry/shared/segment"
)

// DefaultLimit bounds a Folder unless told otherwise, in bytes.
const DefaultLimit = 1 << 30

// suffix of a letter's file. Its name is the letter's id.
const suffix = ".letter"

// ErrFolderFull says that a Folder takes no more: the message must wait with its sender.
var ErrFolderFull = errors.New("the folder of dead letters is full")

// Folder keeps letters where there is no broker: one file each, named by the id, so that the same letter again is the
// same file. Other files are left alone.
type Folder struct {
	dir   string
	limit int64

	mu    sync.Mutex
	bytes int64
	count int
}

// OpenFolder makes the folder, and counts what is in it. With limit 0, that is DefaultLimit.
func OpenFolder(dir string, limit int64) (*Folder, error) {
	if limit == 0 {
		limit = DefaultLimit
	}
	f := &Folder{dir: dir, limit: limit}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make folder of dead letters: %w", err)
	}
	_, err := f.entries()
	return f, err
}

// Where says where the letters are, for people.
func (f *Folder) Where() string { return f.dir }

// Count returns the number of letters.
func (f *Folder) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

func (f *Folder) path(l *Letter) string { return filepath.Join(f.dir, l.ID.String()+suffix) }

// Bury writes a letter down: it is on the disk when Bury returns nil. A letter that is there already stays as it is,
// unless this one has been retried more often.
func (f *Folder) Bury(_ context.Context, l *Letter) error {
	text, err := l.Marshal()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	path, grows := f.path(l), int64(len(text))
	st, err := os.Stat(path)
	there := err == nil
	switch {
	case there:
		if old, err := f.read(path); err == nil && old.Retries >= l.Retries {
			return nil
		}
		grows -= st.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look for letter: %w", err)
	case f.bytes+grows > f.limit:
		return fmt.Errorf("%w: %d bytes in %s, at most %d", ErrFolderFull, f.bytes, f.dir, f.limit)
	}
	if err := segment.ReplaceFile(path, text, 0o640); err != nil {
		return fmt.Errorf("write letter: %w", err)
	}
	_ = os.Chtimes(path, time.Time{}, l.Received) // for the order alone
	f.bytes += grows
	if !there {
		f.count++
	}
	return nil
}

// Visit calls fn for each letter that is there when it begins, oldest first, until fn fails. A letter of which fn says
// Remove is removed then. A file that is damaged is a letter that says so.
func (f *Folder) Visit(ctx context.Context, fn func(*Letter) (Verdict, error)) error {
	entries, err := f.entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := f.read(e.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody else has removed it meanwhile
		}
		if err != nil {
			l = e.damaged(err)
		}
		verdict, err := fn(l)
		if verdict == Remove {
			err = errors.Join(err, f.remove(e.path))
		}
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	st, err := os.Stat(path)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove letter: %w", err)
	}
	f.count, f.bytes = f.count-1, f.bytes-st.Size()
	return nil
}

func (f *Folder) read(path string) (*Letter, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read letter: %w", err)
	}
	l, err := Unmarshal(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// entry is a letter's file.
type entry struct {
	id      event.Key
	path    string
	size    int64
	written time.Time
}

// damaged stands for a letter that cannot be read, so that it can be looked at and dropped, and hides no other.
func (e *entry) damaged(err error) *Letter {
	return &Letter{
		ID: e.id, Class: Undecodable, Reason: cutText("the letter itself is damaged: "+err.Error(), maxReason),
		Received: e.written.UTC(), Message: Message{Bytes: int(e.size)},
	}
}

// entries lists the letters, oldest first, counts them, for somebody may have moved files by hand, and removes what a
// power cut left of one that was being written.
func (f *Folder) entries() ([]entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	files, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	var all []entry
	f.bytes = 0
	for _, d := range files {
		path := filepath.Join(f.dir, d.Name())
		if strings.HasSuffix(d.Name(), suffix+".new") { // nobody writes one now: mu is held
			err = errors.Join(err, os.Remove(path))
		}
		name, isLetter := strings.CutSuffix(d.Name(), suffix)
		id, idErr := event.ParseKey(name)
		if st, infoErr := d.Info(); isLetter && idErr == nil && infoErr == nil {
			all = append(all, entry{id, path, st.Size(), st.ModTime()})
			f.bytes += st.Size()
		}
	}
	f.count = len(all)
	slices.SortStableFunc(all, func(a, b entry) int { return a.written.Compare(b.written) })
	return all, err
}
