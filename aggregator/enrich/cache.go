package enrich

import (
	"hash/maphash"
	"sync"
)

// Bounds of the caches, in entries. An address or a domain takes some 110 bytes with its place in the map, so all of
// them take 15 MB; a record of a database takes 250, and is shared by its addresses.
const (
	maxAddresses = 1 << 16
	maxDomains   = 1 << 16
	maxRecords   = 1 << 14
)

// shards keep goroutines from waiting for each other.
const shards = 16

// cache remembers what was looked up lately, be it that there is nothing. Each shard keeps two generations: when the
// young one is full, the old one is forgotten. A value must not be changed any more. It is safe for concurrent use.
type cache[K comparable, V any] struct {
	seed   maphash.Seed
	limit  int // entries of one generation of one shard
	shards [shards]shard[K, V]
}

type shard[K comparable, V any] struct {
	mu         sync.RWMutex
	young, old map[K]*V
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{seed: maphash.MakeSeed(), limit: limit / shards / 2}
}

func (c *cache[K, V]) shard(k K) *shard[K, V] { return &c.shards[maphash.Comparable(c.seed, k)%shards] }

// get returns what is known under k, and keeps it young.
func (c *cache[K, V]) get(k K) (v *V, ok bool) {
	s := c.shard(k)
	s.mu.RLock()
	v, ok = s.young[k]
	s.mu.RUnlock()
	if ok {
		return v, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok = s.old[k]; ok {
		delete(s.old, k)
		s.put(k, v, c.limit)
	}
	return v, ok
}

func (c *cache[K, V]) put(k K, v *V) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(k, v, c.limit)
}

func (s *shard[K, V]) put(k K, v *V, limit int) {
	if len(s.young) >= limit {
		s.young, s.old = nil, s.young
	}
	if s.young == nil {
		s.young = make(map[K]*V)
	}
	s.young[k] = v
}

// size is how many entries are held.
func (c *cache[K, V]) size() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.young) + len(s.old)
		s.mu.RUnlock()
	}
	return n
}
