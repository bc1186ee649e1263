package query

import (
	"encoding/json"
	"math"
	"time"
)

func (n longs) elastic(s Schema, b bound) dsl {
	c, ok := s.of(n.field)
	switch {
	case !ok:
		return vague(b)
	case n.lo > n.hi:
		return matchNone()
	case c.Kind != ColumnLong:
		return c.some(n.field, b)
	case n.lo == n.hi:
		return term(c.Path, n.lo)
	}
	return between(c.Path, dsl{"gte": n.lo, "lte": n.hi})
}

// Lucene has -0 before 0.
func (n floats) elastic(s Schema, b bound) dsl {
	c, ok := s.of(n.field)
	switch {
	case !ok:
		return vague(b)
	case c.Kind != ColumnFloat:
		return c.some(n.field, b)
	}
	edges := dsl{}
	if !math.IsInf(n.lo, 0) {
		edges[map[bool]string{true: "gte", false: "gt"}[n.loIn]] = zero(n.lo, n.loIn)
	}
	if !math.IsInf(n.hi, 0) {
		edges[map[bool]string{true: "lte", false: "lt"}[n.hiIn]] = zero(n.hi, !n.hiIn)
	}
	return between(c.Path, edges)
}

// zero returns a number, and of the two zeros the one on the side that is asked for.
func zero(f float64, negative bool) any {
	if f != 0 {
		return f
	}
	if negative {
		return json.Number("-0.0") // the servers take -0 for an integer, and lose its sign
	}
	return 0.0
}

func (n addresses) elastic(s Schema, b bound) dsl {
	c, ok := s.of(n.field)
	switch {
	case !ok:
		return vague(b)
	case n.hi.Less(n.lo):
		return matchNone()
	case c.Kind != ColumnIP:
		return c.some(n.field, b)
	case n.lo == n.hi:
		return mostly(n.field, term(c.Path, n.lo.Unmap().String()), b)
	}
	// The column takes an address with a zone as one without.
	return mostly(n.field, between(c.Path, dsl{"gte": n.lo.Unmap().String(), "lte": n.hi.Unmap().String()}), b)
}

// maxBound is the longest text, in bytes, that a range or a prefix is asked by: an index makes an automaton of it, with a
// state for each byte, and refuses one of more than 1000.
const maxBound = 900

func (n texts) elastic(s Schema, b bound) dsl {
	c, ok := s.of(n.field)
	switch {
	case !ok:
		return vague(b)
	case c.Kind != ColumnKeyword, len(n.lo) > maxBound, len(n.hi) > maxBound:
		return c.some(n.field, b)
	}
	edges := dsl{}
	if n.lo != "" {
		edges[map[bool]string{true: "gte", false: "gt"}[n.loIn]] = n.lo
	}
	if n.hi != "" {
		edges[map[bool]string{true: "lte", false: "lt"}[n.hiIn]] = n.hi
	}
	return unsure(n.field, between(c.Path, edges), b)
}

// The times that date_nanos holds, in seconds.
const (
	firstNano = 0
	lastNano  = math.MaxInt64/int64(time.Second) - 1
)

func (n times) elastic(s Schema, b bound) dsl {
	c, ok := s.of(n.field)
	switch {
	case !ok:
		return vague(b)
	case c.Kind == ColumnDateNanos:
		return n.nanos(c, b)
	case c.Kind != ColumnDate:
		return c.some(n.field, b)
	}
	lo, hi := n.lo, n.hi // the column has them cut to milliseconds
	if b == atLeast {
		lo, hi = lo.Truncate(time.Millisecond), up(hi)
	} else {
		lo, hi = up(lo), hi.Truncate(time.Millisecond)
	}
	edges := dsl{"format": "strict_date_optional_time"}
	if !lo.IsZero() {
		edges["gte"] = lo.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if !hi.IsZero() && hi.UTC().Year() <= 9999 {
		edges["lt"] = hi.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return between(c.Path, edges)
}

func up(t time.Time) time.Time {
	if down := t.Truncate(time.Millisecond); !t.IsZero() && down.Before(t) {
		return down.Add(time.Millisecond)
	}
	return t
}

// nanos asks a column of nanoseconds, which holds two centuries. The index keeps @timestamp within.
func (n times) nanos(c Column, b bound) dsl {
	edges := dsl{"format": "strict_date_optional_time_nanos"}
	const layout = "2006-01-02T15:04:05.000000000Z"
	q := between(c.Path, edges)
	if !n.lo.IsZero() && n.lo.Unix() >= firstNano {
		edges["gte"] = n.lo.UTC().Format(layout)
		if n.lo.Unix() > lastNano {
			q = matchNone()
		}
	}
	if !n.hi.IsZero() && n.hi.Unix() <= lastNano {
		edges["lt"] = n.hi.UTC().Format(layout)
		if n.hi.Unix() < firstNano {
			q = matchNone()
		}
	}
	if len(edges) == 1 {
		q = dsl{"exists": dsl{"field": c.Path}}
	}
	if n.field == "@timestamp" {
		return q
	}
	return mostly(n.field, q, b) // the format of the column may take more than Fits does
}
