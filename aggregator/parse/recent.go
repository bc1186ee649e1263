package parse

// weighed is what a table of recent things needs to know of them: about how many bytes they hold.
type weighed interface{ weight() int }

// recent remembers what was used lately. It keeps two generations, each of at most limit bytes: when the young one is
// full, the old one is forgotten. So it is bounded, and costs no more than a map. It is not safe for concurrent use.
type recent[K comparable, V weighed] struct {
	young, old map[K]V
	bytes      int
	limit      int
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

// grow tells that what is remembered got heavier.
func (r *recent[K, V]) grow(bytes int) {
	r.bytes += bytes
	if r.bytes > r.limit {
		r.young, r.old = make(map[K]V), r.young
		r.bytes = 0
	}
}

// drop forgets k.
func (r *recent[K, V]) drop(k K) {
	delete(r.young, k)
	delete(r.old, k)
}
