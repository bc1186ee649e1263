package enrich

import (
	"hash/maphash"
	"math"
)

// names is a set of names, each with a number. The names lie one behind the other in one text, so that a million of
// them cost little more than their letters. It is filled by add, and safe for concurrent use after that.
type names struct {
	seed   maphash.Seed
	text   []byte
	ends   []uint32 // of each name in text
	values []uint32
	slots  []uint32 // a hash table of one more than the place in ends; 0 is free. At most half of it is used
}

// minSlots is a power of two.
const minSlots = 64

func (n *names) name(i uint32) []byte {
	start := uint32(0)
	if i > 0 {
		start = n.ends[i-1]
	}
	return n.text[start:n.ends[i]]
}

// slot returns where a name is, or would be.
func (n *names) slot(name string) uint64 {
	mask := uint64(len(n.slots) - 1)
	at := maphash.String(n.seed, name) & mask
	for n.slots[at] != 0 && string(n.name(n.slots[at]-1)) != name {
		at = (at + 1) & mask
	}
	return at
}

// add puts a name in. Where it stands already, the value stays for which better is true. It reports false if there is
// no more room.
func (n *names) add(name string, value uint32, better func(a, b uint32) bool) bool {
	if len(n.text)+len(name) > math.MaxUint32 {
		return false
	}
	if 2*len(n.ends) >= len(n.slots) {
		n.grow()
	}
	at := n.slot(name)
	if i := n.slots[at]; i != 0 {
		if better(value, n.values[i-1]) {
			n.values[i-1] = value
		}
		return true
	}
	n.text = append(n.text, name...)
	n.ends, n.values = append(n.ends, uint32(len(n.text))), append(n.values, value)
	n.slots[at] = uint32(len(n.ends))
	return true
}

func (n *names) grow() {
	if n.slots == nil {
		n.seed = maphash.MakeSeed()
	}
	n.slots = make([]uint32, max(minSlots, 2*len(n.slots)))
	mask := uint64(len(n.slots) - 1)
	for i := range n.ends {
		at := maphash.Bytes(n.seed, n.name(uint32(i))) & mask
		for n.slots[at] != 0 {
			at = (at + 1) & mask
		}
		n.slots[at] = uint32(i) + 1
	}
}

// fit gives back the memory that is not needed, after the last add.
func (n *names) fit() { n.text, n.ends, n.values = fitted(n.text), fitted(n.ends), fitted(n.values) }

func (n *names) get(name string) (value uint32, ok bool) {
	if len(n.slots) == 0 {
		return 0, false
	}
	i := n.slots[n.slot(name)]
	if i == 0 {
		return 0, false
	}
	return n.values[i-1], true
}

func (n *names) size() int { return len(n.ends) }
