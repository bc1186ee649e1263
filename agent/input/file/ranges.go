package file

import "slices"

// ranges is a set of bytes as sorted, separate pieces.
type ranges []piece

type piece struct{ first, end uint64 }

// add puts [first, end) into the set.
func (r *ranges) add(first, end uint64) {
	i, _ := slices.BinarySearchFunc(*r, first, func(p piece, at uint64) int {
		if p.end < at {
			return -1
		}
		return 1
	})
	j := i
	for j < len(*r) && (*r)[j].first <= end {
		first, end = min(first, (*r)[j].first), max(end, (*r)[j].end)
		j++
	}
	*r = slices.Replace(*r, i, j, piece{first, end})
}

// advance returns how far the set reaches from an offset without a hole, and forgets what lies before.
func (r *ranges) advance(from uint64) uint64 {
	for len(*r) > 0 && (*r)[0].first <= from {
		from = max(from, (*r)[0].end)
		*r = (*r)[1:]
	}
	return from
}
