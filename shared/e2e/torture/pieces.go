package main

import "slices"

// pieces is a set of bytes, as sorted pieces that do not touch.
type pieces []piece

type piece struct{ first, end uint64 }

// with is the set with [first, end) in it. It may change p.
func (p pieces) with(first, end uint64) pieces {
	i, _ := slices.BinarySearchFunc(p, first, func(x piece, at uint64) int {
		if x.end < at {
			return -1
		}
		return 1
	})
	j := i
	for j < len(p) && p[j].first <= end {
		first, end = min(first, p[j].first), max(end, p[j].end)
		j++
	}
	return slices.Replace(p, i, j, piece{first, end})
}

// without is a new set: what is in p and not in q.
func (p pieces) without(q pieces) pieces {
	var rest pieces
	for _, x := range p {
		for _, y := range q {
			if y.end <= x.first || y.first >= x.end {
				continue
			}
			if y.first > x.first {
				rest = append(rest, piece{x.first, y.first})
			}
			x.first = min(y.end, x.end)
		}
		if x.first < x.end {
			rest = append(rest, x)
		}
	}
	return rest
}

// bytes is how many there are.
func (p pieces) bytes() (n uint64) {
	for _, x := range p {
		n += x.end - x.first
	}
	return n
}
