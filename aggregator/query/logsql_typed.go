package query

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// maxExact is the integer up to which a float64 holds each.
const maxExact = 1 << 53

// integerTypes are the columns of logstorage where a range of numbers finds integers and nothing else.
const integerTypes = "uint8 uint16 uint32 uint64 int64"

func (n longs) logsql(b bound) filter {
	c, ok := columnOf(n.field)
	if !ok {
		return unknown(b)
	}
	expr := integersBetween(n.lo, n.hi)
	if expr == "" {
		return nothing
	}
	alone := c.integers(n, expr)
	if n.lo == n.hi {
		alone = c.alone(strconv.FormatInt(n.lo, 10))
	}
	return c.values(b, alone, c.re(inList(expr)), false)
}

// integers finds a range of integers. Logstorage compares as float64, and takes more for a number than we do.
func (c column) integers(n longs, expr string) filter {
	re := c.re("^" + expr + "$")
	lo, hi := "-inf", "inf"
	var typed []filter
	for _, t := range strings.Fields(integerTypes) {
		typed = append(typed, c.with("value_type("+t+")"))
	}
	if n.lo >= -maxExact {
		lo = strconv.FormatInt(n.lo, 10)
	}
	if n.hi <= maxExact {
		hi = strconv.FormatInt(n.hi, 10)
	}
	if n.lo < -maxExact && n.lo > minLong || n.hi > maxExact && n.hi < maxLong || hi == "inf" && n.lo > maxExact {
		return re
	}
	if hi == "inf" { // such a column may have integers beyond ours
		typed = typed[:0]
		for _, t := range strings.Fields("uint8 uint16 uint32 int64") {
			typed = append(typed, c.with("value_type("+t+")"))
		}
	}
	return every(c.with("range["+lo+", "+hi+"]"), either(append(typed, re)...))
}

func (n floats) logsql(b bound) filter {
	c, ok := columnOf(n.field)
	if !ok {
		return unknown(b)
	}
	return c.some(b) // logstorage reads other numbers than we do, and some of them not to the last digit
}

func (n addresses) logsql(b bound) filter {
	c, ok := columnOf(n.field)
	switch {
	case !ok:
		return unknown(b)
	case n.hi.Less(n.lo):
		return nothing
	}
	alone := every(c.with(fmt.Sprintf("ipv6_range(%s, %s)", sixteen(n.lo), sixteen(n.hi))), negate(c.re("%")))
	return c.values(b, alone, n.listed(c, b), false)
}

// listed finds the addresses in arrays. One that is written in its usual way is found exactly.
func (n addresses) listed(c column, b bound) filter {
	usual := nothing
	if expr := dotted(n.lo, n.hi); expr != "" {
		usual = c.re(inList(expr))
	} else if n.lo == n.hi {
		usual = c.contains(n.lo.Unmap().String())
	}
	switch {
	case b == atMost:
		return usual
	case usual == nothing:
		return c.with("*")
	case n.lo.Is4In6():
		return either(usual, c.re("(?:f|F){4}:")) // as an IPv6 address
	}
	return either(usual, c.re(":"))
}

// dotted returns a regular expression for the IPv4 addresses of a network; "" if the range is none.
func dotted(first, last netip.Addr) string {
	if !first.Is4In6() || !last.Is4In6() {
		return ""
	}
	lo, hi := first.Unmap().As4(), last.Unmap().As4()
	octets := make([]string, 0, len(lo))
	same := true // so far
	for i := range lo {
		if !same && (lo[i] != 0 || hi[i] != 255) {
			return ""
		}
		octets = append(octets, integersBetween(int64(lo[i]), int64(hi[i])))
		same = same && lo[i] == hi[i]
	}
	return strings.Join(octets, `\.`)
}

// sixteen writes an address so that logstorage reads it as one of 16 bytes.
func sixteen(a netip.Addr) string {
	b := a.As16()
	groups := make([]string, 0, len(b)/2)
	for i := 0; i < len(b); i += 2 {
		groups = append(groups, strconv.FormatUint(uint64(b[i])<<8|uint64(b[i+1]), 16))
	}
	return quote(strings.Join(groups, ":"))
}

func (n times) logsql(b bound) filter {
	if n.field == "@timestamp" {
		return n.rowTime()
	}
	c, ok := columnOf(n.field)
	if !ok {
		return unknown(b)
	}
	if b == atLeast {
		alone := c.with(n.between(n.lo.Truncate(time.Second), ceil(n.hi)))
		return c.values(b, alone, c.with("*"), false)
	}
	alone := every(c.with(n.between(ceil(n.lo), n.hi.Truncate(time.Second))), c.re(dateExpr))
	return c.values(b, alone, nothing, false)
}

// rowTime finds the rows of a time. A row has one, in nanoseconds.
func (n times) rowTime() filter {
	lo, hi := int64(minLong), int64(maxLong)
	if !n.lo.IsZero() {
		lo = nanoseconds(n.lo)
	}
	if !n.hi.IsZero() {
		hi = nanoseconds(n.hi)
	}
	if lo >= hi {
		return nothing
	}
	text := func(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000000Z") }
	switch {
	case lo == minLong && hi == maxLong:
		return everything
	case lo == minLong:
		return filter("_time:<" + text(hi))
	case hi == maxLong:
		return filter("_time:>=" + text(lo))
	}
	return filter("_time:[" + text(lo) + ", " + text(hi) + ")")
}

const (
	minLong = -1 << 63
	maxLong = 1<<63 - 1
)

// nanoseconds returns a time as a row has it, or the nearest.
func nanoseconds(t time.Time) int64 {
	switch s := t.Unix(); {
	case s <= minLong/int64(time.Second):
		return minLong
	case s >= maxLong/int64(time.Second):
		return maxLong
	}
	return t.UnixNano()
}

func ceil(t time.Time) time.Time {
	if down := t.Truncate(time.Second); !t.IsZero() && down.Before(t) {
		return down.Add(time.Second)
	}
	return t
}

// between compares times as text. It takes whole seconds, and leaves the Z out, which a fraction would come before.
func (n times) between(lo, hi time.Time) string {
	from, to := "", ":" // behind all digits
	if !lo.IsZero() {
		from = lo.UTC().Format(dateLayout)
	}
	if !hi.IsZero() && hi.UTC().Year() <= 9999 {
		to = hi.UTC().Format(dateLayout)
	}
	return "string_range(" + quote(from) + ", " + quote(to) + ")"
}

const dateLayout = "2006-01-02T15:04:05"

// dateExpr describes a date as Fits defines it, but for the last days of the months.
const dateExpr = `^[1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?Z$`

func (n texts) logsql(b bound) filter {
	c, ok := columnOf(n.field)
	if !ok {
		return unknown(b)
	}
	if c.always || doubtful(n.lo+n.hi) {
		return c.some(b)
	}
	lo, hi := n.lo, n.hi // logstorage takes the lower end in, and leaves the upper one out
	if lo == "" || !n.loIn {
		lo += "\x00"
	}
	switch {
	case hi == "":
		hi = "\xff" // behind all of UTF-8
	case n.hiIn:
		hi += "\x00"
	}
	listed := nothing
	if b == atLeast {
		listed = c.with("*")
	}
	return c.values(b, c.with("string_range("+quote(lo)+", "+quote(hi)+")"), listed, true)
}
