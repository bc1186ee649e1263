package parse

import "slices"

// weighed is what a table of recent things needs to know of them: about how many bytes they hold.
type weighed interface{ weight() int }

// entryWeight is about what a map entry and its record cost, beside the line that its strings are parts of.
const entryWeight = 256

// recent remembers what was used lately. It keeps two generations, each of at most limit bytes: when the young one is
// full, the old one is forgotten. So it is bounded, and costs no more than a map. It is not safe for concurrent use.
type recent[K comparable, V weighed] struct {
	young, old map[K]V
	bytes      int // what the young ones weigh
	limit      int
	lost       func(V) // called with each that is forgotten for its age; nil for nothing
}

func newRecent[K comparable, V weighed](limit int) recent[K, V] {
	return recent[K, V]{young: make(map[K]V), limit: limit}
}

// get returns what is known under k, and makes it young again.
func (r *recent[K, V]) get(k K) (v V, ok bool) {
	if v, ok = r.young[k]; ok {
		return v, true
	}
	if v, ok = r.old[k]; ok {
		delete(r.old, k)
		r.put(k, v)
	}
	return v, ok
}

// put remembers v under k, which get must have denied, or given the same v.
func (r *recent[K, V]) put(k K, v V) {
	r.young[k] = v
	r.grow(v.weight())
}

// grow tells that what get or put touched last got heavier, or lighter by a negative number.
func (r *recent[K, V]) grow(bytes int) {
	r.bytes = max(0, r.bytes+bytes)
	if r.bytes <= r.limit {
		return
	}
	if r.lost != nil {
		for _, v := range r.old {
			r.lost(v)
		}
	}
	r.young, r.old = make(map[K]V), r.young
	r.bytes = 0
}

// drop forgets k.
func (r *recent[K, V]) drop(k K) {
	if v, ok := r.young[k]; ok {
		r.bytes = max(0, r.bytes-v.weight())
		delete(r.young, k)
	}
	delete(r.old, k)
}

// maxIDs bounds ids: about as many lines of one kind as a batch that comes twice has.
const (
	maxIDs   = 64
	idWeight = 48
)

// ids remembers the event ids of the last lines that a join took in, so that one that comes twice is known. A line
// without an id is always a new one.
type ids []string

func (s ids) has(id string) bool { return id != "" && slices.Contains(s, id) }

// add remembers an id, and returns by how much that made s heavier.
func (s *ids) add(id string) int {
	switch {
	case id == "":
		return 0
	case len(*s) == maxIDs:
		copy(*s, (*s)[1:])
		(*s)[maxIDs-1] = id
		return 0
	}
	*s = append(*s, id)
	return idWeight
}
