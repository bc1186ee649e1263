package archive

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

const (
	// keptPoints is how many points of a key are kept, ever further apart backwards: what goes on some way behind the
	// newest has one as near as about that way again.
	keptPoints = 8
	// maxPointName keeps the name of a file, an escaped key with the offset, below what file systems take.
	maxPointName = 200
)

// Points keeps the last points of many archives in a folder, each in a file KEY.OFFSET: the key escaped as in a query,
// the content before the point in 16 hexadecimal digits; what is in it is Point's encoding. A key has 8 at most.
//
// A file has its name only when it was written whole. It is not forced to the disk: what a power cut takes or spoils is
// found by its checksum and passed over, and costs the time of decoding again.
type Points struct {
	dir string

	mu   sync.Mutex
	keys map[string][]uint64 // the offsets of a key, ascending; never none
}

// OpenPoints opens a folder of points, and makes it if need be. It removes what an earlier process did not finish.
func OpenPoints(dir string) (*Points, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open checkpoints: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open checkpoints: %w", err)
	}
	s := &Points{dir: dir, keys: map[string][]uint64{}}
	for _, e := range entries {
		if key, at, ok := parsePointName(e.Name()); ok {
			s.keys[key] = append(s.keys[key], at)
		} else if strings.HasSuffix(e.Name(), unfinished) {
			os.Remove(filepath.Join(dir, e.Name())) //nolint:errcheck // it only takes room
		}
	}
	for _, offsets := range s.keys {
		slices.Sort(offsets)
	}
	return s, nil
}

const unfinished = ".new"

func pointName(key string, at uint64) string {
	return fmt.Sprintf("%s.%016x", url.QueryEscape(key), at)
}

func parsePointName(name string) (key string, at uint64, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || len(name)-i-1 != 16 {
		return "", 0, false
	}
	b, err := hex.DecodeString(name[i+1:])
	if err != nil {
		return "", 0, false
	}
	for _, c := range b {
		at = at<<8 | uint64(c)
	}
	key, err = url.QueryUnescape(name[:i])
	return key, at, err == nil && pointName(key, at) == name
}

// Save keeps a point under a key, in the place of one with the same Content, and drops one if there are too many. After
// an error, as of a full disk, everything is as it was.
func (s *Points) Save(key string, p Point) error {
	name := pointName(key, p.Content)
	if key == "" || len(name) > maxPointName {
		return fmt.Errorf("save checkpoint: a key of %d bytes", len(key))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, name)
	err := os.WriteFile(path+unfinished, p.AppendTo(make([]byte, 0, MaxPointSize)), 0o600)
	if err == nil {
		err = os.Rename(path+unfinished, path)
	}
	if err != nil {
		return fmt.Errorf("save checkpoint: %w", errors.Join(err, ignoreMissing(os.Remove(path+unfinished))))
	}
	s.add(key, p.Content)
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// add notes a point that was written, and thins out those of its key.
func (s *Points) add(key string, at uint64) {
	offsets := s.keys[key]
	if i, found := slices.BinarySearch(offsets, at); !found {
		offsets = slices.Insert(offsets, i, at)
	}
	for len(offsets) > keptPoints {
		i := leastMissed(offsets)
		os.Remove(filepath.Join(s.dir, pointName(key, offsets[i]))) //nolint:errcheck // gone, or it takes room
		offsets = slices.Delete(offsets, i, i+1)
	}
	s.keys[key] = offsets
}

// leastMissed picks which of ascending offsets to drop: the one that leaves the smallest gap for its distance from the
// newest, which stays. The beginning of the content counts as a point that is always there.
func leastMissed(offsets []uint64) int {
	newest, best, least, previous := offsets[len(offsets)-1], 0, math.Inf(1), uint64(0)
	for i, at := range offsets[:len(offsets)-1] {
		if gap := float64(offsets[i+1]-previous) / float64(newest-at); gap < least {
			best, least = i, gap
		}
		previous = at
	}
	return best
}

// Before returns the last sound point of a key whose Content is at most at.
func (s *Points) Before(key string, at uint64) (Point, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, offset := range slices.Backward(s.keys[key]) {
		if offset > at {
			continue
		}
		if p, err := s.load(key, offset); err == nil {
			return p, true
		}
	}
	return Point{}, false
}

func (s *Points) load(key string, at uint64) (Point, error) {
	f, err := os.Open(filepath.Join(s.dir, pointName(key, at)))
	if err != nil {
		return Point{}, err
	}
	defer f.Close()
	b := make([]byte, MaxPointSize+1)
	n, err := f.ReadAt(b, 0)
	if n == 0 {
		return Point{}, err
	}
	p, err := ParsePoint(b[:n])
	if err == nil && p.Content != at {
		err = errPoint
	}
	return p, err
}

// Forget drops the points of a key.
func (s *Points) Forget(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forget(key)
}

func (s *Points) forget(key string) error {
	var failed []error
	for _, at := range s.keys[key] {
		failed = append(failed, ignoreMissing(os.Remove(filepath.Join(s.dir, pointName(key, at)))))
	}
	delete(s.keys, key)
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("forget checkpoints: %w", err)
	}
	return nil
}

// Keys returns the keys that have points, sorted.
func (s *Points) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]string, 0, len(s.keys))
	for k := range s.keys {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Sweep drops the points of all keys but those to keep.
func (s *Points) Sweep(keep func(key string) bool) error {
	var failed []error
	for _, key := range s.Keys() {
		if !keep(key) {
			failed = append(failed, s.Forget(key))
		}
	}
	return errors.Join(failed...)
}
