package query

import (
	"slices"
	"sort"
	"unicode"
)

// A class is a set of characters: pairs of first and last, in order, that do not touch.

// inClass reports whether a character is in a class: pairs of first and last, in order.
func inClass(pairs []rune, r rune) bool {
	i := sort.Search(len(pairs)/2, func(i int) bool { return pairs[2*i+1] >= r })
	return 2*i < len(pairs) && pairs[2*i] <= r
}

// sorted puts single characters of a class in order.
func sorted(pairs []rune) []rune {
	slices.Sort(pairs)
	return pairs
}

// union returns the characters of either class.
func union(a, b []rune) []rune {
	pairs := make([][2]rune, 0, (len(a)+len(b))/2)
	for _, c := range [][]rune{a, b} {
		for i := 0; i < len(c); i += 2 {
			pairs = append(pairs, [2]rune{c[i], c[i+1]})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	var of []rune
	for _, p := range pairs {
		if n := len(of); n > 0 && p[0] <= of[n-1]+1 {
			of[n-1] = max(of[n-1], p[1])
		} else {
			of = append(of, p[0], p[1])
		}
	}
	return of
}

// intersect returns the characters of both classes.
func intersect(a, b []rune) []rune {
	var of []rune
	for len(a) > 0 && len(b) > 0 {
		if lo, hi := max(a[0], b[0]), min(a[1], b[1]); lo <= hi {
			of = append(of, lo, hi)
		}
		if a[1] < b[1] {
			a = a[2:]
		} else {
			b = b[2:]
		}
	}
	return of
}

// complement returns the characters that are not in a class.
func complement(class []rune) []rune {
	var of []rune
	next := rune(0)
	for i := 0; i < len(class); i += 2 {
		if class[i] > next {
			of = append(of, next, class[i]-1)
		}
		next = class[i+1] + 1
	}
	if next <= unicode.MaxRune {
		of = append(of, next, unicode.MaxRune)
	}
	return of
}

// without returns a class without the characters of another.
func without(class, other []rune) []rune { return intersect(class, complement(other)) }
