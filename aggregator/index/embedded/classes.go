package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"belfry/aggregator/index"
	"belfry/shared/batch"
)

// A storage has one retention, so each class of events has a storage of its own: a shelf. That of index.DefaultClass
// is the folder rows/, as it was before there were classes; the others are rows-CLASS/. A shelf is opened when the
// first event of its class comes, or if its folder is there. A class that the configuration does not name is kept as
// long as the default one.

// tagClass says that an event's class cannot have a shelf of its own, and that it is kept as one of the default class.
const tagClass = "class_refused"

// shelf is the storage of a class.
type shelf struct {
	class   string
	dir     string
	keep    time.Duration
	storage *logstorage.Storage
	fresh   atomic.Bool // rows were added that a search would not see yet
}

// shelves are those that are open.
type shelves struct {
	mu     sync.RWMutex
	open   []*shelf // that of the default class first, the others as they were opened
	closed bool
}

// all returns the shelves that are open. Nobody may change the list.
func (s *shelves) all() []*shelf {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clip(s.open)
}

func (s *shelves) find(class string) *shelf {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.findLocked(class)
}

func (s *shelves) findLocked(class string) *shelf {
	for _, f := range s.open {
		if f.class == class {
			return f
		}
	}
	return nil
}

// shelf returns that of a class, and opens it if it is not there: while there are fewer than most, or else it returns
// nil. So it does for a class that cannot be one, and when the index is closed.
func (x *Index) shelf(class string, most int) *shelf {
	if f := x.shelves.find(class); f != nil {
		return f
	}
	s := &x.shelves
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.findLocked(class); f != nil {
		return f
	}
	if s.closed || len(s.open) >= most || class != index.DefaultClass && !batch.ValidClass(class) {
		return nil
	}
	f := &shelf{class: class, dir: shelfDir(x.cfg.Dir, class), keep: x.cfg.keep(class)}
	f.storage = logstorage.MustOpenStorage(f.dir, &logstorage.StorageConfig{
		Retention:       f.keep + 24*time.Hour, // the guards are stricter, so that nothing is dropped in silence
		FutureRetention: century,
		FlushInterval:   flushInterval,
	})
	s.open = append(s.open, f)
	return f
}

// shelfOf returns that of an item, and writes into the item to which class it goes. It is nil for an index that is
// closed.
func (x *Index) shelfOf(it *index.Item) *shelf {
	if it.Class == "" {
		it.Class = index.DefaultClass
	}
	if f := x.shelves.find(it.Class); f != nil {
		return f
	}
	if f := x.shelf(it.Class, x.roomFor(it.Class)); f != nil {
		return f
	}
	if it.Class != index.DefaultClass {
		it.Class = index.DefaultClass
		it.Event.Add("tags", tagClass)
	}
	return x.shelves.find(index.DefaultClass)
}

// roomFor returns how many shelves there may be with that of a class: those that the configuration names have theirs
// whatever comes.
func (x *Index) roomFor(class string) int {
	if _, named := x.cfg.Classes[class]; named {
		return maxClasses
	}
	room := maxClasses
	for class := range x.cfg.Classes {
		if x.shelves.find(class) == nil {
			room--
		}
	}
	return room
}

const (
	rowsDir     = "rows"
	shelfPrefix = rowsDir + "-"
)

// shelfDir returns the folder of a class in that of an index.
func shelfDir(dir, class string) string {
	if class == index.DefaultClass {
		return filepath.Join(dir, rowsDir)
	}
	return filepath.Join(dir, shelfPrefix+class)
}

// shelfClasses returns the classes that have a folder in dir, that of the default class first.
func shelfClasses(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list index folder: %w", err)
	}
	classes := []string{index.DefaultClass}
	for _, e := range entries {
		class, ok := strings.CutPrefix(e.Name(), shelfPrefix)
		if ok && class != index.DefaultClass && batch.ValidClass(class) {
			classes = append(classes, class)
		}
	}
	return classes, nil
}

// openShelves opens the shelves that are there, and removes those of classes that are over: no configuration names
// them, and they hold no day any more.
func (x *Index) openShelves() error {
	classes, err := shelfClasses(x.cfg.Dir)
	if err != nil {
		return err
	}
	for _, class := range classes {
		dir := shelfDir(x.cfg.Dir, class)
		if err := os.RemoveAll(filepath.Join(dir, goneDir)); err != nil {
			return fmt.Errorf("remove days that are over: %w", err)
		}
		if _, named := x.cfg.Classes[class]; !named && class != index.DefaultClass && emptyShelf(dir) {
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("remove a class that is over: %w", err)
			}
			continue
		}
		f := x.shelf(class, len(classes))
		x.dropSnapshots(f, f.storage.PartitionSnapshotList())
	}
	return nil
}

// daysDir is where logstorage has a folder for each day.
const daysDir = "partitions"

// emptyShelf reports whether there is no day in a shelf's folder.
func emptyShelf(dir string) bool {
	days, err := os.ReadDir(filepath.Join(dir, daysDir))
	return errors.Is(err, fs.ErrNotExist) || err == nil && len(days) == 0
}

// closeShelves writes all rows, and closes. Nobody may use a shelf any more.
func (x *Index) closeShelves() {
	s := &x.shelves
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, f := range s.open {
		f.storage.MustClose()
	}
	s.open = nil
}

// borrow returns the shelves for reading, until the caller calls done, or index.ErrClosed.
func (x *Index) borrow() (all []*shelf, done func(), err error) {
	x.searches.RLock()
	if all = x.shelves.all(); len(all) == 0 {
		x.searches.RUnlock()
		return nil, nil, index.ErrClosed
	}
	return all, x.searches.RUnlock, nil
}

// days returns the days of a shelf that have rows, in order.
func (f *shelf) days() ([]time.Time, error) {
	names := f.storage.PartitionList()
	days := make([]time.Time, len(names))
	for i, name := range names {
		var err error
		if days[i], err = time.Parse(dayName, name); err != nil {
			return nil, fmt.Errorf("day of the storage: %w", err)
		}
	}
	return days, nil
}

// dayName is how logstorage names a day.
const dayName = "20060102"
