package embedded

import (
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// logstorage puts the rows of one stream, which are near in time, into one block, when they are flushed and again
// whenever it merges. A row with which the names of the block's columns would be too many (as many as they are and all
// those of the row together) is dropped, with a line in its log. So a sender of ever new names could make the rows of
// others vanish. columnSets keeps that from happening: every row goes to a set of names that has all of its names, and
// the set is a part of what makes a stream. Sets of two processes, or of two days, are never the same.
type columnSets struct {
	mu    sync.Mutex
	sets  []columnSet
	first string // of the ids of this process
	given int
}

// columnSet is the names that the rows of a set may have. It only grows.
type columnSet struct {
	id    string
	names map[string]struct{}
}

const (
	blockColumns = 2000             // as logstorage counts them
	setColumns   = blockColumns / 2 // names of a set, and of a row
	maxSets      = 16               // that grow at a time
)

func newColumnSets() *columnSets {
	return &columnSets{first: strconv.FormatUint(rand.Uint64(), 36) + "."}
}

// reset makes all rows go to new sets.
func (s *columnSets) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sets = s.sets[:0]
}

// find returns the id of a set for a row, and whether it is the one to which the usual rows go. A set that has all the
// names is preferred to one that has room for them.
func (s *columnSets) find(fields []logstorage.Field) (id string, usual bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := -1
	for i := range s.sets {
		missing := s.sets[i].missing(fields)
		if missing == 0 {
			return s.sets[i].id, i == 0
		}
		if at < 0 && len(s.sets[i].names)+missing <= setColumns {
			at = i
		}
	}
	if at < 0 {
		at = s.begin()
	}
	for i := range fields {
		s.sets[at].names[fields[i].Name] = struct{}{}
	}
	return s.sets[at].id, at == 0
}

func (c columnSet) missing(fields []logstorage.Field) (n int) {
	for i := range fields {
		if _, ok := c.names[fields[i].Name]; !ok {
			n++
		}
	}
	return n
}

// begin makes an empty set, in the place of the last one if there are too many, and returns where it is.
func (s *columnSets) begin() int {
	s.given++
	c := columnSet{s.first + strconv.Itoa(s.given), make(map[string]struct{})}
	if len(s.sets) == maxSets {
		s.sets[maxSets-1] = c
	} else {
		s.sets = append(s.sets, c)
	}
	return len(s.sets) - 1
}

// knownSets remembers to which set the rows with the same names go: most rows are like one before. It is not safe for
// concurrent use.
type knownSets map[uint64]knownSet

type knownSet struct {
	id    string
	usual bool
}

// maxKnownSets bounds what is remembered: senders choose the names.
const maxKnownSets = 4096

func (k knownSets) find(s *columnSets, fields []logstorage.Field) knownSet {
	sum := uint64(len(fields))
	for i := range fields {
		sum = sum*0x9e3779b97f4a7c15 ^ maphash.String(idSeed, fields[i].Name)
	}
	known, ok := k[sum]
	if !ok {
		if len(k) >= maxKnownSets {
			clear(k)
		}
		known.id, known.usual = s.find(fields)
		k[sum] = known
	}
	return known
}
