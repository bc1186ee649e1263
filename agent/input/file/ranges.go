package file

import "slices"

// ranges is a set of bytes as sorted, separate pieces.
type ranges []piece

type piece struct {
	First uint64 `json:"first"`
	End   uint64 `json:"end"`
}

// add puts [first, end) into the set.
func (r *ranges) add(first, end uint64) {
	i, _ := slices.BinarySearchFunc(*r, first, func(p piece, at uint64) int {
		if p.End < at {
			return -1
		}
		return 1
	})
	j := i
	for j < len(*r) && (*r)[j].First <= end {
		first, end = min(first, (*r)[j].First), max(end, (*r)[j].End)
		j++
	}
	*r = slices.Replace(*r, i, j, piece{first, end})
}

// advance returns how far the set reaches from an offset without a hole, and forgets what lies before.
func (r *ranges) advance(from uint64) uint64 {
	for len(*r) > 0 && (*r)[0].First <= from {
		from = max(from, (*r)[0].End)
		*r = (*r)[1:]
	}
	if len(*r) == 0 {
		*r = nil // most contents rest, and memory is short
	}
	return from
}
