package enrich

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"sort"
)

// prefixes finds the networks that an address is in. For each length of a network there is one sorted list, so that a
// look-up is a binary search for each length that occurs, and an entry costs 20 bytes. IPv4 is kept as IPv6 keeps it,
// ::ffff:0:0/96. It is filled by add, then sort, and safe for concurrent use after that.
type prefixes struct {
	groups []group // in no order
}

// group is the networks of one length.
type group struct {
	bits   int // of 128
	keys   []key
	values []uint32
}

type key struct{ hi, lo uint64 }

func keyOf(a netip.Addr) key {
	b := a.As16()
	return key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// first returns the key with all but its first bits cleared.
func (k key) first(bits int) key {
	if bits <= 64 {
		return key{k.hi &^ (^uint64(0) >> bits), 0}
	}
	return key{k.hi, k.lo &^ (^uint64(0) >> (bits - 64))}
}

func (k key) compare(o key) int { return cmp.Or(cmp.Compare(k.hi, o.hi), cmp.Compare(k.lo, o.lo)) }

// v4Bits is where IPv4 begins.
const v4Bits = 96

// bitsOf is the length of a network among 128 bits.
func bitsOf(p netip.Prefix) int {
	if p.Addr().Is4() {
		return v4Bits + p.Bits()
	}
	return p.Bits()
}

func (t *prefixes) add(p netip.Prefix, value uint32) {
	bits := bitsOf(p)
	k := keyOf(p.Addr()).first(bits)
	for i := range t.groups {
		if g := &t.groups[i]; g.bits == bits {
			g.keys, g.values = append(g.keys, k), append(g.values, value)
			return
		}
	}
	t.groups = append(t.groups, group{bits, []key{k}, []uint32{value}})
}

// sort must come after the last add. Where one network stands twice, the value stays for which better is true.
func (t *prefixes) sort(better func(a, b uint32) bool) {
	for i := range t.groups {
		g := &t.groups[i]
		sort.Sort(g)
		kept := 0
		for j := 1; j < len(g.keys); j++ {
			if g.keys[j] != g.keys[kept] {
				kept++
				g.keys[kept], g.values[kept] = g.keys[j], g.values[j]
			} else if better != nil && better(g.values[j], g.values[kept]) {
				g.values[kept] = g.values[j]
			}
		}
		g.keys, g.values = fitted(g.keys[:kept+1]), fitted(g.values[:kept+1])
	}
}

// fitted returns s without the memory that it does not need.
func fitted[T any](s []T) []T {
	if cap(s)-len(s) < len(s)/8 {
		return s
	}
	return append(make([]T, 0, len(s)), s...)
}

func (g *group) Len() int           { return len(g.keys) }
func (g *group) Less(i, j int) bool { return g.keys[i].compare(g.keys[j]) < 0 }
func (g *group) Swap(i, j int) {
	g.keys[i], g.keys[j] = g.keys[j], g.keys[i]
	g.values[i], g.values[j] = g.values[j], g.values[i]
}

// find calls fn for each network that an address is in, with its length among 128 bits and its value. The address must
// not be IPv4 in IPv6.
func (t *prefixes) find(a netip.Addr, fn func(bits int, value uint32)) {
	k := keyOf(a)
	for i := range t.groups {
		g := &t.groups[i]
		if a.Is4() && g.bits <= v4Bits {
			continue // of IPv6
		}
		want := k.first(g.bits)
		if at, ok := sort.Find(len(g.keys), func(i int) int { return want.compare(g.keys[i]) }); ok {
			fn(g.bits, g.values[at])
		}
	}
}

// has reports whether an address is in any of the networks.
func (t *prefixes) has(a netip.Addr) (found bool) {
	t.find(a, func(int, uint32) { found = true })
	return found
}

func (t *prefixes) size() (n int) {
	for i := range t.groups {
		n += len(t.groups[i].keys)
	}
	return n
}
