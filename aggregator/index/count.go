package index

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"belfry/shared/event"
)

// Check says which argument is wrong, or nil.
func (c Count) Check() error {
	switch {
	case c.Every < 0:
		return fmt.Errorf("%w: steps of %v: a step has a length, or is 0 for one that has all", ErrQuestion, c.Every)
	case c.Most < 0 || c.Most > MaxValues:
		return fmt.Errorf("%w: the %d most frequent values: ask for 1 to %d", ErrQuestion, c.Most, MaxValues)
	case c.By == "":
		return nil
	}
	return countable(c.By)
}

// Check says which argument is wrong, or nil.
func (t Top) Check() error {
	switch {
	case t.Field == "":
		return fmt.Errorf("%w: name a field whose values are to be counted", ErrQuestion)
	case t.Limit < 0 || t.Limit > MaxValues:
		return fmt.Errorf("%w: %d values: ask for 1 to %d", ErrQuestion, t.Limit, MaxValues)
	}
	return countable(t.Field)
}

// countable returns why the values of a field cannot be counted, or nil.
func countable(field string) error {
	if event.TypeOf(field) == event.Text {
		return fmt.Errorf("%w: %s is text: count a field of single values, or search for words of it", ErrQuestion, field)
	}
	return nil
}

// Step is what a Count counts by itself.
type Step struct {
	At    int64 // when it begins, nanoseconds since 1970
	Value string
}

// Begin returns when the step begins that has a time, in nanoseconds since 1970.
func (c Count) Begin(at int64) int64 {
	every := int64(c.Every)
	if every == 0 {
		return 0
	}
	r := at % every
	if r < 0 {
		r += every
	}
	return at - r
}

// Buckets returns the answer: the steps in order of time, those of one time in order of value.
func (c Count) Buckets(counts map[Step]uint64) []Bucket {
	all := make([]Bucket, 0, len(counts))
	for s, n := range counts {
		b := Bucket{Value: s.Value, Count: n}
		if c.Every > 0 {
			b.At = time.Unix(0, s.At).UTC()
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b Bucket) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Value, b.Value)) })
	return all
}
